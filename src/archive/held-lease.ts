/** The lease under which one process at a time works on an archive. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { borrowLease } from '../database/lease.ts'
import type { Micros, Tables } from '../database/schema.ts'

export interface HeldLease {
  readonly name: string
  readonly holder: string
  /** Grows with each holder, so that a late one is noticed. */
  readonly fence: number
}

/** The name of the lease of an archive. */
export function sealLeaseName(archiveId: number): string {
  return `seal ${archiveId}`
}

/** Between two seals there may be a moment only. */
const POLL_MS = 4
const PATIENCE_MS = 60_000

/**
 * Does something in one transaction during which no seal of the archive is being built: what the deed takes away, no seal
 * has looked at and means to use; a seal that begins later sees what the deed left.
 *
 * @param deed may be run again, like every deed of a write
 * @throws AshlarError busy if the archive is being sealed without a pause
 */
export async function betweenSeals<T>(
  database: Database,
  archiveId: number,
  deed: (trx: Transaction<Tables>, now: Micros) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const end = performance.now() + PATIENCE_MS
  while (performance.now() < end) {
    signal?.throwIfAborted()
    if (await isFree(database, archiveId)) {
      const done = await database.write(async (trx) => {
        const now = await database.now(trx)
        if (!(await borrowLease(trx, sealLeaseName(archiveId), now))) return undefined
        return { result: await deed(trx, now) }
      })
      if (done !== undefined) return done.result
    }
    await sleep(POLL_MS)
  }
  throw new AshlarError('busy', `The archive ${archiveId} is being published to without a pause.`)
}

/** A look that costs no transaction. */
async function isFree(database: Database, archiveId: number): Promise<boolean> {
  const lease = await database.read
    .selectFrom('lease')
    .select('expires_at')
    .where('name', '=', sealLeaseName(archiveId))
    .executeTakeFirst()
  return lease === undefined || lease.expires_at <= (await database.now())
}
