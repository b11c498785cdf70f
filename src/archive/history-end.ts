/**
 * The end of the record of what expired revisions held. Until then history lists them, with what came and went; a
 * workspace may say after what time that ends too. What stays for ever: that there was a revision and when, the changes
 * with who asked for them, and the pool paths, which never come to mean other bytes.
 */
import type { Kysely, Transaction } from 'kysely'
import { durationText } from '../common/duration.ts'
import { type Faults, noFaults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { reachExpiry } from './reach-expiry.ts'
import { MINIMUM_AGE_SECONDS, type RetentionOptions } from './retention.ts'

const MICROS_PER_SECOND = 1_000_000
const ARCHIVES_PER_QUERY = 100
const CHANGES_PER_STEP = 100
const ROWS_PER_STEP = 500

/** Expired revisions whose record may end. */
export interface HistoryEnd {
  readonly archiveId: number
  /** `scope/name` */
  readonly workspace: string
  readonly from: number
  readonly to: number
  /** Why, as a sentence without its full stop. */
  readonly rule: string
}

/** Of each archive the revisions whose record may end at a time of the database's clock. Changes nothing. */
export async function* planHistoryEnd(
  db: Kysely<Tables>,
  now: Micros,
  options: RetentionOptions = {},
): AsyncGenerator<HistoryEnd, void, undefined> {
  for (let last = 0; ;) {
    const archives = await histories(db)
      .where('archive.id', '>', last)
      .where('workspace.keep_history_seconds', 'is not', null)
      .where('archive.retained_from', '>', 1)
      .orderBy('archive.id')
      .limit(ARCHIVES_PER_QUERY)
      .execute()
    for (const archive of archives) {
      options.signal?.throwIfAborted()
      const [from, to] = [(await endedUpTo(db, archive.id)) + 1, await lastThatMayEnd(db, archive, now, options)]
      if (to < from) continue
      const rule = `the record of it ends ${durationText(archive.keepHistorySeconds ?? 0)} after it expired`
      yield { archiveId: archive.id, workspace: `${archive.scope}/${archive.name}`, from, to, rule }
    }
    last = archives.at(-1)?.id ?? last
    if (archives.length < ARCHIVES_PER_QUERY) return
  }
}

function histories(db: Kysely<Tables>) {
  return db
    .selectFrom('archive')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['archive.id', 'archive.retained_from as retainedFrom', 'scope.name as scope', 'workspace.name'])
    .select(['workspace.keep_revisions_seconds as keepRevisionsSeconds'])
    .select(['workspace.keep_history_seconds as keepHistorySeconds'])
}

interface Recorded {
  readonly id: number
  readonly retainedFrom: number
  readonly keepRevisionsSeconds: number | null
  readonly keepHistorySeconds: number | null
}

