import type { Static } from 'typebox'
import type { InstallReason } from '../debian/install-reasons.ts'
import type { InstallReason as ReasonModel } from './check-models.ts'

/** Packages that cannot be installed, as people are told of them: without what the database calls them. */
export function uninstallableDocuments<T extends { readonly id?: number; readonly reasons: readonly InstallReason[] }>(
  packages: readonly T[],
): (Omit<T, 'id' | 'reasons'> & { reasons: Static<typeof ReasonModel>[] })[] {
  // A reason is plain values already; its model only has them in one shape for all kinds.
  return packages.map(({ id: _, reasons, ...told }) => ({
    ...told,
    reasons: reasons as unknown as Static<typeof ReasonModel>[],
  }))
}
