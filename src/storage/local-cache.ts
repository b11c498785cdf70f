/**
 * Files of remote stores that are needed at a path, copied to this machine: the packs of indexes above all. Whole files
 * by their digest, proven when they come; the ones used longest ago make room.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, opendir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { LRUCache } from 'lru-cache'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { StoredFile } from './file-copies.ts'
import { storageError } from './storage-error.ts'

/** A path that holds until it is disposed. */
export interface LocalFile extends AsyncDisposable {
  readonly path: string
}

const maximumBytes = 2 * 1024 ** 3

interface Entry {
  readonly sizeBytes: number
  borrowers: number
  /** It was chosen to make room while it was borrowed. */
  evicted: boolean
}

export class LocalCache {
  readonly #directory: string
  readonly #coming = new Map<Sha256, Promise<void>>()
  readonly #entries: LRUCache<Sha256, Entry>

  private constructor(directory: string) {
    this.#directory = directory
    this.#entries = new LRUCache<Sha256, Entry>({
      maxSize: maximumBytes,
      sizeCalculation: (entry) => entry.sizeBytes + 4096,
      // After, and not before it is out: `#remove` tells by that whether a newer copy has its name.
      disposeAfter: (entry, sha256) => {
        entry.evicted = true
        if (entry.borrowers === 0) this.#remove(sha256)
      },
    })
  }

  /** Takes over what an earlier process left, the oldest first. @throws AshlarError storage-full, storage-failed */
  static async open(directory: string): Promise<LocalCache> {
    const cache = new LocalCache(directory)
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const found: { sha256: Sha256; sizeBytes: number; at: number }[] = []
      for await (const { name } of await opendir(directory)) {
        const sha256 = parseSha256(name)
        const file = await stat(join(directory, name))
        if (sha256 === name) found.push({ sha256, sizeBytes: file.size, at: file.atimeMs })
        else await unlink(join(directory, name))
      }
      for (const { sha256, sizeBytes } of found.sort((a, b) => a.at - b.at)) {
        cache.#entries.set(sha256, { sizeBytes, borrowers: 0, evicted: false })
      }
    } catch (error) {
      throw storageError(error, 'preparing the cache')
    }
    return cache
  }

  /** The file, if it is here. */
  async borrow(file: StoredFile): Promise<LocalFile | undefined> {
    await this.#coming.get(file.sha256)?.catch(() => {})
    const entry = this.#entries.get(file.sha256)
    if (entry === undefined || entry.sizeBytes !== file.sizeBytes) return undefined
    entry.borrowers += 1
    return {
      path: join(this.#directory, file.sha256),
      [Symbol.asyncDispose]: async () => {
        entry.borrowers -= 1
        if (entry.evicted && entry.borrowers === 0) this.#remove(file.sha256)
      },
    }
  }

  /**
   * The file, which comes from `bytes`, once for all who ask at the same time.
   * @throws AshlarError file-corrupt if other bytes come; storage-full, storage-failed; what `bytes` throws
   */
  async fetch(file: StoredFile, bytes: () => Promise<Readable>): Promise<LocalFile> {
    const { sha256 } = file
    const coming = this.#coming.get(sha256) ?? this.#take(file, bytes)
    this.#coming.set(sha256, coming)
    try {
      await coming
    } finally {
      if (this.#coming.get(sha256) === coming) this.#coming.delete(sha256)
    }
    const here = await this.borrow(file)
    if (here === undefined) throw new AshlarError('storage-full', `The cache has no room for ${file.sizeBytes} bytes.`)
    return here
  }

  /** Removes a file that must not be here any more; who has borrowed it still reads it to the end. */
  forget(sha256: Sha256): void {
    this.#entries.delete(sha256)
  }

  /** What is here. */
  digests(): Sha256[] {
    return Array.from(this.#entries.keys())
  }

  async #take(file: StoredFile, bytes: () => Promise<Readable>): Promise<void> {
    const { sha256, sizeBytes } = file
    const part = join(this.#directory, `${randomUUID()}.part`)
    try {
      const source = await bytes()
      const handle = await open(part, 'wx', 0o600)
      const hash = createHash('sha256')
      try {
        for await (const chunk of source as AsyncIterable<Uint8Array>) {
          hash.update(chunk)
          await handle.writeFile(chunk)
        }
        // So that a crash leaves no file of the right size with other bytes.
        await handle.sync()
      } finally {
        source.destroy()
        await handle.close()
      }
      const digest = hash.digest('hex')
      if (digest !== sha256) {
        throw new AshlarError('file-corrupt', `What a store has as ${sha256} has the digest ${digest}.`)
      }
      await rename(part, join(this.#directory, sha256))
      this.#entries.set(sha256, { sizeBytes, borrowers: 0, evicted: false })
    } catch (error) {
      await unlink(part).catch(() => {})
      throw storageError(error, 'copying a file to the cache')
    }
  }

  #remove(sha256: Sha256): void {
    // Under the same name a newer copy may lie by now, or come in a moment.
    if (this.#entries.has(sha256) || this.#coming.has(sha256)) return
    unlink(join(this.#directory, sha256)).catch(() => {})
  }
}
