/** The revisions that changed a suite, and the changes in them. */
import type { Kysely } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'
import {
  type ChangeRequest,
  LINES_PER_ANSWER,
  type PackageLine,
  type SealedBatch,
  type SealedChange,
  type StepRequest,
} from './change-request.ts'
import type { Suite } from './suite-table.ts'

export interface HistoryChange {
  readonly change: number
  readonly kind: ChangeRequest['kind']
  readonly user: string | null
  /** The batch that it is a step of. */
  readonly batch: number | null
  readonly added: number
  readonly removed: number
  /** How many packages it made uninstallable, as far as suites want to be told. */
  readonly uninstallable: number
  /** Of a mirror: how many indexes beside those of packages came from upstream, as others or anew, or went. */
  readonly takenIndexes: number
}

export interface HistoryEntry {
  readonly revision: number
  readonly sealedAt: Micros
  /** Whether it is still installable. */
  readonly state: 'sealed' | 'expired'
  readonly changes: readonly HistoryChange[]
}

/** Newest first. */
export async function suiteHistory(
  db: Kysely<Tables>,
  archiveId: number,
  suite: Suite,
  page: { readonly before?: number | undefined; readonly limit: number },
): Promise<HistoryEntry[]> {
  let query = db
    .selectFrom('release_issue')
    .innerJoin('revision', (join) =>
      join.onRef('revision.number', '=', 'release_issue.revision').on('revision.archive_id', '=', archiveId),
    )
    .select(['revision.number', 'revision.sealed_at', 'revision.state'])
    .where('suite_id', '=', suite.id)
    .where('kind', '=', 'live')
    .orderBy('release_issue.revision', 'desc')
    .limit(page.limit)
  if (page.before !== undefined) query = query.where('release_issue.revision', '<', page.before)
  const revisions = await query.execute()
  const changes = await changesOf(
    db,
    archiveId,
    revisions.map((row) => row.number),
    suite,
  )
  return revisions.map((row) => ({
    revision: row.number,
    sealedAt: row.sealed_at,
    state: row.state,
    changes: changes.filter((change) => change.revision === row.number).map(({ revision: _, ...change }) => change),
  }))
}

async function changesOf(
  db: Kysely<Tables>,
  archiveId: number,
  revisions: readonly number[],
  suite: Suite,
): Promise<(HistoryChange & { revision: number })[]> {
  if (revisions.length === 0) return []
  const changes = await db
    .selectFrom('change')
    .leftJoin('user', 'user.id', 'change.user_id')
    .select(['change.id', 'change.revision', 'change.kind', 'change.batch_id', 'user.name'])
    .select('change.outcome_json')
    .where('change.archive_id', '=', archiveId)
    .where('change.revision', 'in', [...revisions])
    .orderBy('change.id')
    .execute()
  const ids = changes.map((change) => change.id)
  const added = await countItems(db, suite.id, 'added_by', ids)
  const removed = await countItems(db, suite.id, 'removed_by', ids)
  const named = await namingChanges(db, suite.id, ids)
  const mirrored = await mirroring(
    db,
    suite.name,
    changes.filter(({ id, kind }) => kind === 'mirror' && !added.has(id) && !removed.has(id)).map(({ id }) => id),
  )
  return changes.flatMap((row) => {
    // What the change did tells whether it concerns the suite: its request may name an alias that has moved since.
    const isOfSuite = [added, removed, named, mirrored].some((changed) => changed.has(row.id))
    if (row.revision === null || !isOfSuite) return []
    const outcome = outcomeOf(row.outcome_json)
    return {
      revision: row.revision,
      change: row.id,
      kind: row.kind as ChangeRequest['kind'],
      user: row.name,
      batch: row.batch_id,
      added: added.get(row.id) ?? 0,
      removed: removed.get(row.id) ?? 0,
      uninstallable: outcome.uninstallable?.length ?? 0,
      takenIndexes: outcome.takenIndexes ?? 0,
    }
  })
}

/** Those of the changes of mirrors that brought a suite indexes. A mirror names its suite by the name that it has for ever. */
async function mirroring(db: Kysely<Tables>, suite: string, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set()
  // Without packages to come and go, what they asked for is short.
  const rows = await db
    .selectFrom('change')
    .select(['id', 'request_json'])
    .where('id', 'in', [...ids])
    .execute()
  const requests = rows.map(({ id, request_json: json }) => ({ id, request: JSON.parse(json) as StepRequest }))
  const own = requests.filter(
    ({ request }) => request.kind === 'mirror' && request.suite === suite && request.taken !== undefined,
  )
  return new Set(own.map(({ id }) => id))
}

