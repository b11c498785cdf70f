/**
 * The spool: files on their way. Each lies under a random id until it is whole, is hashed while its bytes arrive, and
 * is synced before anyone relies on it. Its length is the offset at which an interrupted upload continues.
 *
 * A spooled file has one writer for its whole life: to continue one that another writer left, its bytes are copied to
 * a new id. So no late write of a connection that died, here or on another server, reaches bytes that were hashed.
 */
import { randomUUID } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { mkdir, open, opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { noFaults, type Faults } from '../common/faults.ts'
import { readChunkBytes } from './digest-stream.ts'
import { DirectorySync } from './directory-sync.ts'
import { SpoolWriter, unlinkIfThere } from './spool-writer.ts'
import { storageError, systemCode } from './storage-error.ts'

const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface SpoolEntry {
  readonly id: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

export class Spool {
  readonly #directory: string
  readonly #faults: Faults
  readonly #directories = new DirectorySync()

  private constructor(directory: string, faults: Faults) {
    this.#directory = directory
    this.#faults = faults
  }

  /** @throws AshlarError storage-full, storage-failed */
  static async open(directory: string, faults: Faults = noFaults): Promise<Spool> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw storageError(error, 'preparing the spool')
    }
    return new Spool(directory, faults)
  }

  /** A new, empty file. */
  async create(): Promise<SpoolWriter> {
    const id = randomUUID()
    const path = this.#path(id)
    try {
      const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY
      return new SpoolWriter(id, path, await open(path, flags, 0o600), this.#faults)
    } catch (error) {
      throw storageError(error, 'an upload')
    }
  }

  /** The path of a new file, for a thread that writes and syncs it by itself. @throws AshlarError */
  async reserve(): Promise<string> {
    try {
      // What the thread does cannot be made to fail there.
      await this.#faults.reach('spool.write')
      await this.#faults.reach('spool.sync')
    } catch (error) {
      throw storageError(error, 'an upload')
    }
    return this.#path(randomUUID())
  }

  /**
   * Continues the file `id` under a new id, with all the bytes that it has; the old id is gone then. Undefined if
   * there is no such file.
   */
  async resume(id: string, signal?: AbortSignal): Promise<SpoolWriter | undefined> {
    if ((await this.offset(id)) === undefined) return undefined
    const writer = await this.create()
    try {
      const bytes = createReadStream(this.#path(id), { highWaterMark: readChunkBytes })
      await writer.append(bytes, signal === undefined ? {} : { signal })
      await this.remove(id)
      return writer
    } catch (error) {
      await writer.discard()
      if (systemCode(error) === 'ENOENT') return undefined
      throw storageError(error, 'an upload')
    }
  }

  /** How many bytes the file `id` has, or undefined if there is none. */
  async offset(id: string): Promise<number | undefined> {
    return (await this.#stat(id))?.sizeBytes
  }

  /** Idempotent. */
  async remove(id: string): Promise<void> {
    if (idPattern.test(id)) await unlinkIfThere(this.#path(id))
  }

  /** Every file that lies here, in no order. Foreign files are passed over. */
  async *list(): AsyncGenerator<SpoolEntry> {
    try {
      for await (const found of await opendir(this.#directory)) {
        const entry = await this.#stat(found.name)
        if (entry !== undefined) yield entry
      }
    } catch (error) {
      throw storageError(error, 'looking into the spool')
    }
  }

  /** Resolves when the names of the files that lie here are durable. */
  async syncNames(): Promise<void> {
    try {
      await this.#directories.sync(this.#directory)
    } catch (error) {
      throw storageError(error, 'an upload')
    }
  }

  async #stat(id: string): Promise<SpoolEntry | undefined> {
    if (!idPattern.test(id)) return undefined
    try {
      const found = await stat(this.#path(id))
      return { id, sizeBytes: found.size, modifiedAtMs: found.mtimeMs }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw storageError(error, 'looking into the spool')
    }
  }

  #path(id: string): string {
    return join(this.#directory, id)
  }
}
