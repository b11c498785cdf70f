/** The transaction that makes a revision: everything of it appears at once, or nothing does. */
import type { Transaction } from 'kysely'
import type { Database } from '../database/database.ts'
import { assertLease, LeaseLost } from '../database/lease.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { rowBatches } from '../database/row-batches.ts'
import type { StoredFile } from '../storage/storage.ts'
import type { Archive } from './archive-table.ts'
import { LINES_PER_ANSWER } from './change-request.ts'
import type { Effect } from './effect.ts'
import type { HeldLease } from './held-lease.ts'
import { idFor, writeChunks, writeIndexes, writeMaps } from './commit-indexes.ts'
import type { BuiltIndex, BuiltMap } from './index-builder.ts'
import type { NewChunk } from './pack-writer.ts'
import { changesAnything, type SealPlan } from './seal-plan.ts'
import type { ReleaseIssue } from './sign-release.ts'
import type { Suite } from './suite-table.ts'
import { writeTaken } from './taken-indexes.ts'

/** A suite with what is new of it. */
export interface SealedSuite {
  readonly suite: Suite
  readonly built: readonly BuiltMap[]
  readonly indexes: readonly BuiltIndex[]
  /** Paths at which it has no index any more. */
  readonly gone: readonly string[]
  readonly issues: readonly ReleaseIssue[]
}

export interface Seal {
  readonly archive: Archive
  readonly lease: HeldLease
  readonly plan: SealPlan
  readonly suites: readonly SealedSuite[]
  readonly pack: StoredFile | undefined
  readonly newChunks: readonly NewChunk[]
}

/**
 * @throws LeaseLost if another process seals this archive now, or has refused a change of the plan; then nothing has
 *   happened, and what still waits is to be planned anew
 */
export async function commitSeal(database: Database, seal: Seal): Promise<void> {
  await database.write(async (trx) => {
    const { name, holder, fence } = seal.lease
    await assertLease(trx, name, holder, fence)
    const changes = changesAnything(seal.plan)
    const { head, id } = seal.archive
    const locked = await trx
      .updateTable('archive')
      .set((eb) => ({ head: changes ? head + 1 : head, issue: eb('issue', '+', changes ? 1 : 0) }))
      .where('id', '=', id)
      .where('head', '=', head)
      .returning('id')
      .executeTakeFirst()
    if (locked === undefined) throw new LeaseLost(name, holder)
    // A refused change has lost its items, so nothing may be sealed that lists them.
    const sealed = await trx
      .updateTable('change')
      .set({ state: 'sealed', revision: changes ? head + 1 : head })
      .where('id', 'in', [...seal.plan.accepted])
      .where('state', '=', 'pending')
      .returning('id')
      .execute()
    if (sealed.length < seal.plan.accepted.length) throw new LeaseLost(name, holder)
    await endItems(trx, seal.plan)
    if (changes) await writeRevision(database, trx, seal, head + 1)
  })
}

/** Ends items for ever, forgets those that their change would have added in vain, and notes what did not come. */
async function endItems(trx: Transaction<Tables>, plan: SealPlan): Promise<void> {
  for (const [changeId, own] of Map.groupBy(plan.effects, (effect) => effect.changeId)) {
    const outcome = outcomeOf(own)
    if (outcome !== null) {
      await trx.updateTable('change').set({ outcome_json: outcome }).where('id', '=', changeId).execute()
    }
  }
  for (const effect of plan.effects) {
    for (const ids of rowBatches([...effect.removed])) {
      await trx.updateTable('suite_item').set({ removed_by: effect.changeId }).where('id', 'in', ids).execute()
    }
    for (const ids of rowBatches([...effect.dropped])) {
      await trx.deleteFrom('suite_item').where('id', 'in', ids).execute()
    }
  }
}

