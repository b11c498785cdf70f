/**
 * Lost patches of indexes are not made again, nor are the indexes that name them: they leave the suite, in every revision
 * that has them. A client then takes the whole index, and the next change begins a new history.
 */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import { pdiffDirectoryOf } from '../../debian/pdiff-index.ts'

/** An index that a suite had from one revision to another, and has not any more. */
export interface LeavingIndex {
  readonly suiteId: number
  readonly path: string
  readonly from: number
  readonly until: number | null
  /** Whether Releases list it. */
  readonly listed: boolean
}

const IDS_PER_QUERY = 200

/** The lost ones, and each index of patches that names one of them. */
export async function leavingPdiffs(db: Kysely<Tables>, lostIds: readonly number[]): Promise<LeavingIndex[]> {
  const leaving = new Map<string, LeavingIndex>()
  const add = (index: LeavingIndex): unknown => leaving.set(`${index.suiteId} ${index.from} ${index.path}`, index)
  for (let start = 0; start < lostIds.length; start += IDS_PER_QUERY) {
    const lost = await db
      .selectFrom('release_index')
      .select(['suite_id as suiteId', 'path', 'from_revision as from', 'until_revision as until', 'listed'])
      .where('index_file_id', 'in', lostIds.slice(start, start + IDS_PER_QUERY))
      .execute()
    for (const { listed, ...row } of lost) {
      add({ ...row, listed: listed === 1 })
      for (const index of await indexesNaming(db, row)) add(index)
    }
  }
  return [...leaving.values()]
}

/** Its patches lie beside an index of patches for as long as it names them. */
async function indexesNaming(db: Kysely<Tables>, patch: Omit<LeavingIndex, 'listed'>): Promise<LeavingIndex[]> {
  const { suiteId, from, until } = patch
  const path = `${pdiffDirectoryOf(patch.path) ?? ''}Index`
  let query = db
    .selectFrom('release_index')
    .select(['from_revision as from', 'until_revision as until'])
    .where('suite_id', '=', suiteId)
    .where('path', '=', path)
    .where((eb) => eb.or([eb('until_revision', 'is', null), eb('until_revision', '>', from)]))
  if (until !== null) query = query.where('from_revision', '<', until)
  return (await query.execute()).map((row) => ({ ...row, suiteId, path, listed: true }))
}
