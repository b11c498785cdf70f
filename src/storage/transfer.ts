/**
 * Makes another copy of a file, in another store or in the same one: copy, read back and verify, record. Only what has
 * been read back from its store counts as a copy, so that a source may go afterwards.
 */
import { createHash } from 'node:crypto'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { markDamaged } from './copy-states.ts'
import { copiesOf, type FileCopy, generationFor, type NewCopy, type StoredFile } from './file-copies.ts'
import type { FileKey, FileStore, SpooledFile } from './file-store.ts'
import type { OpenStores } from './open-stores.ts'
import type { Spool } from './spool.ts'
import { unlinkIfThere } from './spool-writer.ts'
import { storageError } from './storage-error.ts'
import { takeBack } from './take-back.ts'
import type { StoreRecord } from './store-policy.ts'

export interface TransferParts {
  readonly database: Database
  readonly storage: {
    readonly spool: Spool
    readonly stores: OpenStores
    record(copy: NewCopy): Promise<StoredFile | 'condemned' | 'full'>
  }
  readonly faults: Faults
}

export interface TransferWish {
  readonly file: StoredFile
  readonly to: StoreRecord
  /** Whether a copy may be read for this; the first ones that may are tried first. */
  readonly from: (copies: readonly FileCopy[]) => readonly FileCopy[]
  readonly signal?: AbortSignal
}

/** `there`: it had a good copy by then. `full`: there is no room. `sourceless`: no copy could be read whole. */
export type TransferOutcome = 'copied' | 'there' | 'full' | 'sourceless'

/** How often the place of the new copy may be taken by something else. */
const maxAttempts = 3

/** @throws AshlarError storage-failed if the target fails, storage-full if the spool is; the reason of the signal */
export async function transfer(parts: TransferParts, wish: TransferWish): Promise<TransferOutcome> {
  const { file, to, signal } = wish
  const target = await parts.storage.stores.open(to)
  const known = await copiesOf(parts.database.read, file.id)
  if (known.copies.some((copy) => copy.storeId === to.id && copy.state === 'present')) return 'there'
  const spooled = await spoolFrom(parts, wish, known.copies)
  if (spooled === undefined) return 'sourceless'
  try {
    let atLeast = 0
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const { copies } = await copiesOf(parts.database.read, file.id)
      const fresh = (await parts.storage.stores.map()).byId(to.id) ?? to
      const key = { sha256: file.sha256, generation: generationFor(fresh, copies, atLeast) }
      const outcome = await place(parts, { file, to, target, key, spooled }, signal)
      if (outcome !== 'taken') return outcome
      atLeast = key.generation + 1
      parts.storage.stores.forget()
    }
    throw new AshlarError('busy', `The places for file ${file.sha256} in ${to.name} were taken again and again.`)
  } finally {
    await unlinkIfThere(spooled.path).catch(() => {})
  }
}

interface Placing {
  readonly file: StoredFile
  readonly to: StoreRecord
  readonly target: FileStore
  readonly key: FileKey
  readonly spooled: SpooledFile
}

async function place(
  { database, storage, faults }: TransferParts,
  { file, to, target, key, spooled }: Placing,
  signal: AbortSignal | undefined,
): Promise<TransferOutcome | 'taken'> {
  await reach(faults, 'transfer.put')
  try {
    await target.put(key, spooled, signal)
  } catch (error) {
    if (error instanceof AshlarError && error.code === 'storage-full') return 'full'
    if (error instanceof AshlarError && error.code === 'file-corrupt') return 'taken'
    throw error
  }
  await reach(faults, 'transfer.verify')
  await verify(target, key, file, signal)
  await reach(faults, 'transfer.record')
  const outcome = await storage
    .record({ storeId: to.id, key, sizeBytes: file.sizeBytes, verified: true })
    .catch(async (error: unknown) => {
      if (error instanceof AshlarError && error.code === 'gone') await takeBack(database, to.id, target, key)
      throw error
    })
  if (outcome === 'condemned') return 'taken'
  return outcome === 'full' ? 'full' : 'copied'
}

/**
 * Reads a stored file to its end.
 * @throws AshlarError file-corrupt if it is not what its key says; storage-failed
 */
export async function verify(
  store: FileStore,
  key: FileKey,
  file: { readonly sizeBytes: number },
  signal?: AbortSignal,
  onBytes: (bytes: number) => Promise<void> | void = () => {},
): Promise<void> {
  const { stream } = await store.open(key)
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      signal?.throwIfAborted()
      hash.update(chunk)
      sizeBytes += chunk.length
      await onBytes(chunk.length)
    }
  } catch (error) {
    throw storageError(error, `reading a file of the store ${store.name}`)
  } finally {
    stream.destroy()
  }
  const digest = hash.digest('hex')
  if (sizeBytes === file.sizeBytes && digest === key.sha256) return
  throw new AshlarError(
    'file-corrupt',
    `File ${key.sha256} has ${sizeBytes} bytes with the digest ${digest} in the store ${store.name}.`,
  )
}

/**
 * The file in the spool, from the first copy that gives its bytes; a copy that gives others, or is known to be missing,
 * is noted as damaged. A store or an upstream that fails says nothing of what it holds.
 */
async function spoolFrom(
  parts: TransferParts,
  { file, from, signal }: TransferWish,
  copies: readonly FileCopy[],
): Promise<SpooledFile | undefined> {
  const map = await parts.storage.stores.map()
  for (const copy of from(copies)) {
    const record = map.byId(copy.storeId)
    if (record === undefined) continue
    const spooled = await spoolCopy(parts, file, record, copy, signal)
    if (spooled !== undefined) return spooled
  }
  return undefined
}

async function spoolCopy(
  { database, storage }: TransferParts,
  file: StoredFile,
  record: StoreRecord,
  copy: FileCopy,
  signal: AbortSignal | undefined,
): Promise<SpooledFile | undefined> {
  const writer = await storage.spool.create()
  try {
    const store = await storage.stores.open(record)
    const { stream } = await store.open({ sha256: file.sha256, generation: copy.generation })
    try {
      await writer.append(stream, { limitBytes: file.sizeBytes, ...(signal === undefined ? {} : { signal }) })
    } finally {
      stream.destroy()
    }
    const spooled = await writer.finish()
    if (spooled.sha256 === file.sha256) return spooled
  } catch (caught) {
    await writer.discard()
    signal?.throwIfAborted()
    const error = storageError(caught, 'reading a stored file')
    if (!(error instanceof AshlarError) || error.code === 'storage-full') throw error
    if (error.code !== 'file-corrupt' && error.code !== 'too-large') return undefined
  }
  await writer.discard()
  const key = { fileId: file.id, storeId: record.id, generation: copy.generation }
  await database.write(async (trx) =>
    markDamaged(trx, key, 'it was missing or had other bytes when it was read', await database.now(trx)),
  )
  return undefined
}

async function reach(faults: Faults, point: 'transfer.put' | 'transfer.verify' | 'transfer.record'): Promise<void> {
  try {
    await faults.reach(point)
  } catch (error) {
    throw storageError(error, 'copying a file to a store')
  }
}