/** 0 if there is none. An expired revision counts as expired since its rule allowed it. */
async function lastThatMayEnd(
  db: Kysely<Tables>,
  archive: Recorded,
  now: Micros,
  options: RetentionOptions,
): Promise<number> {
  const { id, retainedFrom, keepRevisionsSeconds, keepHistorySeconds } = archive
  if (keepHistorySeconds === null) return 0
  const age = Math.max(keepRevisionsSeconds ?? 0, options.minimumAgeSeconds ?? MINIMUM_AGE_SECONDS) + keepHistorySeconds
  const superseding = await db
    .selectFrom('revision')
    .select('number')
    .where('archive_id', '=', id)
    .where('sealed_at', '<', now - age * MICROS_PER_SECOND)
    .orderBy('sealed_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return superseding === undefined ? 0 : Math.min(superseding.number, retainedFrom) - 1
}

/**
 * Ends the record of expired revisions up to one that was planned, as far as the rule still allows it. It may be
 * interrupted anywhere, and run again.
 *
 * @returns how many entries of suites went
 */
export async function endHistory(
  database: Database,
  archiveId: number,
  to: number,
  options: RetentionOptions = {},
): Promise<number> {
  const faults = options.faults ?? noFaults
  const archive = await histories(database.read).where('archive.id', '=', archiveId).executeTakeFirstOrThrow()
  const last = Math.min(to, await lastThatMayEnd(database.read, archive, await database.now(), options))
  let removed = 0
  for (let revision = await endedUpTo(database.read, archiveId); revision < last;) {
    options.signal?.throwIfAborted()
    const step = await changesAfter(database.read, archiveId, revision, last)
    removed += await forgetItems(database, step.changeIds, faults)
    await reachExpiry(faults, 'expire.sweep')
    await database.write(async (trx) => {
      await forgetReleases(trx, archiveId, step.revision)
      await noteEnd(trx, archiveId, step.revision, await database.now(trx))
    })
    revision = step.revision
  }
  return removed
}

/** Changes of the next revisions, and up to which revision these are all. */
async function changesAfter(
  db: Kysely<Tables>,
  archiveId: number,
  after: number,
  last: number,
): Promise<{ changeIds: number[]; revision: number }> {
  const changes = await db
    .selectFrom('change')
    .select(['id', 'revision'])
    .where('archive_id', '=', archiveId)
    .where('revision', '>', after)
    .where('revision', '<=', last)
    .orderBy('revision')
    .limit(CHANGES_PER_STEP)
    .execute()
  const revision = changes.at(-1)?.revision
  if (changes.length < CHANGES_PER_STEP || revision === undefined || revision === null) {
    return { changeIds: changes.map((change) => change.id), revision: last }
  }
  const rest = await db
    .selectFrom('change')
    .select('id')
    .where('archive_id', '=', archiveId)
    .where('revision', '=', revision)
    .execute()
  return { changeIds: [...new Set([...changes, ...rest].map((change) => change.id))], revision }
}

/** Items that one of the changes removed were members of expired revisions only. */
async function forgetItems(database: Database, changeIds: readonly number[], faults: Faults): Promise<number> {
  let removed = 0
  for (const changeId of changeIds) {
    for (;;) {
      const items = await database.read
        .selectFrom('suite_item')
        .select('id')
        .where('removed_by', '=', changeId)
        .limit(ROWS_PER_STEP)
        .execute()
      if (items.length === 0) break
      await reachExpiry(faults, 'expire.sweep')
      await database.write((trx) =>
        trx
          .deleteFrom('suite_item')
          .where(
            'id',
            'in',
            items.map((item) => item.id),
          )
          .execute(),
      )
      removed += items.length
    }
  }
  return removed
}

/** History lists the revisions that have issues; of two in one second the dates still tell. */
async function forgetReleases(trx: Transaction<Tables>, archiveId: number, revision: number): Promise<void> {
  const suites = await trx.selectFrom('suite').select('id').where('archive_id', '=', archiveId).execute()
  for (const { id } of suites) {
    await trx
      .deleteFrom('release_issue')
      .where('suite_id', '=', id)
      .where('revision', '<=', revision)
      .where('clear_signature', '=', '')
      .where((eb) =>
        eb(
          'date_seconds',
          '<',
          eb
            .selectFrom('release_issue as filled')
            .select((inner) => inner.fn.min<number>('filled.date_seconds').as('date'))
            .where('filled.suite_id', '=', id)
            .where('filled.clear_signature', '!=', ''),
        ),
      )
      .execute()
  }
}

function nameOf(archiveId: number): string {
  return `history:${archiveId}`
}

async function endedUpTo(db: Kysely<Tables>, archiveId: number): Promise<number> {
  const row = await db
    .selectFrom('maintenance')
    .select('cursor')
    .where('name', '=', nameOf(archiveId))
    .executeTakeFirst()
  return Number(row?.cursor ?? 0)
}

async function noteEnd(trx: Transaction<Tables>, archiveId: number, revision: number, now: Micros): Promise<void> {
  const done = { state: 'done', finished_at: now, cursor: String(revision) } as const
  await trx
    .insertInto('maintenance')
    .values({ name: nameOf(archiveId), started_at: now, summary_json: '{}', ...done })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(done))
    .execute()
}
