/**
 * Leases: which process does a piece of background work, and until when.
 *
 * A lease has a name and one holder at a time. It is free again when it is released, or when its time has passed by
 * the clock of the database. Each holder gets a greater *fence*. Time alone cannot keep a holder that was stopped in
 * the middle of its work from going on; so whatever the work commits is committed in a transaction that asserts the
 * lease, and that fails once another has it.
 */
import { randomUUID } from 'node:crypto'
import type { Kysely, Transaction } from 'kysely'
import type { Database } from './database.ts'
import type { Micros, Tables } from './schema.ts'

/** Thrown to a holder that is no longer one: another has taken the lease since, or it was released. */
export class LeaseLost extends Error {
  constructor(name: string, holder: string) {
    super(`The lease ${name} is no longer held by ${holder}.`)
    this.name = 'LeaseLost'
  }
}

/**
 * Takes a lease that is free or whose time has passed.
 *
 * @param holder names the process and the work in it; a holder does not get again what it still holds.
 * @returns the fence to assert the lease with, or undefined if another holds it.
 */
export async function acquireLease(
  db: Database,
  name: string,
  holder: string,
  ttlMs: number,
): Promise<{ fence: number } | undefined> {
  // Those who wait ask often; only who has a chance pays for a transaction.
  if (await isHeld(db, name)) return undefined
  return await db.write(async (trx) => {
    const now = await db.now(trx)
    const taken = { holder, expires_at: now + ttlMs * 1000 }
    return await trx
      .insertInto('lease')
      .values({ name, fence: 1, ...taken })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet((row) => ({ fence: row('lease.fence', '+', 1), ...taken }))
          .where('lease.expires_at', '<=', now),
      )
      .returning('fence')
      .executeTakeFirst()
  })
}

/**
 * Extends a lease to `ttlMs` from now, also one whose time has passed if nobody has taken it since.
 *
 * @returns whether it is still held; if not, the work stops.
 */
export async function renewLease(
  db: Database,
  name: string,
  holder: string,
  fence: number,
  ttlMs: number,
): Promise<boolean> {
  return await db.write(async (trx) => {
    const now = await db.now(trx)
    return await updateLease(trx, { name, holder, fence }, { expires_at: now + ttlMs * 1000 })
  })
}

/** Gives a lease back, so that the next holder need not wait for its time to pass. No harm if it is lost already. */
export async function releaseLease(db: Database, name: string, holder: string, fence: number): Promise<void> {
  // The row stays, since the fence must go on growing.
  await db.write((trx) => updateLease(trx, { name, holder, fence }, { holder: '', expires_at: 0 }))
}

/** Frees every lease: for a process that knows itself alone on the database, when it starts. */
export async function breakLeases(db: Database): Promise<void> {
  await db.write((trx) => trx.updateTable('lease').set({ holder: '', expires_at: 0 }).execute())
}

/**
 * Holds the lease in place until the transaction ends: another can take it only after the commit.
 *
 * @throws LeaseLost
 */
export async function assertLease(
  trx: Transaction<Tables>,
  name: string,
  holder: string,
  fence: number,
): Promise<void> {
  // Writing the row locks it, on both dialects.
  if (!(await updateLease(trx, { name, holder, fence }, { holder }))) throw new LeaseLost(name, holder)
}

/**
 * Has a free lease for this one transaction: until it ends nobody else gets it, and who held it when its time passed has
 * lost it. For work that is done in one transaction, and leaves nothing to give back after a crash.
 *
 * @returns false if another holds it
 */
export async function borrowLease(trx: Transaction<Tables>, name: string, now: Micros): Promise<boolean> {
  const free = { holder: '', expires_at: 0 }
  const borrowed = await trx
    .insertInto('lease')
    .values({ name, fence: 1, ...free })
    .onConflict((conflict) =>
      conflict
        .column('name')
        .doUpdateSet((row) => ({ fence: row('lease.fence', '+', 1), ...free }))
        .where('lease.expires_at', '<=', now),
    )
    .returning('fence')
    .executeTakeFirst()
  return borrowed !== undefined
}

async function isHeld(db: Database, name: string): Promise<boolean> {
  const lease = await db.read.selectFrom('lease').select('expires_at').where('name', '=', name).executeTakeFirst()
  return lease !== undefined && lease.expires_at > (await db.now())
}

/** Which lease is held, to assert it with. */
export interface HeldLease {
  readonly name: string
  readonly holder: string
  readonly fence: number
}

/** A lease that is held until it is disposed. */
export interface Hold extends AsyncDisposable {
  readonly lease: HeldLease
  /** Aborted when the lease is lost: another process has taken over, or the database is out of reach. */
  readonly signal: AbortSignal
}

/** Takes a lease that is free and renews it in time; undefined if another holds it. */
export async function holdLease(db: Database, name: string, ttlMs: number): Promise<Hold | undefined> {
  // A name of its own for each piece of work: within a process too, one at a time.
  const holder = `${process.pid}-${randomUUID()}`
  const acquired = await acquireLease(db, name, holder, ttlMs)
  if (acquired === undefined) return undefined
  const lease = { name, holder, fence: acquired.fence }
  const lost = new AbortController()
  const renew = async (): Promise<void> => {
    if (!(await renewLease(db, name, holder, lease.fence, ttlMs))) lost.abort(new LeaseLost(name, holder))
  }
  const heartbeat = setInterval(() => {
    renew().catch((error: unknown) => lost.abort(error))
  }, ttlMs / 3)
  return {
    lease,
    signal: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat)
      await releaseLease(db, name, holder, lease.fence).catch(() => {})
    },
  }
}

async function updateLease(
  trx: Kysely<Tables>,
  held: HeldLease,
  changes: { holder?: string; expires_at?: number },
): Promise<boolean> {
  const result = await trx
    .updateTable('lease')
    .set(changes)
    .where('name', '=', held.name)
    .where('holder', '=', held.holder)
    .where('fence', '=', held.fence)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}