/** What its items do not tell. */
function outcomeOf(effects: readonly Effect[]): string | null {
  const leftOut = effects.flatMap((effect) => effect.leftOut)
  const unmet = effects.flatMap((effect) => effect.unmet)
  const uninstallable = effects.flatMap((effect) => effect.uninstallable)
  const takenIndexes = effects.reduce((sum, effect) => sum + effect.takenIndexes, 0)
  if (leftOut.length + unmet.length + uninstallable.length + takenIndexes === 0) return null
  const first = <T>(all: readonly T[]): T[] => all.slice(0, LINES_PER_ANSWER)
  const lines = { leftOut: first(leftOut), unmet: first(unmet), uninstallable: first(uninstallable) }
  return JSON.stringify({ ...lines, ...(takenIndexes > 0 && { takenIndexes }) })
}

async function writeRevision(
  database: Database,
  trx: Transaction<Tables>,
  seal: Seal,
  revision: number,
): Promise<void> {
  const { archive, plan } = seal
  // Asked after the archive is locked, so that whoever locks it later knows of every revision up to then.
  const sealedAt = Math.max(await database.now(trx), archive.sealedAt + 1)
  await trx.updateTable('archive').set({ sealed_at: sealedAt }).where('id', '=', archive.id).execute()
  await trx
    .insertInto('revision')
    .values({
      archive_id: archive.id,
      number: revision,
      sealed_at: sealedAt,
      state: 'sealed',
      pack_file_id: seal.pack?.id ?? null,
    })
    .execute()
  const suiteIds = await writeSuites(trx, archive.id, plan, sealedAt)
  await writeAliases(trx, archive.id, plan, suiteIds)
  const chunkIds = await writeChunks(trx, archive.id, seal.newChunks)
  for (const sealed of seal.suites) {
    const suiteId = sealed.suite.id === 0 ? idFor(suiteIds, sealed.suite.name) : sealed.suite.id
    const mapIds = await writeMaps(trx, archive.id, suiteId, revision, sealed.built, chunkIds)
    await writeIndexes(trx, archive.id, suiteId, revision, sealed, mapIds, sealedAt)
    const taken = plan.taken.get(sealed.suite.name)
    if (taken !== undefined) await writeTaken(trx, suiteId, taken)
    await trx
      .insertInto('release_issue')
      .values(sealed.issues.map((issue) => ({ ...issue, suite_id: suiteId, revision })))
      .execute()
  }
}

/** Records settings; gives the ids of all suites that the plan names. */
async function writeSuites(
  trx: Transaction<Tables>,
  archiveId: number,
  plan: SealPlan,
  now: Micros,
): Promise<Map<string, number>> {
  const ids = new Map(plan.suites.all.map((suite) => [suite.name, suite.id]))
  for (const { changeId, suite, settings } of plan.settings) {
    let id = ids.get(suite) ?? 0
    if (id === 0) {
      const row = await trx
        .insertInto('suite')
        .values({ archive_id: archiveId, name: suite, created_at: now })
        // A batch or a mirror may have reserved an id for that name since this was planned (reserved-suites.ts).
        .onConflict((conflict) => conflict.columns(['archive_id', 'name']).doUpdateSet({ name: suite }))
        .returning('id')
        .executeTakeFirstOrThrow()
      id = row.id
      ids.set(suite, id)
    }
    await trx
      .updateTable('suite_settings')
      .set({ removed_by: changeId })
      .where('suite_id', '=', id)
      .where('removed_by', 'is', null)
      .execute()
    await trx
      .insertInto('suite_settings')
      .values({ suite_id: id, settings_json: JSON.stringify(settings), added_by: changeId, removed_by: null })
      .execute()
  }
  return ids
}

async function writeAliases(
  trx: Transaction<Tables>,
  archiveId: number,
  plan: SealPlan,
  suiteIds: ReadonlyMap<string, number>,
): Promise<void> {
  for (const { changeId, name, suite } of plan.aliases) {
    await trx
      .updateTable('suite_alias')
      .set({ removed_by: changeId })
      .where('archive_id', '=', archiveId)
      .where('name', '=', name)
      .where('removed_by', 'is', null)
      .execute()
    const suiteId = suite === null ? undefined : suiteIds.get(suite)
    if (suiteId === undefined) continue
    await trx
      .insertInto('suite_alias')
      .values({ archive_id: archiveId, name, suite_id: suiteId, added_by: changeId, removed_by: null })
      .execute()
  }
}
