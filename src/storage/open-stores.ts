/** The stores that this process has open, and what it knows of all of them. */
import { createHash } from 'node:crypto'
import { isAbsolute, join } from 'node:path'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { FileStore } from './file-store.ts'
import { openLocalStore } from './local-store.ts'
import { markerOf } from './store-marker.ts'
import type { StoreMap, StoreRecord } from './store-policy.ts'
import { loadStores } from './store-rows.ts'

/** What is said of stores and policies is at most so old. */
const mapAgeMs = 1000
/** A store that cannot be opened is tried again after this. */
const retryMs = 5000

/** Where a local store lies: absolute, or below the data directory of whichever server. */
export interface LocalLocation {
  readonly directory: string
  /** What its marker says; undefined of one that was made before stores had markers. */
  readonly identity?: string
}

interface Opening {
  /** Of what the store was opened from; another location is another store. */
  readonly from: string
  readonly store: Promise<FileStore>
  failedAtMs?: number
}

const emptyDigest = createHash('sha256').digest('hex') as Sha256

export class OpenStores {
  readonly #database: Database
  readonly #dataDirectory: string
  readonly #faults: Faults
  readonly #opened = new Map<number, Opening>()
  #map: { readonly at: number; readonly map: Promise<StoreMap> } | undefined

  constructor(options: { readonly database: Database; readonly dataDirectory: string; readonly faults: Faults }) {
    this.#database = options.database
    this.#dataDirectory = options.dataDirectory
    this.#faults = options.faults
  }

  /** All stores and policies; what it says is at most a second old. */
  async map(): Promise<StoreMap> {
    const now = performance.now()
    if (this.#map !== undefined && now - this.#map.at < mapAgeMs) return await this.#map.map
    const map = loadStores(this.#database.read)
    this.#map = { at: now, map }
    map.catch(() => this.forget())
    return await map
  }

  /** Makes the next question see what has just changed. */
  forget(): void {
    this.#map = undefined
  }

  /**
   * The store, opened.
   * @throws AshlarError storage-failed if this server cannot reach it
   */
  async open(record: StoreRecord): Promise<FileStore> {
    const from = `${record.kind} ${record.name} ${record.locationJson} ${record.secretJson ?? ''}`
    const known = this.#opened.get(record.id)
    const isStale = known?.failedAtMs !== undefined && performance.now() - known.failedAtMs > retryMs
    if (known !== undefined && known.from === from && !isStale) return await known.store
    const opening: Opening = { from, store: this.#openNew(record) }
    this.#opened.set(record.id, opening)
    opening.store.catch(() => (opening.failedAtMs = performance.now()))
    return await opening.store
  }

  /**
   * The same, looked for anew: a directory may have been unmounted since it was opened, and what is then deleted below
   * it is not deleted.
   * @throws AshlarError storage-failed
   */
  async openAnew(record: StoreRecord): Promise<FileStore> {
    this.#opened.delete(record.id)
    return await this.open(record)
  }

  /**
   * Looks into a store of those that uploads go to first, for each scope.
   * @throws AshlarError storage-failed if not even one can be reached
   */
  async check(): Promise<void> {
    const map = await this.map()
    const taking = map.all.filter(({ id }) =>
      map.policies.some((policy) => policy.storeId === id && policy.uploadPriority !== null),
    )
    let failure: unknown = new AshlarError('storage-failed', 'No store takes uploads.')
    for (const record of taking) {
      try {
        const store = await this.open(record)
        await store.has({ sha256: emptyDigest, generation: 0 })
        return
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** Whether this server reaches the store. */
  async isReachable(record: StoreRecord): Promise<boolean> {
    return await this.open(record).then(
      () => true,
      () => false,
    )
  }

  async #openNew(record: StoreRecord): Promise<FileStore> {
    switch (record.kind) {
      case 'local': {
        const location = JSON.parse(record.locationJson) as LocalLocation
        const root = localRoot(this.#dataDirectory, location)
        if (location.identity !== undefined && (await markerOf(root)) !== location.identity) {
          throw new AshlarError('storage-failed', `The directory of the store ${record.name} is not on this server.`)
        }
        return await openLocalStore({ name: record.name, root, faults: this.#faults })
      }
      case 's3':
      case 'remote':
        throw new AshlarError('storage-failed', `The store ${record.name} is of a kind that cannot be opened.`)
    }
  }
}

export function localRoot(dataDirectory: string, { directory }: LocalLocation): string {
  return isAbsolute(directory) ? directory : join(dataDirectory, directory)
}
