/**
 * Storage: where bytes are kept. What lives here: the file stores and their contract (file-store.ts), the spool of
 * files on their way (spool.ts), the records of which files exist and where (file-copies.ts), and what a crash can
 * leave behind (leftovers.ts). What does not: names of files, who may read them, and what they mean.
 *
 * A file's way in: spool, hash, sync; link into the store, sync the directory; record. Only then is it acknowledged,
 * so a record always has its bytes; bytes without a record are harmless, and leftovers.ts finds them.
 */
import { join } from 'node:path'
import { Batcher } from '../common/batcher.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { noFaults, type Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { generationsFor, presentGeneration, recordCopies, type NewCopy, type StoredFile } from './file-copies.ts'
import type { ByteRange, FileKey, FileStore, OpenedFile, SpooledFile } from './file-store.ts'
import { sweepSpool } from './leftovers.ts'
import { openLocalStore } from './local-store.ts'
import { Spool } from './spool.ts'
import { unlinkIfThere } from './spool-writer.ts'
import { storageError } from './storage-error.ts'

export type { StoredFile } from './file-copies.ts'
export type { ByteRange, FileKey, FileStore, OpenedFile, SpooledFile, StoredEntry } from './file-store.ts'

export interface Storage {
  readonly spool: Spool
  /** The store that new files go to. */
  readonly store: FileStore
  /** Its row in file_store. */
  readonly storeId: number

  /**
   * Puts the spooled bytes into the store, durably, then records them; the spooled file is gone then. Concurrent
   * calls share syncs and one transaction. If it fails nothing is recorded, and the spooled file is still there.
   * @throws AshlarError storage-full, storage-failed, file-corrupt
   */
  keep(spooled: SpooledFile, signal?: AbortSignal): Promise<StoredFile>

  /**
   * Opens the bytes of a recorded file; `sizeBytes` of a stream is the size of the whole file.
   * @throws AshlarError file-corrupt if its copy is missing or has another size; range-not-satisfiable; storage-failed
   */
  open(file: StoredFile, range?: ByteRange): Promise<OpenedFile>

  /** A path that another thread may read the file from. @throws AshlarError file-corrupt */
  localPath(file: StoredFile): Promise<string>
}

export interface StorageOptions {
  readonly database: Database
  readonly dataDirectory: string
  readonly faults?: Faults
}

/** The most files that one transaction records. */
const recordMaximum = 1000
/** How often a copy may be condemned between our look and our record before we give up. */
const maxAttempts = 5
const sweepOlderThanMs = 24 * 60 * 60 * 1000

/** @throws AshlarError storage-full, storage-failed */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { database, dataDirectory } = options
  const faults = options.faults ?? noFaults
  const store = await openLocalStore({ name: 'local', root: join(dataDirectory, 'store'), faults })
  const spool = await Spool.open(join(dataDirectory, 'spool'), faults)
  const storeId = await ensureStoreRow(database, store.name)
  await sweepSpool({ database, spool, olderThanMs: sweepOlderThanMs })
  return new OpenStorage({ database, faults, spool, store, storeId })
}

interface Parts {
  readonly database: Database
  readonly faults: Faults
  readonly spool: Spool
  readonly store: FileStore
  readonly storeId: number
}

class OpenStorage implements Storage {
  readonly spool: Spool
  readonly store: FileStore
  readonly storeId: number
  readonly #database: Database
  readonly #generations: Batcher<Sha256, number>
  readonly #records: Batcher<NewCopy, StoredFile | undefined>

  constructor({ database, faults, spool, store, storeId }: Parts) {
    this.spool = spool
    this.store = store
    this.storeId = storeId
    this.#database = database
    this.#generations = new Batcher(recordMaximum, (digests) => generationsFor(database, storeId, digests))
    this.#records = new Batcher(recordMaximum, async (copies) => {
      await reachRecord(faults)
      return await database.write(async (trx) => recordCopies(trx, storeId, copies, await database.now(trx)))
    })
  }

  async keep(spooled: SpooledFile, signal?: AbortSignal): Promise<StoredFile> {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const key = { sha256: spooled.sha256, generation: await this.#generations.run(spooled.sha256) }
      await this.store.put(key, spooled, signal)
      const file = await this.#records.run({ key, sizeBytes: spooled.sizeBytes })
      if (file === undefined) continue
      // The file is kept, whatever becomes of its second name; the sweep finds it.
      await unlinkIfThere(spooled.path).catch(() => {})
      return file
    }
    throw new AshlarError('busy', `File ${spooled.sha256} was condemned again and again while it was stored.`)
  }

  async open(file: StoredFile, range?: ByteRange): Promise<OpenedFile> {
    const opened = await this.store.open(await this.#key(file), range)
    if (opened.kind === 'stream' && opened.sizeBytes !== file.sizeBytes) {
      opened.stream.destroy()
      throw wrongSize(file, opened.sizeBytes)
    }
    return opened
  }

  async localPath(file: StoredFile): Promise<string> {
    const key = await this.#key(file)
    const path = this.store.localPath(key)
    if (path === undefined) throw new Error(`The store ${this.store.name} has no paths`)
    const sizeBytes = await this.store.has(key)
    if (sizeBytes !== file.sizeBytes) throw wrongSize(file, sizeBytes)
    return path
  }

  async #key(file: StoredFile): Promise<FileKey> {
    const generation = await presentGeneration(this.#database, this.storeId, file.id)
    if (generation === undefined) {
      throw new AshlarError('file-corrupt', `No store has a copy of the file ${file.sha256}.`)
    }
    return { sha256: file.sha256, generation }
  }
}

async function reachRecord(faults: Faults): Promise<void> {
  try {
    await faults.reach('store.record')
  } catch (error) {
    throw storageError(error, 'recording a file')
  }
}

function wrongSize(file: StoredFile, sizeBytes: number | undefined): AshlarError {
  const found = sizeBytes === undefined ? 'is missing' : `has ${sizeBytes} bytes`
  return new AshlarError('file-corrupt', `File ${file.sha256} of ${file.sizeBytes} bytes ${found} in its store.`)
}

async function ensureStoreRow(database: Database, name: string): Promise<number> {
  return await database.write(async (trx) => {
    const location = { directory: 'store' }
    await trx
      .insertInto('file_store')
      .values({ name, kind: 'local', location_json: JSON.stringify(location), created_at: await database.now(trx) })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute()
    const row = await trx.selectFrom('file_store').select('id').where('name', '=', name).executeTakeFirstOrThrow()
    return row.id
  })
}
