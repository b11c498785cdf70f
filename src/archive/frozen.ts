import { AshlarError } from '../common/errors.ts'
import type { Suite } from './suite-table.ts'

/** Asked before packages come into a suite or go out of it. @throws AshlarError suite-frozen */
export function requireThawed({ name, settings }: Suite): void {
  if (!settings.frozen) return
  throw new AshlarError('suite-frozen', `The suite '${name}' is frozen: no package comes in or goes out.`)
}
