/**
 * Figures: how much lies in the stores, and whose it is.
 *
 * Sums of a store are kept with it (file_store.used_*), and cost nothing. Those of a scope in a store take a walk
 * through all files, so they are taken once a day and recorded (store_figure). A scope has a file if an artifact of one
 * of its workspaces has it, or if it is a pack of one of its archives; without deduplication each artifact would keep
 * its own (`logicalBytes`).
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import type { Database } from '../database/database.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { type FileRange, type Owner, ownersOf } from './file-owners.ts'

export interface Sums {
  readonly files: number
  readonly bytes: number
  /** Bytes that they would take if every artifact kept its own. */
  readonly logicalBytes: number
}

/** Files looked at between two turns of the event loop: some milliseconds on SQLite. */
const pageFiles = 1000
const dayMicros = 24 * 60 * 60 * 1_000_000
const keptDays = 400
const rowsAtOnce = 500

/**
 * Takes the figures of every store and scope and records them, in the place of others of the same day. Any number of
 * processes may do so; no lease is needed.
 */
export async function takeFigures(database: Database, now: Micros, signal?: AbortSignal): Promise<void> {
  const taken = await addUp(database.read, signal)
  await database.write((trx) => recordFigures(trx, taken, now))
}

/** Sums by store, and there by scope; null is the store itself. */
type Taken = Map<number, Map<number | null, Sums>>

async function addUp(db: Kysely<Tables>, signal: AbortSignal | undefined): Promise<Taken> {
  const stores = await db.selectFrom('file_store').select('id').execute()
  const taken: Taken = new Map(stores.map(({ id }) => [id, new Map([[null, nothing]])]))
  for (let after = 0; ;) {
    signal?.throwIfAborted()
    const files = await db
      .selectFrom('file')
      .select(['id', 'size'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(pageFiles)
      .execute()
    const last = files.at(-1)
    if (last === undefined) return taken
    await addPage(db, taken, { sizes: new Map(files.map(({ id, size }) => [id, size])), after, upTo: last.id })
    after = last.id
    // A query on SQLite blocks this thread; others have their turn between them.
    await turn()
  }
}

interface Page extends FileRange {
  readonly sizes: ReadonlyMap<number, number>
}

async function addPage(db: Kysely<Tables>, taken: Taken, page: Page): Promise<void> {
  const copies = await db
    .selectFrom('file_copy')
    .select(['file_id', 'store_id'])
    .distinct()
    .where('file_id', '>', page.after)
    .where('file_id', '<=', page.upTo)
    .where('state', '!=', 'deleting')
    .execute()
  const owners = Map.groupBy(await ownersOf(db, page), ({ fileId }) => fileId)
  for (const { file_id: fileId, store_id: storeId } of copies) {
    const sums = taken.get(storeId)
    const sizeBytes = page.sizes.get(fileId)
    if (sums === undefined || sizeBytes === undefined) continue
    const here = owners.get(fileId) ?? []
    add(sums, null, sizeBytes, sum(here))
    for (const [scopeId, each] of Map.groupBy(here, (owner) => owner.scopeId)) add(sums, scopeId, sizeBytes, sum(each))
  }
}

const nothing: Sums = { files: 0, bytes: 0, logicalBytes: 0 }

function add(sums: Map<number | null, Sums>, scopeId: number | null, sizeBytes: number, times: number): void {
  const before = sums.get(scopeId) ?? nothing
  sums.set(scopeId, {
    files: before.files + 1,
    bytes: before.bytes + sizeBytes,
    logicalBytes: before.logicalBytes + sizeBytes * times,
  })
}

function sum(owners: readonly Owner[]): number {
  return owners.reduce((total, { times }) => total + times, 0)
}

async function recordFigures(trx: Transaction<Tables>, taken: Taken, now: Micros): Promise<void> {
  const midnight = now - (now % dayMicros)
  await trx
    .deleteFrom('store_figure')
    .where((eb) => eb.or([eb('taken_at', '>=', midnight), eb('taken_at', '<', now - keptDays * dayMicros)]))
    .execute()
  // A store may have been deleted meanwhile.
  const stores = await trx.selectFrom('file_store').select('id').execute()
  const rows = stores.flatMap(({ id }) =>
    [...(taken.get(id) ?? [])].map(([scopeId, { files, bytes, logicalBytes }]) => ({
      store_id: id,
      scope_id: scopeId,
      taken_at: now,
      files,
      bytes,
      logical_bytes: logicalBytes,
    })),
  )
  for (let at = 0; at < rows.length; at += rowsAtOnce) {
    await trx
      .insertInto('store_figure')
      .values(rows.slice(at, at + rowsAtOnce))
      .execute()
  }
}
