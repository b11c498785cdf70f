/**
 * The records of a store beside what lies in it: both in the order of their digests, so that neither is ever in memory
 * as a whole. One pass over each.
 */
import type { Kysely } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { FileCopyTable, Micros, Tables } from '../database/schema.ts'
import type { FileStore, StoredEntry } from '../storage/file-store.ts'

export interface RecordedCopy {
  readonly fileId: number
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly generation: number
  readonly state: FileCopyTable['state']
  readonly createdAt: Micros
}

export type Difference =
  /** Bytes that no record tells of. */
  | { readonly kind: 'stray'; readonly entry: StoredEntry }
  /** A present copy that is not there, or not whole; `foundBytes` is undefined if it is not there. */
  | { readonly kind: 'bad'; readonly copy: RecordedCopy; readonly foundBytes: number | undefined }

const rowsPerPage = 1000

/** What differs; a copy that comes or goes meanwhile may be among it, so whoever acts on one looks again. */
export async function* compareListing(
  db: Kysely<Tables>,
  store: FileStore,
  storeId: number,
  signal: AbortSignal,
): AsyncGenerator<Difference, void, undefined> {
  const records = recordedCopies(db, storeId, signal)
  let next = await records.next()
  for await (const { sha256, entries } of byDigest(store.list(signal))) {
    while (next.done !== true && next.value.sha256 < sha256) {
      yield* differences(next.value, [])
      next = await records.next()
    }
    if (next.done !== true && next.value.sha256 === sha256) {
      yield* differences(next.value, entries)
      next = await records.next()
    } else {
      yield* differences({ sha256, copies: [] }, entries)
    }
  }
  for (; next.done !== true; next = await records.next()) yield* differences(next.value, [])
}

interface Recorded {
  readonly sha256: Sha256
  readonly copies: readonly RecordedCopy[]
}

function* differences({ copies }: Recorded, entries: readonly StoredEntry[]): Generator<Difference, void, undefined> {
  const found = new Map(entries.map((entry) => [entry.key.generation, entry]))
  for (const copy of copies) {
    const entry = found.get(copy.generation)
    found.delete(copy.generation)
    if (copy.state !== 'present' || entry?.sizeBytes === copy.sizeBytes) continue
    yield { kind: 'bad', copy, foundBytes: entry?.sizeBytes }
  }
  for (const entry of found.values()) yield { kind: 'stray', entry }
}

/** Entries of one digest together. */
async function* byDigest(
  entries: AsyncIterable<StoredEntry>,
): AsyncGenerator<{ readonly sha256: Sha256; readonly entries: readonly StoredEntry[] }, void, undefined> {
  let group: StoredEntry[] = []
  for await (const entry of entries) {
    const [first] = group
    if (first !== undefined && first.key.sha256 !== entry.key.sha256) {
      yield { sha256: first.key.sha256, entries: group }
      group = []
    }
    group.push(entry)
  }
  const [first] = group
  if (first !== undefined) yield { sha256: first.key.sha256, entries: group }
}

/** The copies of a store in the order of their digests, those of one digest together. */
async function* recordedCopies(
  db: Kysely<Tables>,
  storeId: number,
  signal: AbortSignal,
): AsyncGenerator<Recorded, void, undefined> {
  let after = ''
  for (;;) {
    signal.throwIfAborted()
    // By digests first: SQLite keeps the order of a cross join.
    const files = await db
      .selectFrom('file')
      .select(['id', 'sha256', 'size'])
      .where('sha256', '>', after)
      .orderBy('sha256')
      .limit(rowsPerPage)
      .execute()
    const last = files.at(-1)
    if (last === undefined) return
    const rows = await db
      .selectFrom('file_copy')
      .select(['file_id', 'generation', 'state', 'created_at'])
      .where(
        'file_id',
        'in',
        files.map((file) => file.id),
      )
      .where('store_id', '=', storeId)
      .execute()
    const copies = Map.groupBy(rows, (row) => row.file_id)
    for (const file of files) {
      const here = copies.get(file.id)
      if (here === undefined) continue
      const sha256 = file.sha256 as Sha256
      yield {
        sha256,
        copies: here.map((row) => ({
          fileId: file.id,
          sha256,
          sizeBytes: file.size,
          generation: row.generation,
          state: row.state,
          createdAt: row.created_at,
        })),
      }
    }
    after = last.sha256
  }
}
