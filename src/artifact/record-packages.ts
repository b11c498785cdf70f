/** Records what was read of packages: once per file, whoever holds it. */
import type { Kysely, Transaction } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { Micros, Tables } from '../database/schema.ts'
import type { PackageIdentity, PackageReading } from './reading.ts'

export interface ReadPackage {
  /** Of the .deb or .dsc itself. */
  readonly fileId: number
  readonly reading: PackageReading
  /** The files that the package consists of; each of its digests is among them. */
  readonly fileIds: ReadonlyMap<Sha256, number>
}

/** Keeps the parameters of one statement well below the limits of both dialects. */
const packagesAtOnce = 1000

/** Records packages, some hundreds with each statement. @returns package ids by file id, also of those known before. */
export async function recordPackages(
  trx: Transaction<Tables>,
  packages: readonly ReadPackage[],
  now: Micros,
): Promise<Map<number, number>> {
  const byFile = new Map(packages.map((one) => [one.fileId, one]))
  // In one order for everyone, so that two transactions cannot wait for each other.
  const ordered = [...byFile.values()].sort((a, b) => a.fileId - b.fileId)
  const ids = new Map<number, number>()
  for (let start = 0; start < ordered.length; start += packagesAtOnce) {
    const batch = ordered.slice(start, start + packagesAtOnce)
    const inserted = await trx
      .insertInto('package')
      .values(batch.map((one) => packageRow(one, now)))
      .onConflict((conflict) => conflict.columns(['file_id', 'claimed_in', 'claim']).doNothing())
      .returning(['id', 'file_id'])
      .execute()
    const fresh = new Map(inserted.map((row) => [row.file_id, row.id]))
    await insertParts(trx, byFile, fresh)
    const known = batch.map((one) => one.fileId).filter((fileId) => !fresh.has(fileId))
    for (const [fileId, id] of fresh) ids.set(fileId, id)
    for (const [fileId, found] of await knownPackages(trx, known)) ids.set(fileId, found.id)
  }
  return ids
}

/** Packages that were read before, by the id of their .deb or .dsc. */
export async function knownPackages(
  db: Kysely<Tables>,
  fileIds: readonly number[],
): Promise<Map<number, PackageIdentity & { readonly id: number }>> {
  if (fileIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('package')
    .select([
      'id',
      'file_id',
      'name',
      'version',
      'architecture',
      'source_name as sourceName',
      'source_version as sourceVersion',
    ])
    .where('file_id', 'in', [...fileIds])
    .where('claimed_in', '=', 0)
    .execute()
  return new Map(rows.map(({ file_id, ...found }) => [file_id, found]))
}

/** The files and the contents of packages that are new. */
async function insertParts(
  trx: Transaction<Tables>,
  byFile: ReadonlyMap<number, ReadPackage>,
  ids: ReadonlyMap<number, number>,
): Promise<void> {
  const files: { package_id: number; name: string; file_id: number }[] = []
  const contents: { package_id: number; paths: Uint8Array }[] = []
  for (const [fileId, packageId] of ids) {
    const one = byFile.get(fileId)
    if (one === undefined) continue
    for (const file of one.reading.files) {
      const id = one.fileIds.get(file.sha256)
      if (id === undefined) throw new Error(`The file ${file.name} of package ${packageId} is not recorded`)
      files.push({ package_id: packageId, name: file.name, file_id: id })
    }
    if (one.reading.paths !== null) contents.push({ package_id: packageId, paths: one.reading.paths })
  }
  // A source package may list any number of files.
  for (let start = 0; start < files.length; start += packagesAtOnce) {
    await trx
      .insertInto('package_file')
      .values(files.slice(start, start + packagesAtOnce))
      .execute()
  }
  if (contents.length > 0) await trx.insertInto('package_contents').values(contents).execute()
}

function packageRow({ fileId, reading }: ReadPackage, now: Micros) {
  return {
    file_id: fileId,
    claimed_in: 0,
    claim: '',
    kind: reading.kind,
    name: reading.name,
    version: reading.version,
    version_key: reading.versionKey,
    architecture: reading.architecture,
    source_name: reading.sourceName,
    source_version: reading.sourceVersion,
    section: reading.section,
    priority: reading.priority,
    debug_symbols: reading.debugSymbols ? (1 as const) : (0 as const),
    stanza: reading.stanza,
    created_at: now,
  }
}
