/**
 * Pool paths and the bytes they mean, for ever.
 *
 * A change claims the paths of its packages when it is recorded; the claim counts once the change is sealed. So of two
 * uploads of one version with different bytes one is refused, whichever server they reach.
 */
import type { Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import { noteHad } from './archive-files.ts'

export interface PoolClaim {
  readonly path: string
  readonly fileId: number
  /** Only the index of a mirror says so; the archive may not have the bytes. */
  readonly claimed?: true
}

/** A path that another change wants too, of which it is not decided yet whether it will be sealed. */
export class ClaimUndecided extends Error {
  /** Undefined if it has been refused by now. */
  readonly changeId: number | undefined
  constructor(changeId: number | undefined) {
    super(`Change ${changeId} claims the same pool path`)
    this.changeId = changeId
  }
}

const CLAIMS_PER_QUERY = 300

/**
 * Claims paths for a change.
 *
 * @returns the claims whose path has meant other bytes before
 * @throws ClaimUndecided if another change has to be waited for, outside of the transaction
 */
export async function claimPaths(
  trx: Transaction<Tables>,
  archiveId: number,
  changeId: number,
  claims: readonly PoolClaim[],
): Promise<PoolClaim[]> {
  // In one order everywhere, so that two changes wait for each other's rows in one order too.
  const wanted = claims.toSorted((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)))
  const taken: PoolClaim[] = []
  for (let start = 0; start < wanted.length; start += CLAIMS_PER_QUERY) {
    const batch = wanted.slice(start, start + CLAIMS_PER_QUERY)
    await trx
      .insertInto('pool_name')
      .values(
        batch.map(({ path, fileId, claimed }) => ({
          archive_id: archiveId,
          path,
          file_id: fileId,
          change_id: changeId,
          claimed: claimed === true ? (1 as const) : (0 as const),
        })),
      )
      .onConflict((conflict) => conflict.columns(['archive_id', 'path']).doNothing())
      .execute()
    const rows = await trx
      .selectFrom('pool_name')
      .innerJoin('change', 'change.id', 'pool_name.change_id')
      .select(['pool_name.path', 'pool_name.file_id', 'pool_name.change_id', 'pool_name.claimed', 'change.state'])
      .where('pool_name.archive_id', '=', archiveId)
      .where(
        'pool_name.path',
        'in',
        batch.map((claim) => claim.path),
      )
      .execute()
    const present = new Map(rows.map((row) => [row.path, row]))
    const had = new Set<number>()
    for (const claim of batch) {
      const row = present.get(claim.path)
      // The other change was refused since, which took its claim back.
      if (row === undefined) throw new ClaimUndecided(undefined)
      if (row.change_id === changeId || row.state === 'sealed') {
        if (row.file_id !== claim.fileId) taken.push(claim)
        else if (row.claimed === 1 && claim.claimed !== true) had.add(claim.fileId)
      } else {
        throw new ClaimUndecided(row.change_id)
      }
    }
    // What a mirror claimed has now been sent to the archive.
    await noteHad(trx, archiveId, [...had])
  }
  return taken
}

/** Which of the claims have a path that means other bytes, claiming none. */
export async function takenPaths(
  db: Kysely<Tables>,
  archiveId: number,
  claims: readonly PoolClaim[],
): Promise<PoolClaim[]> {
  const taken: PoolClaim[] = []
  for (let start = 0; start < claims.length; start += CLAIMS_PER_QUERY) {
    const batch = claims.slice(start, start + CLAIMS_PER_QUERY)
    const rows = await db
      .selectFrom('pool_name')
      .select(['path', 'file_id'])
      .where('archive_id', '=', archiveId)
      .where(
        'path',
        'in',
        batch.map((claim) => claim.path),
      )
      .execute()
    const meant = new Map(rows.map((row) => [row.path, row.file_id]))
    taken.push(...batch.filter((claim) => (meant.get(claim.path) ?? claim.fileId) !== claim.fileId))
  }
  return taken
}

export function poolNameTaken(path: string): AshlarError {
  return new AshlarError('pool-name-taken', `${path} has been published with other bytes.`)
}
