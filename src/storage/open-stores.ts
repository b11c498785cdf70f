/** The stores that this process has open, and what it knows of all of them. */
import { createHash } from 'node:crypto'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { FileStore } from './file-store.ts'
import { type DriverParts, openDriver, type OpenedStore } from './store-drivers.ts'
import type { StoreMap, StoreRecord } from './store-policy.ts'
import { loadStores } from './store-rows.ts'
import type { UploadParts } from './upload-parts.ts'

/** What is said of stores and policies is at most so old. */
const mapAgeMs = 1000
/** A store that cannot be opened is tried again after this. */
const retryMs = 5000

interface Opening {
  /** Of what the store was opened from; another location is another store. */
  readonly from: string
  readonly opened: Promise<OpenedStore>
  failedAtMs?: number
}

const emptyDigest = createHash('sha256').digest('hex') as Sha256

export class OpenStores {
  readonly #parts: DriverParts
  readonly #opened = new Map<number, Opening>()
  #map: { readonly at: number; readonly map: Promise<StoreMap> } | undefined

  constructor(parts: DriverParts) {
    this.#parts = parts
  }

  /** All stores and policies; what it says is at most a second old. */
  async map(): Promise<StoreMap> {
    const now = performance.now()
    if (this.#map !== undefined && now - this.#map.at < mapAgeMs) return await this.#map.map
    const map = loadStores(this.#parts.database.read)
    this.#map = { at: now, map }
    map.catch(() => this.forget())
    return await map
  }

  /** What relative directories of local stores are below. */
  get dataDirectory(): string {
    return this.#parts.dataDirectory
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
    return (await this.#openOnce(record)).store
  }

  /**
   * Opens a store anew, which may not be recorded yet, and does not remember it.
   * @throws AshlarError storage-failed if this server cannot reach it
   */
  async tryOpen(record: StoreRecord): Promise<FileStore> {
    return (await openDriver(record, this.#parts)).store
  }

  /**
   * The store in which uploads in progress are kept for all servers, if there is one.
   * @throws AshlarError storage-failed if this server cannot reach it
   */
  async forUploads(): Promise<{ readonly storeId: number; readonly parts: UploadParts } | undefined> {
    const record = (await this.map()).all.find((store) => store.holdsUploads)
    return record === undefined ? undefined : await this.uploadsIn(record.id)
  }

  /** What a store keeps of uploads in progress. @throws AshlarError storage-failed */
  async uploadsIn(storeId: number): Promise<{ readonly storeId: number; readonly parts: UploadParts } | undefined> {
    const record = (await this.map()).byId(storeId)
    const parts = record === undefined ? undefined : (await this.#openOnce(record)).parts
    return parts === undefined ? undefined : { storeId, parts }
  }

  async #openOnce(record: StoreRecord): Promise<OpenedStore> {
    const from = `${record.kind} ${record.name} ${record.locationJson} ${record.secretJson ?? ''}`
    const known = this.#opened.get(record.id)
    const isStale = known?.failedAtMs !== undefined && performance.now() - known.failedAtMs > retryMs
    if (known !== undefined && known.from === from && !isStale) return await known.opened
    const opening: Opening = { from, opened: openDriver(record, this.#parts) }
    this.#opened.set(record.id, opening)
    opening.opened.catch(() => (opening.failedAtMs = performance.now()))
    return await opening.opened
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

  /** Whether this server reaches the store now. */
  async isReachable(record: StoreRecord): Promise<boolean> {
    try {
      await (await this.open(record)).check()
      return true
    } catch (error) {
      if (error instanceof AshlarError) return false
      throw error
    }
  }
}
