/** What a mirrored suite has now. */
import type { Kysely } from 'kysely'
import { reserveSuiteId } from '../archive/reserved-suites.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { groupKey } from './upstream-state.ts'
import type { IndexGroup } from './wanted-indexes.ts'

/** What is known of one group of indexes: the claims of its packages, and beside them the items. */
export interface KnownItems {
  readonly claims: readonly string[]
  readonly ids: readonly number[]
}

export interface SuiteNow {
  readonly archiveId: number
  readonly suiteId: number
  /** The newest revision that changed it; null before the first. */
  readonly base: number | null
}

const rowsPerQuery = 2000

/** A suite that is there only once the first update is sealed has its id from now on. */
export async function suiteNow(database: Database, archiveId: number, name: string): Promise<SuiteNow> {
  const suiteId = await reserveSuiteId(database, archiveId, name)
  const last = await database.read
    .selectFrom('release_issue')
    .select('revision')
    .where('suite_id', '=', suiteId)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst()
  return { archiveId, suiteId, base: last?.revision ?? null }
}

/** What the suite has of each group of indexes, by `groupKey`. */
export async function knownItems(db: Kysely<Tables>, suiteId: number): Promise<Map<string, KnownItems>> {
  const known = new Map<string, { claims: string[]; ids: number[] }>()
  for (let last = 0; ;) {
    const rows = await db
      .selectFrom('suite_item as item')
      .innerJoin('package', 'package.id', 'item.package_id')
      .innerJoin('change as added', 'added.id', 'item.added_by')
      .select(['item.id', 'item.component', 'item.map_kind as kind', 'package.claim'])
      .where('item.suite_id', '=', suiteId)
      .where('item.removed_by', 'is', null)
      .where('added.revision', 'is not', null)
      .where('item.id', '>', last)
      .orderBy('item.id')
      .limit(rowsPerQuery)
      .execute()
    for (const { id, component, kind, claim } of rows) {
      const key = groupKey({ component, kind: kind satisfies IndexGroup['kind'] | 'debug' })
      const group = known.get(key) ?? { claims: [], ids: [] }
      known.set(key, group)
      group.claims.push(claim)
      group.ids.push(id)
    }
    last = rows.at(-1)?.id ?? last
    if (rows.length < rowsPerQuery) return known
  }
}
