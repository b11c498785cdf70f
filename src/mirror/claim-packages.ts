/** Records packages of which an upstream's index tells: their files, where these lie, and what is claimed of them. */
import type { Transaction } from 'kysely'
import { noteSent } from '../archive/archive-files.ts'
import { claimedItem } from '../archive/claimed-item.ts'
import type { NewItem } from '../archive/new-items.ts'
import type { Sha256 } from '../common/digest.ts'
import type { Micros, Tables } from '../database/schema.ts'
import type { StoredFile } from '../storage/file-copies.ts'
import { recordRemoteFiles } from '../storage/remote-copies.ts'
import type { ClaimedPackage } from './index-reader.ts'
import type { IndexGroup } from './wanted-indexes.ts'

/** For whom, and where they go. */
export interface ClaimPlace {
  readonly archiveId: number
  readonly suiteId: number
  readonly storeId: number
  readonly group: Pick<IndexGroup, 'component' | 'kind'>
}

export interface Claimed {
  readonly items: readonly NewItem[]
  readonly files: readonly StoredFile[]
  /** Of which a file was purged here, or is known with another size. */
  readonly refused: readonly ClaimedPackage[]
}

const rowsPerQuery = 1000

/** Records some hundred packages. What is recorded already stays. */
export async function claimPackages(
  trx: Transaction<Tables>,
  place: ClaimPlace,
  packages: readonly ClaimedPackage[],
  now: Micros,
): Promise<Claimed> {
  const files = await recordRemoteFiles(
    trx,
    place.storeId,
    packages.flatMap((found) => found.files),
    now,
  )
  const idOf = new Map<Sha256, number>(files.map((file) => [file.sha256, file.id]))
  const [sound, refused] = [[] as ClaimedPackage[], [] as ClaimedPackage[]]
  for (const found of packages) (found.files.every(({ sha256 }) => idOf.has(sha256)) ? sound : refused).push(found)
  if (sound.length === 0) return { items: [], files: [], refused }
  const ids = await recordClaims(trx, place.archiveId, sound, idOf, now)
  await recordFiles(trx, sound, ids, idOf)
  await noteSent(
    trx,
    place.archiveId,
    files.map((file) => file.id),
  )
  return { items: sound.map((found) => itemOf(place, found, ids, idOf)), files, refused }
}

/** The ids of the packages by their claims. */
async function recordClaims(
  trx: Transaction<Tables>,
  archiveId: number,
  packages: readonly ClaimedPackage[],
  idOf: ReadonlyMap<Sha256, number>,
  now: Micros,
): Promise<Map<string, number>> {
  const rows = await trx
    .insertInto('package')
    .values(
      packages.map((found) => ({
        file_id: idIn(idOf, found.files[0].sha256),
        claimed_in: archiveId,
        claim: found.claim,
        kind: found.kind,
        name: found.name,
        version: found.version,
        version_key: found.versionKey,
        architecture: found.architecture,
        source_name: found.sourceName,
        source_version: found.sourceVersion,
        section: found.section,
        priority: found.priority,
        debug_symbols: 0 as const,
        stanza: found.stanza,
        created_at: now,
      })),
    )
    // Written all the same, so that it is returned, and not forgotten before its item is there (artifact/forget-claims.ts).
    .onConflict((conflict) => conflict.columns(['file_id', 'claimed_in', 'claim']).doUpdateSet({ created_at: now }))
    .returning(['id', 'claim'])
    .execute()
  return new Map(rows.map((row) => [row.claim, row.id]))
}

async function recordFiles(
  trx: Transaction<Tables>,
  packages: readonly ClaimedPackage[],
  ids: ReadonlyMap<string, number>,
  idOf: ReadonlyMap<Sha256, number>,
): Promise<void> {
  const rows = packages.flatMap((found) =>
    found.files.map(({ name, sha256 }) => ({
      package_id: idIn(ids, found.claim),
      name,
      file_id: idIn(idOf, sha256),
    })),
  )
  for (let start = 0; start < rows.length; start += rowsPerQuery) {
    await trx
      .insertInto('package_file')
      .values(rows.slice(start, start + rowsPerQuery))
      .onConflict((conflict) => conflict.columns(['package_id', 'name']).doNothing())
      .execute()
  }
}

function itemOf(
  { suiteId, group }: ClaimPlace,
  found: ClaimedPackage,
  ids: ReadonlyMap<string, number>,
  idOf: ReadonlyMap<Sha256, number>,
): NewItem {
  const { name, sourceName, versionKey, architecture } = found
  return claimedItem({
    suiteId,
    packageId: idIn(ids, found.claim),
    component: group.component,
    kind: group.kind,
    name,
    sourceName,
    versionKey,
    architecture,
    sha256: found.files[0].sha256,
    files: found.files.map((file) => ({ name: file.name, fileId: idIn(idOf, file.sha256) })),
  })
}

function idIn<Key extends string>(ids: ReadonlyMap<Key, number>, key: Key): number {
  const id = ids.get(key)
  if (id === undefined) throw new Error(`${key} was not recorded`)
  return id
}
