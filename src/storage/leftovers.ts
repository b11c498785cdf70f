/**
 * What a crash can leave behind. None of it is visible to anyone; it only takes room.
 *
 * - Spool files that no upload row owns: their request died, or their row went before them.
 * - Stored bytes that no file_copy row records: the crash came between the store and the record.
 */
import type { Database } from '../database/database.ts'
import type { FileStore, StoredEntry } from './file-store.ts'
import type { Spool, SpoolEntry } from './spool.ts'

const batchSize = 500

export interface LeftoverOptions {
  readonly signal?: AbortSignal
  /** Younger ones are passed over: they may be on their way right now. */
  readonly olderThanMs: number
}

/** Spool files of no upload, in no order, in bounded memory. */
export async function* orphanedSpoolFiles(
  from: { readonly database: Database; readonly spool: Spool } & LeftoverOptions,
): AsyncGenerator<SpoolEntry> {
  const before = Date.now() - from.olderThanMs
  for await (const entries of batches(from.spool.list(), from.signal)) {
    const old = entries.filter((entry) => entry.modifiedAtMs < before)
    if (old.length === 0) continue
    const rows = await from.database.read
      .selectFrom('upload')
      .select('id')
      .where(
        'id',
        'in',
        old.map((entry) => entry.id),
      )
      .execute()
    const owned = new Set(rows.map((row) => row.id))
    yield* old.filter((entry) => !owned.has(entry.id))
  }
}

/** Stored bytes that nothing records, in the order of their digests, in bounded memory. */
export async function* unrecordedBytes(
  from: { readonly database: Database; readonly store: FileStore; readonly storeId: number } & LeftoverOptions,
): AsyncGenerator<StoredEntry> {
  const beforeMicros = (Date.now() - from.olderThanMs) * 1000
  for await (const entries of batches(from.store.list(from.signal), from.signal)) {
    const rows = await from.database.read
      .selectFrom('file')
      .innerJoin('file_copy', 'file_copy.file_id', 'file.id')
      .select(['file.sha256', 'file_copy.generation'])
      .where('file.sha256', 'in', [...new Set(entries.map((entry) => entry.key.sha256))])
      .where('file_copy.store_id', '=', from.storeId)
      .execute()
    const recorded = new Set(rows.map((row) => `${row.sha256}.${row.generation}`))
    for (const entry of entries) {
      if (entry.modifiedAt >= beforeMicros) continue
      if (!recorded.has(`${entry.key.sha256}.${entry.key.generation}`)) yield entry
    }
  }
}

/** Removes the orphans of the spool. @returns how many went. */
export async function sweepSpool(
  from: { readonly database: Database; readonly spool: Spool } & LeftoverOptions,
): Promise<number> {
  let removed = 0
  for await (const entry of orphanedSpoolFiles(from)) {
    await from.spool.remove(entry.id)
    removed += 1
  }
  return removed
}

async function* batches<Item>(items: AsyncIterable<Item>, signal?: AbortSignal): AsyncGenerator<Item[]> {
  let batch: Item[] = []
  for await (const item of items) {
    signal?.throwIfAborted()
    batch.push(item)
    if (batch.length < batchSize) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
