/**
 * Storage: where bytes are kept. What lives here: the file stores and their contract (file-store.ts), how scopes use
 * them (store-policy.ts), the spool of files on their way (spool.ts), the records of which files exist and where
 * (file-copies.ts), and what a crash can leave behind (leftovers.ts). What does not: names of files, who may read them,
 * and what they mean.
 *
 * Words: a *file* is bytes with one digest; a *copy* is a file in a store, at most one good one in each; a *policy* says
 * how a scope uses a store.
 *
 * A file's way in: spool, hash, sync; link into the store, sync the directory; record. Only then is it acknowledged,
 * so a record always has its bytes; bytes without a record are harmless, and leftovers.ts finds them.
 */
import { join } from 'node:path'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { noFaults, type Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { bringFile } from './bring-file.ts'
import { ensureDefaultStore } from './default-store.ts'
import { copiesOf, type FileCopy, type KnownFile, knownFiles, type NewCopy, type StoredFile } from './file-copies.ts'
import type { ByteRange, FileStore, OpenedFile, SpooledFile } from './file-store.ts'
import { sweepSpool } from './leftovers.ts'
import { Keeper, type Recorded } from './keep-file.ts'
import { LocalCache, type LocalFile } from './local-cache.ts'
import { OpenStores } from './open-stores.ts'
import { ParkedUploads } from './parked-uploads.ts'
import { RemoteFetch } from './remote-fetch.ts'
import { Spool } from './spool.ts'
import type { StoreMap } from './store-policy.ts'
import { UseLog } from './use-log.ts'

export type { StoredFile } from './file-copies.ts'
export type { ByteRange, FileKey, FileStore, OpenedFile, SpooledFile, StoredEntry } from './file-store.ts'
export type { LocalFile } from './local-cache.ts'

/** `scopeId` is always the scope for which it is done: its policies say which stores are used. */
export interface Storage extends AsyncDisposable {
  readonly spool: Spool
  readonly stores: OpenStores
  /** Uploads in progress where other servers can continue them. */
  readonly parked: ParkedUploads

  /**
   * Puts the spooled bytes into a store of the scope, durably, then records them; the spooled file is gone then.
   * Where the first choice has no room or fails, the next one takes it; if none does, the first error is thrown.
   * Concurrent calls share syncs and one transaction. If it fails nothing is recorded, and the spooled file is still
   * there.
   * @throws AshlarError storage-full, storage-failed, file-corrupt, gone if the file was purged
   */
  keep(spooled: SpooledFile, scopeId: number, signal?: AbortSignal): Promise<StoredFile>

  /**
   * Records a copy that lies durably in its store. Concurrent calls share one transaction.
   * @throws AshlarError storage-full, storage-failed, file-corrupt, gone
   */
  record(copy: NewCopy): Promise<StoredFile | 'condemned' | 'full'>

  /**
   * Opens the bytes of a recorded file from the first copy that can be read; `sizeBytes` is the size of the whole file.
   * @throws AshlarError file-corrupt if no good copy is left; gone if none is meant to be; range-not-satisfiable;
   *   storage-failed if no store with a copy can be reached; upstream-failed if only an upstream has it, and fails
   */
  open(file: StoredFile, scopeId: number, range?: ByteRange): Promise<OpenedFile>

  /** An address at which anybody can read the file for a short time, where its store gives such. @throws as `open` */
  link(file: StoredFile, scopeId: number): Promise<string | undefined>

  /** A path that another thread may read the file from, until it is disposed. @throws as `open`; storage-full */
  local(file: StoredFile, scopeId: number): Promise<LocalFile>

  /**
   * Brings a file from one of these upstreams, also where a copy of it lies here already: for who must not have the bytes
   * for knowing their digest. Once for all who ask at the same time; proven, and kept in the stores of the scope.
   * @param isDone asked before each try: whether it has been brought by somebody else meanwhile
   * @throws AshlarError gone; upstream-failed if none of them gives it; storage-full, storage-failed
   */
  fetchFrom(
    storeIds: readonly number[],
    file: StoredFile,
    scopeId: number,
    isDone: () => Promise<boolean>,
  ): Promise<void>

  /**
   * Whether the scope has a copy that is recorded as good in a store of its own, or had until it was condemned. Asks no
   * store, and counts none whose bytes are upstream only.
   */
  isHere(file: StoredFile, scopeId: number): Promise<boolean>

  /**
   * Sees to it that one scope holds a file that another has: without a copy where its stores hold it, else through the
   * spool into one that takes its uploads, read back and verified.
   * @throws AshlarError gone; storage-full, storage-failed, file-corrupt
   */
  bring(file: StoredFile, scopes: { readonly from: number; readonly to: number }, signal?: AbortSignal): Promise<void>

  /** Asks whether a file is still meant to be there, for who tells of it without opening it. @throws AshlarError gone */
  confirm(file: StoredFile): Promise<void>

  /** Removes what this process keeps of a purged file beside the stores. Others do so when they next ask for it. */
  forget(sha256: Sha256): void
}

export interface StorageOptions {
  readonly database: Database
  readonly dataDirectory: string
  readonly faults?: Faults
  /** Told of a copy that could not be read although it is recorded as present; another one was, if there is one. */
  readonly onBadCopy?: (error: unknown) => void
}

/** How many digests are asked for at once. */
const digestsAtOnce = 1000
const sweepOlderThanMs = 24 * 60 * 60 * 1000

/** @throws AshlarError storage-full, storage-failed */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { database, dataDirectory } = options
  const faults = options.faults ?? noFaults
  const spool = await Spool.open(join(dataDirectory, 'spool'), faults)
  await ensureDefaultStore(database, dataDirectory)
  await sweepSpool({ database, spool, olderThanMs: sweepOlderThanMs })
  const cache = await LocalCache.open(join(dataDirectory, 'cache'))
  await forgetGone(database, cache)
  const stores = new OpenStores({ database, dataDirectory, faults })
  // What is wrong with the directory of the data is said at once rather than at the first upload.
  for (const store of (await stores.map()).all) if (store.kind === 'local') await stores.isReachable(store)
  return new OpenStorage({ database, faults, spool, stores, cache, onBadCopy: options.onBadCopy ?? (() => {}) })
}

