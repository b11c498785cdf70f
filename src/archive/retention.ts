/**
 * How long revisions stay installable.
 *
 * Words: a revision is *current* until the next one is sealed; it *expires* when its workspace's time has passed since,
 * but never within three days; the *retained* ones, from `archive.retained_from` on, are installable. Revisions expire
 * in the order of their numbers. What only expired ones used is *swept* (sweep.ts); the record of what they held stays
 * until its own time is over (history-end.ts). Files are not removed here: a vacuum finds those that nothing needs.
 */
import { type Faults, noFaults } from '../common/faults.ts'
import { durationText } from '../common/duration.ts'
import type { Database } from '../database/database.ts'
import type { Micros } from '../database/schema.ts'
import { archiveById } from './archive-table.ts'
import { betweenSeals } from './held-lease.ts'
import { finishSweep, isSweepUnfinished, noteSweep } from './sweep/sweep-record.ts'
import { sweepExpired, type Swept } from './sweep/sweep.ts'
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import { reachExpiry } from './reach-expiry.ts'

/**
 * No revision expires within this time of having been current, whatever a workspace says: clients that have read its
 * Release come back for what it lists.
 */
export const MINIMUM_AGE_SECONDS = 3 * 86_400

const MICROS_PER_SECOND = 1_000_000
const ARCHIVES_PER_QUERY = 100
/** How many revisions one transaction expires. */
const REVISIONS_PER_STEP = 500

export interface RetentionOptions {
  /** For tests: instead of `MINIMUM_AGE_SECONDS`. */
  readonly minimumAgeSeconds?: number
  readonly faults?: Faults
  readonly signal?: AbortSignal
}

/** Revisions that may expire, with all before them. */
export interface RevisionExpiry {
  readonly archiveId: number
  /** `scope/name` */
  readonly workspace: string
  readonly from: number
  /** Below `from` if none may: then what an interrupted expiry left has to be swept. */
  readonly to: number
  /** Why, as a sentence without its full stop. */
  readonly rule: string
}

/** Of each archive the revisions that may expire at a time of the database's clock. Changes nothing. */
export async function* planRevisionExpiry(
  db: Kysely<Tables>,
  now: Micros,
  options: RetentionOptions = {},
): AsyncGenerator<RevisionExpiry, void, undefined> {
  for (let last = 0; ;) {
    const archives = await retentions(db)
      .where('archive.id', '>', last)
      .orderBy('archive.id')
      .limit(ARCHIVES_PER_QUERY)
      .execute()
    for (const archive of archives) {
      options.signal?.throwIfAborted()
      const planned = await planArchive(db, archive, now, options)
      if (planned !== undefined) yield planned
    }
    last = archives.at(-1)?.id ?? last
    if (archives.length < ARCHIVES_PER_QUERY) return
  }
}

interface Retention {
  readonly id: number
  readonly head: number
  readonly retainedFrom: number
  readonly keepSeconds: number | null
  readonly scope: string
  readonly name: string
}

function retentions(db: Kysely<Tables>) {
  return db
    .selectFrom('archive')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['archive.id', 'archive.head', 'archive.retained_from as retainedFrom'])
    .select(['workspace.keep_revisions_seconds as keepSeconds', 'scope.name as scope', 'workspace.name'])
}

async function planArchive(
  db: Kysely<Tables>,
  archive: Retention,
  now: Micros,
  options: RetentionOptions,
): Promise<RevisionExpiry | undefined> {
  const { id, retainedFrom, scope, name } = archive
  const to = await lastThatMayExpire(db, archive, now, options)
  const place = { archiveId: id, workspace: `${scope}/${name}`, from: retainedFrom }
  if (to >= retainedFrom) {
    const rule = `it was superseded more than ${durationText(ageOf(archive, options))} ago`
    return { ...place, to, rule }
  }
  if (!(await isSweepUnfinished(db, id))) return undefined
  return { ...place, to: retainedFrom - 1, rule: 'what only expired revisions used is not removed completely yet' }
}

/** How long a revision stays after the next one; for ever is no age. */
function ageOf({ keepSeconds }: Pick<Retention, 'keepSeconds'>, options: RetentionOptions): number {
  return Math.max(keepSeconds ?? Infinity, options.minimumAgeSeconds ?? MINIMUM_AGE_SECONDS)
}

/** The newest revision whose next one is old enough; below `retainedFrom` if there is none. */
async function lastThatMayExpire(
  db: Kysely<Tables>,
  archive: Retention,
  now: Micros,
  options: RetentionOptions,
): Promise<number> {
  const age = ageOf(archive, options)
  const none = archive.retainedFrom - 1
  if (age === Infinity || archive.head <= archive.retainedFrom) return none
  const superseding = await db
    .selectFrom('revision')
    .select('number')
    .where('archive_id', '=', archive.id)
    .where('sealed_at', '<', now - age * MICROS_PER_SECOND)
    .orderBy('sealed_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return superseding === undefined ? none : Math.max(none, superseding.number - 1)
}

export interface ExpiredRevisions {
  /** How many revisions expired now. */
  readonly expired: number
  /** Rows that were removed with them, or with those that had expired before. */
  readonly swept: Swept
}

/**
 * Expires the revisions of an archive up to one that was planned, as far as the rule still allows it, and sweeps what only
 * expired ones used. Their snapshots are gone from the first step on. It may be interrupted anywhere, and run again.
 *
 * @throws AshlarError busy if the archive is being sealed without a pause
 */
export async function expireRevisions(
  database: Database,
  archiveId: number,
  to: number,
  options: RetentionOptions = {},
): Promise<ExpiredRevisions> {
  const faults = options.faults ?? noFaults
  let expired = 0
  for (;;) {
    await reachExpiry(faults, 'expire.revisions')
    const step = await expireStep(database, archiveId, to, options)
    if (step === 0) break
    expired += step
  }
  const { retainedFrom } = await archiveById(database.read, archiveId)
  const swept = await sweepExpired(database, archiveId, retainedFrom, { faults, signal: options.signal })
  await finishSweep(database, archiveId, retainedFrom)
  return { expired, swept }
}

/** @returns how many revisions expired */
async function expireStep(
  database: Database,
  archiveId: number,
  to: number,
  options: RetentionOptions,
): Promise<number> {
  // Between two seals, since one that rolls back to a revision, or reuses what it listed, relies on it until its commit.
  return betweenSeals(
    database,
    archiveId,
    async (trx, now) => {
      // Locked first: who records a copy from a past revision does the same, and one of the two sees the other.
      await trx
        .updateTable('archive')
        .set((eb) => ({ head: eb.ref('head') }))
        .where('id', '=', archiveId)
        .execute()
      const archive = await retentions(trx).where('archive.id', '=', archiveId).executeTakeFirstOrThrow()
      const allowed = Math.min(to, await lastThatMayExpire(trx, archive, now, options))
      const last = Math.min(allowed, archive.retainedFrom + REVISIONS_PER_STEP - 1)
      if (last < archive.retainedFrom) return 0
      await trx
        .updateTable('archive')
        // Another issue: what was remembered of the archive holds no more, in any process.
        .set((eb) => ({ retained_from: last + 1, issue: eb('issue', '+', 1) }))
        .where('id', '=', archiveId)
        .execute()
      await trx
        .updateTable('revision')
        .set({ state: 'expired' })
        .where('archive_id', '=', archiveId)
        .where('number', '>=', archive.retainedFrom)
        .where('number', '<=', last)
        .execute()
      await noteSweep(trx, archiveId, last + 1, now)
      return last + 1 - archive.retainedFrom
    },
    options.signal,
  )
}
