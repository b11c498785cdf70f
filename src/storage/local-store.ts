/**
 * A file store in a directory: `<root>/<first two digits>/<digest>`, with `.<generation>` after it from the first on.
 *
 * A spooled file is linked into its place (link(2) never overwrites), then the directory is synced. From a spool on
 * another file system it is first copied to `<root>/incoming`.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, open, opendir, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { AshlarError } from '../common/errors.ts'
import { noFaults, type Faults } from '../common/faults.ts'
import { inOrder } from '../common/in-order.ts'
import { digestOf, readChunkBytes } from './digest-stream.ts'
import { DirectorySync, syncDirectory } from './directory-sync.ts'
import type { ByteRange, FileKey, FileStore, OpenedFile, SpooledFile, StoredEntry } from './file-store.ts'
import { storageError, systemCode } from './storage-error.ts'
import { markerOf } from './store-marker.ts'
import { nameOf, parseName, shardOf } from './stored-name.ts'

/** Files of a listing that are looked at together. */
const statsAtOnce = 16

export interface LocalStoreOptions {
  readonly name: string
  /** The directory; made if it is missing. */
  readonly root: string
  /** What the mark in the directory says; without one any directory is taken. */
  readonly identity?: string
  readonly faults?: Faults
}

/** @throws AshlarError storage-full, storage-failed */
export async function openLocalStore(options: LocalStoreOptions): Promise<FileStore> {
  try {
    await prepareShards(options.root)
  } catch (error) {
    throw storageError(error, `preparing the store ${options.name}`)
  }
  return new LocalStore(options)
}

class LocalStore implements FileStore {
  readonly name: string
  readonly #root: string
  readonly #identity: string | undefined
  readonly #faults: Faults
  readonly #directories = new DirectorySync()

  constructor(options: LocalStoreOptions) {
    this.name = options.name
    this.#root = options.root
    this.#identity = options.identity
    this.#faults = options.faults ?? noFaults
  }

