/**
 * Artifacts that go by themselves.
 *
 * A complete artifact expires when its own delay, or its workspace's, has passed since it was completed; an incomplete
 * one when nobody has touched it for a while. One that a suite holds (held-items.ts) stays, and so does everything that
 * an artifact which stays relates to, over any number of steps.
 *
 * First a *plan* is made (expiry-plan.ts), in the working table `expiring_artifact`; then each of it is removed by itself, with everything
 * looked at again. One vacuum at a time does this. Its bytes go later, when nothing else needs them.
 */
import type { Transaction } from 'kysely'
import { noFaults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { isForeignKeyViolation } from '../database/foreign-key-violation.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { storageError } from '../storage/storage-error.ts'
import { dueAmong, type ArtifactExpiryOptions } from './expiry-rule.ts'
import { removeArtifacts } from './remove.ts'

export interface ExpiredArtifacts {
  /** With the one that was asked for, those in a circle of relations with it. */
  readonly artifactIds: readonly number[]
  /** Uploads that were under way, whose spooled files are to go too. */
  readonly uploads: readonly string[]
}

/**
 * Removes a planned artifact if everything that made it expire still holds: its time, that no suite holds it, and that only
 * what expires too relates to it. It may be interrupted, and asked again; one that is gone already is nothing to remove.
 */
export async function expireArtifact(
  database: Database,
  artifactId: number,
  options: ArtifactExpiryOptions = {},
): Promise<ExpiredArtifacts | 'kept'> {
  try {
    await (options.faults ?? noFaults).reach('expire.artifact')
  } catch (error) {
    throw storageError(error, 'expiring what is old')
  }
  try {
    return await database.write(async (trx) => expireIn(trx, artifactId, await database.now(trx), options))
  } catch (error) {
    // Another artifact came to relate to it at this very moment.
    if (isForeignKeyViolation(error)) return 'kept'
    throw error
  }
}

async function expireIn(
  trx: Transaction<Tables>,
  artifactId: number,
  now: Micros,
  options: ArtifactExpiryOptions,
): Promise<ExpiredArtifacts | 'kept'> {
  const ids = await relatingTo(trx, artifactId)
  if (ids === undefined) return keep(trx, artifactId)
  // Writing the rows locks them: what completes, deletes or expires one of them waits, or has been waited for.
  const locked = await trx
    .updateTable('artifact')
    .set((eb) => ({ created_at: eb.ref('created_at') }))
    .where('id', 'in', ids)
    .returning('id')
    .execute()
  if (!locked.some((row) => row.id === artifactId)) return { artifactIds: [], uploads: [] }
  const due = await dueAmong(trx, ids, now, options).execute()
  const again = await relatingTo(trx, artifactId)
  if (due.length < ids.length || again?.length !== ids.length) return keep(trx, artifactId)
  return { artifactIds: ids, uploads: await removeArtifacts(trx, ids) }
}

/** It stays, and with it what it relates to. */
async function keep(trx: Transaction<Tables>, artifactId: number): Promise<'kept'> {
  await trx.deleteFrom('expiring_artifact').where('artifact_id', '=', artifactId).execute()
  return 'kept'
}

/** The artifact with all that relate to it, over any number of steps; undefined if one of these is not planned to go. */
async function relatingTo(trx: Transaction<Tables>, artifactId: number): Promise<number[] | undefined> {
  const found = new Set([artifactId])
  for (let fresh = [artifactId]; fresh.length > 0;) {
    const sources = await trx
      .selectFrom('artifact_relation')
      .leftJoin('expiring_artifact', 'expiring_artifact.artifact_id', 'artifact_relation.artifact_id')
      .select(['artifact_relation.artifact_id as id', 'expiring_artifact.rule'])
      .where('artifact_relation.target_id', 'in', fresh)
      .where('artifact_relation.type', '!=', 'copied-from')
      .execute()
    const others = sources.filter((source) => !found.has(source.id))
    if (others.some((source) => source.rule === null)) return undefined
    fresh = [...new Set(others.map((source) => source.id))]
    for (const id of fresh) found.add(id)
  }
  return [...found].toSorted((a, b) => a - b)
}
