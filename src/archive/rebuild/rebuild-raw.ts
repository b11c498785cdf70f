/** Raw indexes whose bytes lay in a lost pack, made again where a suite still tells what they were. */
import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/database.ts'
import type { Tables } from '../../database/schema.ts'
import { pdiffDirectoryOf } from '../../debian/pdiff-index.ts'
import { remadeIndex } from '../extra-indexes.ts'
import { suitesAt } from '../suite-table.ts'

/** A raw index whose pack is lost. */
export interface LostIndex {
  readonly id: number
  readonly archiveId: number
  readonly fileId: number
  readonly sha256: string
}

/** In the order in which they lay in their files. */
export async function indexesIn({ read }: Database, fileIds: readonly number[]): Promise<LostIndex[]> {
  const lost: LostIndex[] = []
  for (const fileId of fileIds) {
    const rows = await read
      .selectFrom('index_file')
      .select(['id', 'archive_id as archiveId', 'sha256'])
      .where('file_id', '=', fileId)
      .orderBy('file_offset')
      .execute()
    lost.push(...rows.map((row) => ({ ...row, fileId })))
  }
  return lost
}

export type RemadeIndex =
  | { readonly kind: 'made'; readonly bytes: Uint8Array }
  /** A patch of an index, or an index of patches (rebuild-pdiffs.ts). */
  | { readonly kind: 'leaves' }
  /** No retained revision has it. */
  | { readonly kind: 'unlisted' }
  | { readonly kind: 'unknown'; readonly path: string }

export async function remake(db: Kysely<Tables>, lost: LostIndex): Promise<RemadeIndex> {
  const rows = await db
    .selectFrom('release_index')
    .innerJoin('suite', 'suite.id', 'release_index.suite_id')
    .innerJoin('archive', 'archive.id', 'suite.archive_id')
    .select(['suite.name', 'release_index.path', 'from_revision as from', 'archive.retained_from as retainedFrom'])
    .where('index_file_id', '=', lost.id)
    .where((eb) =>
      eb.or([eb('until_revision', 'is', null), eb('until_revision', '>', eb.ref('archive.retained_from'))]),
    )
    .execute()
  for (const { name, path, from, retainedFrom } of rows) {
    const revision = Math.max(from, retainedFrom)
    const suite = (await suitesAt(db, lost.archiveId, revision)).get(name)
    const bytes = await remadeIndex(db, suite, revision, path)
    if (bytes !== undefined && hash('sha256', bytes) === lost.sha256) return { kind: 'made', bytes }
  }
  if (rows.length > 0 && rows.every(({ path }) => pdiffDirectoryOf(path) !== undefined)) return { kind: 'leaves' }
  return rows[0] === undefined ? { kind: 'unlisted' } : { kind: 'unknown', path: `${rows[0].name}/${rows[0].path}` }
}