/** Those of the changes that gave a suite settings or an alias. */
async function namingChanges(db: Kysely<Tables>, suiteId: number, ids: readonly number[]): Promise<Set<number>> {
  if (ids.length === 0) return new Set()
  const of = (table: 'suite_settings' | 'suite_alias') =>
    db
      .selectFrom(table)
      .select('added_by')
      .where('suite_id', '=', suiteId)
      .where('added_by', 'in', [...ids])
      .execute()
  const rows = [...(await of('suite_settings')), ...(await of('suite_alias'))]
  return new Set(rows.map((row) => row.added_by))
}

async function countItems(
  db: Kysely<Tables>,
  suiteId: number,
  column: 'added_by' | 'removed_by',
  changeIds: readonly number[],
): Promise<Map<number, number>> {
  if (changeIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('suite_item')
    .select((eb) => [eb.ref(column).as('change'), 'suite_id', eb.fn.countAll<number>().as('count')])
    .where(column, 'in', [...changeIds])
    .groupBy([column, 'suite_id'])
    .execute()
  // Told apart here: asked for one suite, a planner would go through all that this ever had.
  const own = rows.filter((row) => row.suite_id === suiteId)
  return new Map(own.map((row) => [row.change ?? 0, row.count]))
}

/** What items do not tell of a change. */
function outcomeOf(
  json: string | null,
): Partial<Pick<SealedChange, 'leftOut' | 'unmet' | 'uninstallable'> & Pick<HistoryChange, 'takenIndexes'>> {
  return JSON.parse(json ?? '{}') as ReturnType<typeof outcomeOf>
}

/** What became of a change that is sealed. */
export async function sealedChange(db: Kysely<Tables>, changeId: number): Promise<SealedChange> {
  const change = await db
    .selectFrom('change')
    .innerJoin('revision', (join) =>
      join.onRef('revision.archive_id', '=', 'change.archive_id').onRef('revision.number', '=', 'change.revision'),
    )
    .select(['change.request_json', 'change.outcome_json', 'revision.number', 'revision.sealed_at'])
    .where('change.id', '=', changeId)
    .executeTakeFirstOrThrow()
  const request = JSON.parse(change.request_json) as StepRequest
  const outcome = outcomeOf(change.outcome_json)
  const [added, addedCount] = await itemLines(db, 'added_by', changeId)
  const [removed, removedCount] = await itemLines(db, 'removed_by', changeId)
  const isTaken = request.kind === 'mirror' && request.taken !== undefined
  return {
    change: changeId,
    revision: change.number,
    sealedAt: change.sealed_at,
    suite: request.suite ?? '',
    unchanged: addedCount === 0 && removedCount === 0 && !isTaken && !(await isOfSuites(db, changeId)),
    addedCount,
    removedCount,
    added,
    removed,
    leftOut: outcome.leftOut ?? [],
    unmet: [...(outcome.unmet ?? []), ...(request.kind === 'add' ? (request.from?.unmet ?? []) : [])],
    uninstallable: outcome.uninstallable ?? [],
  }
}

/** Whether a change made a suite, or gave one settings or a name, or took a name away. */
async function isOfSuites(db: Kysely<Tables>, changeId: number): Promise<boolean> {
  for (const table of ['suite_settings', 'suite_alias'] as const) {
    for (const column of ['added_by', 'removed_by'] as const) {
      const row = await db.selectFrom(table).select('id').where(column, '=', changeId).limit(1).executeTakeFirst()
      if (row !== undefined) return true
    }
  }
  return false
}

/** What became of a batch that is sealed. */
export async function sealedBatch(db: Kysely<Tables>, changeId: number): Promise<SealedBatch> {
  const ids = await db.selectFrom('change').select('id').where('batch_id', '=', changeId).orderBy('step').execute()
  const steps: SealedChange[] = []
  for (const { id } of ids) steps.push(await sealedChange(db, id))
  const [first] = steps
  if (first === undefined) throw new Error(`Change ${changeId} has no steps`)
  return {
    change: changeId,
    revision: first.revision,
    sealedAt: first.sealedAt,
    unchanged: steps.every((step) => step.unchanged),
    addedCount: steps.reduce((sum, step) => sum + step.addedCount, 0),
    removedCount: steps.reduce((sum, step) => sum + step.removedCount, 0),
    steps,
  }
}

async function itemLines(
  db: Kysely<Tables>,
  column: 'added_by' | 'removed_by',
  changeId: number,
): Promise<[PackageLine[], number]> {
  const lines = await db
    .selectFrom('suite_item')
    .innerJoin('package', 'package.id', 'suite_item.package_id')
    .select(['suite_item.name', 'package.version', 'suite_item.architecture', 'suite_item.component'])
    .where(column, '=', changeId)
    .orderBy('suite_item.name')
    .orderBy('suite_item.id')
    .limit(LINES_PER_ANSWER)
    .execute()
  if (lines.length < LINES_PER_ANSWER) return [lines, lines.length]
  const { count } = await db
    .selectFrom('suite_item')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where(column, '=', changeId)
    .executeTakeFirstOrThrow()
  return [lines, count]
}
