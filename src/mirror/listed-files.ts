/** The files that a mirrored suite lists, and which of them are here: an upstream may delete what it listed. */
import type { Kysely } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import { isHeldItem } from '../artifact/held-items.ts'
import type { Tables } from '../database/schema.ts'
import type { StoredFile } from '../storage/file-copies.ts'

export interface Completeness {
  /** Of what the suite has now. */
  readonly files: number
  readonly bytes: number
  readonly filesHere: number
  readonly bytesHere: number
}

const rowsPerQuery = 2000

interface Listed extends StoredFile {
  readonly isHere: boolean
}

/**
 * The files of a suite's packages, a page at a time, each once.
 * @param of what the suite has `now`, or also what its `retained` revisions have
 */
async function* listedFiles(
  db: Kysely<Tables>,
  suiteId: number,
  of: 'now' | 'retained',
): AsyncGenerator<Listed[], void, undefined> {
  const seen = new Set<number>()
  for (let last = 0; ;) {
    let items = db
      .selectFrom('suite_item as item')
      .innerJoin('suite', 'suite.id', 'item.suite_id')
      .innerJoin('archive', 'archive.id', 'suite.archive_id')
      .innerJoin('change as added', 'added.id', 'item.added_by')
      .select(['item.id', 'item.package_id', 'archive.id as archive_id'])
      .where('item.suite_id', '=', suiteId)
      .where('added.revision', 'is not', null)
      .where('item.id', '>', last)
      .orderBy('item.id')
      .limit(rowsPerQuery)
    items = of === 'now' ? items.where('item.removed_by', 'is', null) : items.where(isHeldItem)
    const page = await items.execute()
    if (page.length > 0) {
      const files = await filesOf(db, page)
      yield files.filter((file) => !seen.has(file.id) && seen.add(file.id))
    }
    last = page.at(-1)?.id ?? last
    if (page.length < rowsPerQuery) return
  }
}

async function filesOf(
  db: Kysely<Tables>,
  items: readonly { readonly package_id: number; readonly archive_id: number }[],
): Promise<Listed[]> {
  const archiveId = items[0]?.archive_id ?? 0
  const rows = await db
    .selectFrom('package_file')
    .innerJoin('package', 'package.id', 'package_file.package_id')
    .innerJoin('file', 'file.id', 'package_file.file_id')
    .leftJoin('archive_file', (join) =>
      join.onRef('archive_file.file_id', '=', 'file.id').on('archive_file.archive_id', '=', archiveId),
    )
    .select(['file.id', 'file.sha256', 'file.size', 'package.claimed_in', 'archive_file.file_id as had'])
    .where(
      'package_file.package_id',
      'in',
      items.map((item) => item.package_id),
    )
    .execute()
  return rows.map(({ id, sha256, size, claimed_in: claimedIn, had }) => ({
    id,
    // The digest was checked when the row was written.
    sha256: sha256 as Sha256,
    sizeBytes: size,
    isHere: claimedIn === 0 || had !== null,
  }))
}

export async function completenessOf(db: Kysely<Tables>, suiteId: number): Promise<Completeness> {
  const sum = { files: 0, bytes: 0, filesHere: 0, bytesHere: 0 }
  for await (const files of listedFiles(db, suiteId, 'now')) {
    for (const { sizeBytes, isHere } of files) {
      sum.files += 1
      sum.bytes += sizeBytes
      sum.filesHere += isHere ? 1 : 0
      sum.bytesHere += isHere ? sizeBytes : 0
    }
  }
  return sum
}

/** What is only upstream of what the suite has, and had at revisions that are still installable. */
export async function filesUpstream(db: Kysely<Tables>, suiteId: number): Promise<StoredFile[]> {
  const missing: StoredFile[] = []
  for await (const files of listedFiles(db, suiteId, 'retained')) {
    for (const { isHere, ...file } of files) if (!isHere) missing.push(file)
  }
  return missing
}