  async put(key: FileKey, spooled: SpooledFile, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await this.check()
    try {
      await this.#faults.reach('store.move')
      if (!(await this.#place(key, spooled, signal))) await this.#compare(key, spooled, signal)
      await this.#faults.reach('store.sync-directory')
      // Also for what was there before: another call may have linked it and not have come to the sync yet.
      await this.#directories.sync(this.#shard(key))
    } catch (error) {
      throw storageError(error, `writing a file to the store ${this.name}`)
    }
  }

  async open(key: FileKey, range?: ByteRange): Promise<OpenedFile> {
    try {
      const handle = await open(this.localPath(key), 'r')
      try {
        const { size } = await handle.stat()
        const { start, end } = range ?? { start: 0, end: size }
        if (start < 0 || end < start || end > size) {
          throw new AshlarError('range-not-satisfiable', `Bytes ${start} to ${end} of a file of ${size}.`)
        }
        if (start === end) {
          await handle.close()
          return { stream: Readable.from([]), sizeBytes: size }
        }
        const stream = handle.createReadStream({ start, end: end - 1, highWaterMark: readChunkBytes })
        return { stream, sizeBytes: size }
      } catch (error) {
        await handle.close()
        throw error
      }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        await this.check()
        throw new AshlarError('file-corrupt', `File ${key.sha256} is missing in the store ${this.name}.`)
      }
      throw storageError(error, `reading a file of the store ${this.name}`)
    }
  }

  async link(): Promise<undefined> {}

  /** A disk that is not mounted any more leaves an empty directory, which must not pass for an empty store. */
  async check(): Promise<void> {
    if (this.#identity === undefined || (await markerOf(this.#root)) === this.#identity) return
    throw new AshlarError('storage-failed', `The directory of the store ${this.name} is not on this server.`)
  }

  async has(key: FileKey): Promise<number | undefined> {
    try {
      return (await stat(this.localPath(key))).size
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        await this.check()
        return undefined
      }
      throw storageError(error, `looking for a file of the store ${this.name}`)
    }
  }

  async delete(key: FileKey): Promise<void> {
    try {
      await unlink(this.localPath(key))
      await this.#directories.sync(this.#shard(key))
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw storageError(error, `deleting a file of the store ${this.name}`)
      await this.check()
    }
  }

  /** Sorts the names of one of the 256 directories at a time. */
  async *list(signal?: AbortSignal): AsyncGenerator<StoredEntry> {
    await this.check()
    for (const shard of shardNames()) {
      const keys = (await this.#namesIn(shard)).flatMap((name) => {
        const key = parseName(name)
        return key?.sha256.startsWith(shard) === true ? [key] : []
      })
      for await (const entry of inOrder(keys, statsAtOnce, (key) => this.#entry(key))) {
        signal?.throwIfAborted()
        if (entry !== undefined) yield entry
      }
    }
    // What went away in the middle would look like a store that ends here.
    await this.check()
  }

  async sweepUnfinished(olderThanMs: number, signal?: AbortSignal): Promise<number> {
    const before = Date.now() - olderThanMs
    let removed = 0
    try {
      for await (const entry of await opendir(this.#incoming)) {
        signal?.throwIfAborted()
        const path = join(this.#incoming, entry.name)
        const found = await stat(path).catch(() => undefined)
        if (found === undefined || found.mtimeMs >= before) continue
        await unlink(path)
        removed += 1
      }
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw storageError(error, `tidying up the store ${this.name}`)
    }
    return removed
  }

  localPath(key: FileKey): string {
    return join(this.#shard(key), nameOf(key))
  }

  get #incoming(): string {
    return join(this.#root, 'incoming')
  }

  /** Whether the bytes were put in their place; false if it is taken. */
  async #place(key: FileKey, spooled: SpooledFile, signal?: AbortSignal): Promise<boolean> {
    try {
      return await linkNew(spooled.path, this.localPath(key))
    } catch (error) {
      if (systemCode(error) !== 'EXDEV') throw error
    }
    const copy = join(this.#incoming, randomUUID())
    await mkdir(this.#incoming, { recursive: true, mode: 0o700 })
    try {
      await copyDurably(spooled.path, copy, signal)
      return await linkNew(copy, this.localPath(key))
    } finally {
      await unlink(copy).catch(() => {})
    }
  }

  #shard(key: FileKey): string {
    return join(this.#root, shardOf(key))
  }

  async #compare(key: FileKey, spooled: SpooledFile, signal?: AbortSignal): Promise<void> {
    const stored = await digestOf(this.localPath(key), signal)
    if (stored.sizeBytes === spooled.sizeBytes && stored.sha256 === spooled.sha256) return
    throw new AshlarError(
      'file-corrupt',
      `File ${key.sha256} has ${stored.sizeBytes} bytes with the digest ${stored.sha256} in the store ${this.name}.`,
    )
  }

  async #namesIn(shard: string): Promise<string[]> {
    try {
      return (await readdir(join(this.#root, shard))).sort()
    } catch (error) {
      if (systemCode(error) === 'ENOENT') {
        await this.check()
        return []
      }
      throw storageError(error, `listing the store ${this.name}`)
    }
  }

  async #entry(key: FileKey): Promise<StoredEntry | undefined> {
    try {
      const found = await stat(this.localPath(key))
      if (!found.isFile()) return undefined
      return { key, sizeBytes: found.size, modifiedAt: Math.round(found.mtimeMs * 1000) }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw storageError(error, `listing the store ${this.name}`)
    }
  }
}

/** Whether the link was made; false if the name is taken. */
async function linkNew(existing: string, name: string): Promise<boolean> {
  try {
    await link(existing, name)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}

/** Copies a file to a new name; its bytes are on disk when it resolves. */
async function copyDurably(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const handle = await open(to, 'wx', 0o600)
  try {
    const source = createReadStream(from, {
      highWaterMark: readChunkBytes,
      ...(signal === undefined ? {} : { signal }),
    })
    for await (const chunk of source as AsyncIterable<Uint8Array>) await handle.writeFile(chunk)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes all the directories there will ever be, so that no put has to. */
async function prepareShards(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  const present = new Set<string>()
  for await (const entry of await opendir(root)) present.add(entry.name)
  const missing = shardNames().filter((name) => !present.has(name))
  if (missing.length === 0) return
  for (const name of missing) await mkdir(join(root, name), { recursive: true, mode: 0o700 })
  await syncDirectory(root)
}

function shardNames(): string[] {
  return Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
}
