/** Archives and their revisions as they are stored. */
import type { Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { sealLeaseName } from './held-lease.ts'
import { type At, parseSnapshotName } from './moment.ts'

export interface Archive {
  readonly id: number
  readonly head: number
  readonly sealedAt: Micros
  readonly issue: number
  /** The oldest revision that is still installable. */
  readonly retainedFrom: number
  /** Whose stores keep its packs. */
  readonly scopeId: number
}

function archives(db: Kysely<Tables>) {
  return db
    .selectFrom('archive')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .select(['archive.id', 'archive.head', 'archive.sealed_at as sealedAt', 'archive.issue'])
    .select(['archive.retained_from as retainedFrom', 'workspace.scope_id as scopeId'])
}

/** The archive of a workspace, or undefined before its first suite. */
export async function archiveOf(db: Kysely<Tables>, workspaceId: number): Promise<Archive | undefined> {
  return archives(db).where('archive.workspace_id', '=', workspaceId).executeTakeFirst()
}

export async function archiveById(db: Kysely<Tables>, archiveId: number): Promise<Archive> {
  return archives(db).where('archive.id', '=', archiveId).executeTakeFirstOrThrow()
}

/** The archive of a workspace, made if there is none. */
export async function ensureArchive(database: Database, workspaceId: number): Promise<Archive> {
  const existing = await archiveOf(database.read, workspaceId)
  if (existing !== undefined) return existing
  return database.write(async (trx) => {
    await trx
      .insertInto('archive')
      .values({ workspace_id: workspaceId, head: 0, sealed_at: 0, issue: 0, retained_from: 1 })
      .onConflict((conflict) => conflict.column('workspace_id').doNothing())
      .execute()
    return archives(trx).where('archive.workspace_id', '=', workspaceId).executeTakeFirstOrThrow()
  })
}

/**
 * The revision that a snapshot's name means.
 *
 * A moment means the last revision sealed up to the end of its second. It resolves only when no later seal can still
 * fall before that end; otherwise two clients could be given different answers for one name.
 *
 * @throws AshlarError snapshot-unknown; gone for a revision that has expired
 */
export async function resolveSnapshot(database: Database, archive: Archive, at: At): Promise<number> {
  const name = parseSnapshotName(at)
  if (name.kind === 'revision') {
    if (name.number === 0 || name.number > archive.head) {
      throw new AshlarError('snapshot-unknown', `There is no revision r${name.number}; the newest is r${archive.head}.`)
    }
    return retained(archive, name.number)
  }
  const end = (name.seconds + 1) * 1_000_000
  const now = await database.now()
  if (end > now) {
    throw new AshlarError('snapshot-unknown', `The moment ${at} is not past yet; name it once its second is over.`)
  }
  // Past the head's time a seal may be under way that was given an earlier one.
  if (archive.sealedAt < end) await sealsUnderWay(database, archive.id)
  const revision = await database.read
    .selectFrom('revision')
    .select('number')
    .where('archive_id', '=', archive.id)
    .where('sealed_at', '<', end)
    .orderBy('sealed_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (revision === undefined) throw new AshlarError('snapshot-unknown', `Nothing had been published at ${at}.`)
  return retained(archive, revision.number)
}

/** Waits until every seal that took its time before now is committed or given up. */
async function sealsUnderWay(database: Database, archiveId: number): Promise<void> {
  // Time is taken within a commit that asserts the lease; who takes the lease after now takes a later time.
  const lease = await database.read
    .selectFrom('lease')
    .select('holder')
    .where('name', '=', sealLeaseName(archiveId))
    .executeTakeFirst()
  if (lease === undefined || lease.holder === '') return
  // Locking the archive waits for the one that commits.
  await database.write((trx) =>
    trx
      .updateTable('archive')
      .set((eb) => ({ head: eb.ref('head') }))
      .where('id', '=', archiveId)
      .execute(),
  )
}

function retained(archive: Archive, number: number): number {
  if (number < archive.retainedFrom) throw expired(number, archive.retainedFrom)
  return number
}

/** The answer to who asks for a revision that is not installable any more. */
function expired(number: number, retainedFrom: number): AshlarError {
  return new AshlarError('gone', `The revision r${number} has expired; the oldest that is kept is r${retainedFrom}.`, {
    extra: { oldest: `r${retainedFrom}` },
  })
}

/**
 * For who has read a past state in several steps: it was there until the end only if it still is.
 *
 * @throws AshlarError gone
 */
export async function requireRetained(db: Kysely<Tables>, archiveId: number, revision: number): Promise<void> {
  const { retainedFrom } = await archiveById(db, archiveId)
  if (revision < retainedFrom) throw expired(revision, retainedFrom)
}

/**
 * Keeps a revision from expiring until the transaction ends, so that what is taken from it goes over to its new holder
 * without a gap.
 *
 * @throws AshlarError gone
 */
export async function keepRetained(trx: Transaction<Tables>, archiveId: number, revision: number): Promise<void> {
  // Writing the row locks it, and who expires revisions writes it first.
  await trx
    .updateTable('archive')
    .set((eb) => ({ head: eb.ref('head') }))
    .where('id', '=', archiveId)
    .execute()
  await requireRetained(trx, archiveId, revision)
}