interface Parts {
  readonly database: Database
  readonly faults: Faults
  readonly spool: Spool
  readonly stores: OpenStores
  readonly cache: LocalCache
  readonly onBadCopy: (error: unknown) => void
}

class OpenStorage implements Storage {
  readonly spool: Spool
  readonly stores: OpenStores
  readonly parked: ParkedUploads
  readonly #database: Database
  readonly #faults: Faults
  readonly #cache: LocalCache
  readonly #onBadCopy: (error: unknown) => void
  readonly #keeper: Keeper
  readonly #uses: UseLog
  readonly #remote: RemoteFetch

  constructor({ database, faults, spool, stores, cache, onBadCopy }: Parts) {
    this.spool = spool
    this.stores = stores
    this.parked = new ParkedUploads(stores)
    this.#database = database
    this.#faults = faults
    this.#cache = cache
    this.#onBadCopy = onBadCopy
    this.#keeper = new Keeper({ database, faults, stores, onBadCopy })
    this.#uses = new UseLog(database)
    this.#remote = new RemoteFetch({
      database,
      spool,
      keep: (spooled, scopeId) => this.keep(spooled, scopeId),
    })
  }

  async keep(spooled: SpooledFile, scopeId: number, signal?: AbortSignal): Promise<StoredFile> {
    return await this.#keeper.keep(spooled, scopeId, signal)
  }

  async record(copy: NewCopy): Promise<Recorded> {
    return await this.#keeper.record(copy)
  }

  async open(file: StoredFile, scopeId: number, range?: ByteRange): Promise<OpenedFile> {
    return await this.#fromCopy(file, scopeId, async (store, copy) => {
      const opened = await store.open({ sha256: file.sha256, generation: copy.generation }, range)
      if (opened.sizeBytes === file.sizeBytes) return opened
      opened.stream.destroy()
      throw wrongSize(file, opened.sizeBytes)
    })
  }

  async link(file: StoredFile, scopeId: number): Promise<string | undefined> {
    return await this.#fromCopy(file, scopeId, (store, copy) =>
      store.link({ sha256: file.sha256, generation: copy.generation }),
    )
  }

  async local(file: StoredFile, scopeId: number): Promise<LocalFile> {
    const known = await copiesOf(this.#database.read, file.id)
    if (known.gone !== null) {
      // Another process may have purged what this one has cached.
      this.#cache.forget(file.sha256)
      throw withoutCopy(file, known.gone, false)
    }
    const cached = await this.#cache.borrow(file)
    if (cached !== undefined) return cached
    const deed = async (store: FileStore, copy: FileCopy): Promise<LocalFile> => {
      const key = { sha256: file.sha256, generation: copy.generation }
      const path = store.localPath(key)
      if (path === undefined) return await this.#cache.fetch(file, async () => (await store.open(key)).stream)
      const sizeBytes = await store.has(key)
      if (sizeBytes !== file.sizeBytes) throw wrongSize(file, sizeBytes)
      return { path, async [Symbol.asyncDispose]() {} }
    }
    return await this.#fromCopy(file, scopeId, deed, { known })
  }

  async fetchFrom(
    storeIds: readonly number[],
    file: StoredFile,
    scopeId: number,
    isDone: () => Promise<boolean>,
  ): Promise<void> {
    const map = await this.stores.map()
    const { gone, copies } = await copiesOf(this.#database.read, file.id)
    if (gone !== null) throw withoutCopy(file, gone, false)
    let failure: unknown
    for (const copy of copies) {
      const record = map.byId(copy.storeId)
      if (record?.kind !== 'remote' || !storeIds.includes(record.id)) continue
      if (copy.state !== 'present' && copy.state !== 'condemned') continue
      try {
        const store = await this.stores.open(record)
        return await this.#remote.bring(file, scopeId, { store, generation: copy.generation, isDone })
      } catch (error) {
        if (!(error instanceof AshlarError) || !passesOn.has(error.code)) throw error
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    throw new AshlarError('upstream-failed', `No upstream of this archive lists the file ${file.sha256} any more.`)
  }

  async isHere(file: StoredFile, scopeId: number): Promise<boolean> {
    return await this.#hasCopy(file, scopeId, ['present', 'condemned'])
  }

  async bring(
    file: StoredFile,
    scopes: { readonly from: number; readonly to: number },
    signal?: AbortSignal,
  ): Promise<void> {
    const parts = { database: this.#database, storage: this, faults: this.#faults }
    await bringFile(parts, { file, ...scopes, signal })
  }

  async confirm(file: StoredFile): Promise<void> {
    const { gone } = await copiesOf(this.#database.read, file.id)
    if (gone !== null) throw withoutCopy(file, gone, false)
  }

  forget(sha256: Sha256): void {
    this.#cache.forget(sha256)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#uses.close()
  }

  /** Whether the scope has a copy in one of these states in a store that can be read without asking upstream. */
  async #hasCopy(file: StoredFile, scopeId: number, states: readonly FileCopy['state'][]): Promise<boolean> {
    const map = await this.stores.map()
    const { copies } = await copiesOf(this.#database.read, file.id)
    return copies.some(
      ({ state, storeId }) =>
        states.includes(state) && map.isReadable(scopeId, storeId) && map.byId(storeId)?.kind !== 'remote',
    )
  }

  /** Does something with the first copy that lets it be done. */
  async #fromCopy<T>(
    file: StoredFile,
    scopeId: number,
    deed: (store: FileStore, copy: FileCopy) => Promise<T>,
    so: { readonly known?: KnownFile; readonly isBrought?: boolean } = {},
  ): Promise<T> {
    const map = await this.stores.map()
    const { gone, copies } = so.known ?? (await copiesOf(this.#database.read, file.id))
    let failure: unknown
    for (const copy of readable(map, scopeId, copies)) {
      const record = map.byId(copy.storeId)
      if (record === undefined) continue
      try {
        const store = await this.stores.open(record)
        if (record.kind === 'remote') {
          // Its bytes are not proven; once they are, the scope has a copy of its own.
          if (so.isBrought === true) continue
          // A copy of the scope's own that could not be read is put again.
          const isDamaged = failure !== undefined
          const isDone = async (): Promise<boolean> => !isDamaged && (await this.#hasCopy(file, scopeId, ['present']))
          await this.#remote.bring(file, scopeId, { store, generation: copy.generation, isDone })
          return await this.#fromCopy(file, scopeId, deed, { isBrought: true })
        }
        const result = await deed(store, copy)
        this.#uses.note(file.id, copy)
        return result
      } catch (error) {
        if (!(error instanceof AshlarError) || !passesOn.has(error.code)) throw error
        this.#onBadCopy(error)
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    throw withoutCopy(file, gone, copies.length > 0)
  }
}

/** What another copy may make good. */
const passesOn: ReadonlySet<string> = new Set(['file-corrupt', 'storage-failed', 'upstream-failed'])

/** The copies that a scope may read, the best first: those that are condemned only where there is no other. */
function readable(map: StoreMap, scopeId: number, copies: readonly FileCopy[]): FileCopy[] {
  const compare = map.compareForReading(scopeId)
  const late = (copy: FileCopy): number => (copy.state === 'condemned' ? 1 : 0)
  return copies
    .filter(({ state, storeId }) => (state === 'present' || state === 'condemned') && map.isReadable(scopeId, storeId))
    .sort((a, b) => late(a) - late(b) || compare(a.storeId, b.storeId))
}

function withoutCopy(file: StoredFile, gone: KnownFile['gone'], elsewhere: boolean): AshlarError {
  if (gone === 'purged') return new AshlarError('gone', `The file ${file.sha256} was removed on purpose.`)
  if (gone === 'expired') return new AshlarError('gone', `The file ${file.sha256} has expired.`)
  if (elsewhere) {
    return new AshlarError('file-corrupt', `No store that this scope reads from has a good copy of ${file.sha256}.`)
  }
  return new AshlarError('file-corrupt', `No store has a copy of the file ${file.sha256}.`)
}

/** What was purged while this process was not running. */
async function forgetGone(database: Database, cache: LocalCache): Promise<void> {
  const digests = cache.digests()
  for (let start = 0; start < digests.length; start += digestsAtOnce) {
    const batch = digests.slice(start, start + digestsAtOnce)
    const known = await knownFiles(database.read, batch)
    for (const [index, sha256] of batch.entries()) if (known[index]?.gone !== null) cache.forget(sha256)
  }
}

function wrongSize(file: StoredFile, sizeBytes: number | undefined): AshlarError {
  const found = sizeBytes === undefined ? 'is missing' : `has ${sizeBytes} bytes`
  return new AshlarError('file-corrupt', `File ${file.sha256} of ${file.sizeBytes} bytes ${found} in its store.`)
}
