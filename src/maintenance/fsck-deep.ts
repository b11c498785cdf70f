/**
 * Re-reads and re-hashes every present copy of each store. A run that is interrupted goes on where it was the next time
 * (scrub-record.ts).
 */
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { inOrder } from '../common/in-order.ts'
import { markDamaged } from '../storage/copy-states.ts'
import type { FileStore } from '../storage/file-store.ts'
import { systemCode } from '../storage/storage-error.ts'
import type { StoreRecord } from '../storage/store-policy.ts'
import { verify } from '../storage/transfer.ts'
import type { FsckEvent } from './finding.ts'
import { type FsckContext, storesToCheck } from './fsck-context.ts'
import { type ReadCopy, ScrubRecord } from './scrub-record.ts'

const copiesPerPage = 500
/** How many copies are read at once; small ones would otherwise wait for the disk one by one. */
const readsAtOnce = 4
/** So many failures in a row say that it is the store, not its files. */
const mostFailures = 20
/** Progress is told every so many copies. */
const copiesPerProgress = 64

/** What the system says of a file whose bytes are gone, on a disk that otherwise works. */
const unreadableCodes: ReadonlySet<string> = new Set(['EIO', 'EBADMSG', 'EUCLEAN'])

export async function* rereadStores(context: FsckContext): AsyncGenerator<FsckEvent, void, undefined> {
  for (const record of await storesToCheck(context)) {
    // That it cannot be looked into was told by the stage before.
    if (!(await context.storage.stores.isReachable(record))) continue
    yield* rereadStore(context, record, await context.storage.stores.open(record))
  }
}

/** Undefined if it is good. */
type Outcome = { readonly copy: ReadCopy; readonly error: AshlarError | undefined }

async function* rereadStore(
  context: FsckContext,
  record: StoreRecord,
  store: FileStore,
): AsyncGenerator<FsckEvent, void, undefined> {
  const scrub = await ScrubRecord.resume(context.database, record.id)
  /** Copies that could not be read, since the last one that could: whether it is them or the store is not known yet. */
  let failed: { readonly copy: ReadCopy; readonly error: AshlarError }[] = []
  let seen = 0
  try {
    const pages = presentCopies(context, record.id, scrub.cursor)
    for await (const { copy, error } of inOrder(pages, readsAtOnce, (copy) => reread(context, store, copy))) {
      if (error !== undefined && error.code !== 'file-corrupt') {
        failed.push({ copy, error })
        if (failed.length >= mostFailures) break
        continue
      }
      for (const one of failed) yield* notReadable(context, record, scrub, one.copy, one.error)
      failed = []
      context.tally.read(copy.sizeBytes)
      if (error === undefined) await scrub.good(copy)
      else yield* bad(context, record, scrub, copy, error.message)
      seen += 1
      if (seen % copiesPerProgress === 0) yield progress(record, scrub)
    }
    const isThere = seen > 0 && failed.length < mostFailures
    for (const { copy, error } of failed) {
      if (isThere) yield* notReadable(context, record, scrub, copy, error)
      else yield unknownCopy(record, copy, error)
    }
    if (failed.length < mostFailures) await scrub.finish()
    yield progress(record, scrub)
  } finally {
    await scrub.pause()
  }
}

async function reread({ signal, bandwidth }: FsckContext, store: FileStore, copy: ReadCopy): Promise<Outcome> {
  const take = bandwidth === undefined ? undefined : (bytes: number) => bandwidth.take(bytes, signal)
  try {
    signal.throwIfAborted()
    await verify(store, copy, copy, signal, take)
    return { copy, error: undefined }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AshlarError) return { copy, error }
    throw error
  }
}

/** The copies of a store that are good as far as is known, in the order of their files' ids. */
async function* presentCopies(
  { database, signal }: FsckContext,
  storeId: number,
  start: number,
): AsyncGenerator<ReadCopy, void, undefined> {
  for (let after = start; ;) {
    signal.throwIfAborted()
    const rows = await database.read
      .selectFrom('file_copy')
      .innerJoin('file', 'file.id', 'file_copy.file_id')
      .select(['file_copy.file_id', 'file_copy.generation', 'file.sha256', 'file.size'])
      .where('file_copy.store_id', '=', storeId)
      .where('file_copy.file_id', '>', after)
      .where('file_copy.state', '=', 'present')
      .orderBy('file_copy.file_id')
      .limit(copiesPerPage)
      .execute()
    for (const { file_id: fileId, generation, sha256, size } of rows) {
      yield { fileId, generation, sha256: sha256 as Sha256, sizeBytes: size }
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < copiesPerPage) return
    after = last.file_id
  }
}

async function* bad(
  context: FsckContext,
  record: StoreRecord,
  scrub: ScrubRecord,
  copy: ReadCopy,
  reason: string,
): AsyncGenerator<FsckEvent, void, undefined> {
  const { database } = context
  const key = { fileId: copy.fileId, storeId: record.id, generation: copy.generation }
  const noted = await database.write(async (trx) => markDamaged(trx, key, reason, await database.now(trx)))
  await scrub.bad(copy)
  // It was let go while it was read, so that its bytes are missed by nobody.
  if (!noted) return
  context.reported.add(copy.fileId, key)
  yield found(record, copy, 'damaged', reason)
}

/** A copy that cannot be read in a store of which others can. */
async function* notReadable(
  context: FsckContext,
  record: StoreRecord,
  scrub: ScrubRecord,
  copy: ReadCopy,
  error: AshlarError,
): AsyncGenerator<FsckEvent, void, undefined> {
  if (unreadableCodes.has(systemCode(error.cause) ?? '')) yield* bad(context, record, scrub, copy, error.message)
  else yield unknownCopy(record, copy, error)
}

function unknownCopy(record: StoreRecord, copy: ReadCopy, error: AshlarError): FsckEvent {
  return found(record, copy, 'unknown', `it could not be read now: ${error.message}`)
}

function found(record: StoreRecord, copy: ReadCopy, severity: 'damaged' | 'unknown', sentence: string): FsckEvent {
  // Beside its digest and its store neither need be said again.
  const what = sentence
    .replace(`File ${copy.sha256} `, 'it ')
    .replace(` in the store ${record.name}`, '')
    .replace(/\.$/, '')
  const place = { subject: copy.sha256, store: record.name, bytes: copy.sizeBytes } as const
  return { kind: 'finding', finding: { stage: 'deep', severity, outcome: 'open', ...place, what } }
}

function progress(record: StoreRecord, { readBytes: bytes }: ScrubRecord): FsckEvent {
  const totalBytes = Math.max(record.usedBytes, bytes)
  const part = totalBytes === 0 ? 1 : bytes / totalBytes
  return { kind: 'progress', stage: 'deep', store: record.name, part, bytes, totalBytes }
}
