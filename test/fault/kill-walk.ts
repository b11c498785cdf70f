/** Walks a fault point: the server is killed when it reaches it for the first time, then for the second, and so on. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { AshlarError } from '../../src/common/errors.ts'
import type { FaultPoint } from '../../src/common/faults.ts'
import { openDatabase } from '../../src/database/database.ts'
import { orphanedSpoolFiles, sweepSpool, unrecordedBytes } from '../../src/storage/leftovers.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { serve, type Server, type ServeWish, tryServe } from '../support/serve.ts'
import { defaultStore } from '../support/stores.ts'
import { Ledger } from './ledger.ts'

/**
 * Kills the server at every reach of the points, during every kind of change, until a round passes without one; then
 * proves every revision, without the leftovers.
 *
 * @returns how often it was killed
 */
export async function killWalk(
  wish: Omit<ServeWish, 'fault'>,
  points: readonly FaultPoint[],
  options: { readonly withBatches: boolean } = { withBatches: false },
): Promise<number> {
  const ledger = new Ledger(options)
  await using first = await serve(wish)
  await ledger.begin(first)
  await first.kill()
  let kills = 0
  for (const point of points) {
    const before = kills
    while (await isKilled(wish, `${point}:kill:${kills - before + 1}`, ledger)) kills += 1
    assert.ok(kills > before, `nothing reaches ${point}`)
  }
  await dropLeftovers(wish)
  await using last = await serve(wish)
  await ledger.proveAll(last)
  await ledger.round(last)
  return kills
}

/** One life of the server on what the one before has left. */
async function isKilled(wish: Omit<ServeWish, 'fault'>, fault: string, ledger: Ledger): Promise<boolean> {
  const server = await tryServe({ ...wish, fault })
  if (!('url' in server)) {
    assert.equal(server.signal, 'SIGKILL', `${fault}: ${server.stderr}`)
    return true
  }
  await using _running = server
  try {
    await ledger.settle(server)
    await ledger.round(server)
    return false
  } catch (error) {
    if (!isGone(error)) throw new Error(`${fault}: ${String(error)}\n${server.stderr()}`, { cause: error })
    assert.equal((await server.ended).signal, 'SIGKILL')
    return true
  }
}

/** Whether a request failed because the server is no more. */
export function isGone(error: unknown): boolean {
  if (error instanceof AshlarError) return error.code === 'server-unreachable'
  // What fetch throws when a connection ends.
  return error instanceof TypeError && (error.message === 'fetch failed' || error.message === 'terminated')
}

/** Removes what crashes have left, as far as it is found; nothing else may be needed for anything. */
export async function dropLeftovers(wish: ServeWish): Promise<{ spool: number; store: number }> {
  const dataDirectory = join(wish.home, 'ashlar-data')
  const database = await openDatabase(wish.database ?? `sqlite:${join(dataDirectory, 'ashlar.db')}`)
  try {
    await using storage = await openStorage({ database, dataDirectory })
    const { spool } = storage
    const { store, storeId } = await defaultStore(storage)
    const spooled = await readdir(join(dataDirectory, 'spool'))
    const owned = await database.read.selectFrom('upload').select('id').execute()
    const orphans: string[] = []
    for await (const entry of orphanedSpoolFiles({ database, spool, olderThanMs: 0 })) orphans.push(entry.id)
    assert.equal(orphans.length + owned.length, spooled.length, 'each file of the spool is owned or found')
    await sweepSpool({ database, spool, olderThanMs: 0 })
    let stored = 0
    for await (const entry of unrecordedBytes({ database, store, storeId, olderThanMs: 0 })) {
      await store.delete(entry.key)
      stored += 1
    }
    return { spool: orphans.length, store: stored }
  } finally {
    await database.close()
  }
}

export type { Server }
