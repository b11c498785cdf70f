/** The item of a package of which a mirror's index tells. */
import type { Sha256 } from '../common/digest.ts'
import { entryKey, poolDirectory, secondPoolDirectory } from './entry-key.ts'
import type { NewItem } from './new-items.ts'
import type { PoolClaim } from './pool-claims.ts'
import type { MapKind } from './suite-items.ts'

export interface ClaimedItem {
  readonly suiteId: number
  readonly packageId: number
  readonly component: string
  /** As upstream lists it. */
  readonly kind: MapKind
  readonly name: string
  readonly sourceName: string
  readonly versionKey: string
  /** `source` of a source package. */
  readonly architecture: string
  /** Of the .deb or the .dsc. */
  readonly sha256: Sha256
  /** With the names that the pool gives them. */
  readonly files: readonly { readonly name: string; readonly fileId: number }[]
}

export function claimedItem(found: ClaimedItem): NewItem {
  const { component, name, sourceName } = found
  const directory = poolDirectory(component, sourceName)
  const second = secondPoolDirectory(component, sourceName, found.sha256)
  const claimsIn = (place: string): PoolClaim[] =>
    found.files.map((file) => ({ path: `${place}/${file.name}`, fileId: file.fileId, claimed: true }))
  return {
    row: {
      suite_id: found.suiteId,
      package_id: found.packageId,
      name,
      source_name: sourceName,
      component,
      section: null,
      priority: null,
      map_kind: found.kind,
      architecture: found.architecture,
      entry_key: entryKey(sourceName, name, found.versionKey),
      directory,
    },
    claims: claimsIn(directory),
    second: { directory: second, claims: claimsIn(second) },
    step: 0,
  }
}
