/**
 * The way of a spooled file into a store of its scope: choose, put, record. Concurrent calls share look-ups and
 * transactions. Nothing is overwritten: what lies in the way gets another generation beside it.
 */
import { Batcher } from '../common/batcher.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { markDamaged } from './copy-states.ts'
import {
  generationFor,
  type KnownFile,
  knownFiles,
  type NewCopy,
  purged,
  recordCopies,
  type RecordOutcome,
  type StoredFile,
} from './file-copies.ts'
import type { FileStore, SpooledFile } from './file-store.ts'
import type { OpenStores } from './open-stores.ts'
import { unlinkIfThere } from './spool-writer.ts'
import { storageError } from './storage-error.ts'
import { hasRoom, type StoreRecord } from './store-policy.ts'
import { takeBack } from './take-back.ts'

export interface KeeperParts {
  readonly database: Database
  readonly faults: Faults
  readonly stores: OpenStores
  /** Told of a copy that is not what it is recorded as. */
  readonly onBadCopy: (error: unknown) => void
}

/** What a copy became that was recorded without an error. */
export type Recorded = Exclude<RecordOutcome, Error>

/** The most files that one transaction records. */
const recordMaximum = 1000
/** How often a copy may be condemned between our look and our record before we give up. */
const maxAttempts = 5

export class Keeper {
  readonly #database: Database
  readonly #stores: OpenStores
  readonly #onBadCopy: (error: unknown) => void
  readonly #known: Batcher<Sha256, KnownFile>
  readonly #records: Batcher<NewCopy, Recorded>

  constructor({ database, faults, stores, onBadCopy }: KeeperParts) {
    this.#database = database
    this.#stores = stores
    this.#onBadCopy = onBadCopy
    this.#known = new Batcher(recordMaximum, (digests) => knownFiles(database.read, digests))
    this.#records = new Batcher(recordMaximum, async (copies): Promise<readonly (Recorded | Error)[]> => {
      await reachRecord(faults)
      return await database.write(async (trx) => recordCopies(trx, copies, await database.now(trx)))
    })
  }

  /** As Storage.keep. */
  async keep(spooled: SpooledFile, scopeId: number, signal?: AbortSignal): Promise<StoredFile> {
    const refused = new Map<number, unknown>()
    let atLeast = 0
    for (let attempt = 0; attempt < maxAttempts + refused.size; attempt += 1) {
      const known = await this.#known.run(spooled.sha256)
      if (known.gone === 'purged') throw purged(spooled.sha256)
      const { record, store } = await this.#target(spooled, scopeId, known, refused)
      const generation = generationFor(record, known.copies, atLeast)
      const outcome = await this.#putIn({ record, store, known, generation, signal }, spooled)
      if ('kept' in outcome) {
        // The file is kept, whatever becomes of its second name; the sweep finds it.
        await unlinkIfThere(spooled.path).catch(() => {})
        return outcome.kept
      }
      if ('refused' in outcome) refused.set(record.id, outcome.refused)
      else atLeast = generation + 1
      this.#stores.forget()
    }
    throw new AshlarError('busy', `The places for file ${spooled.sha256} were taken again and again.`)
  }

  /** As Storage.record. */
  async record(copy: NewCopy): Promise<Recorded> {
    return await this.#records.run(copy)
  }

  /**
   * The store to put a file in: one where the scope keeps it already, so that the bytes are compared, or else the first
   * choice for uploads that is reached, has room, and has not refused it.
   */
  async #target(
    spooled: SpooledFile,
    scopeId: number,
    known: KnownFile,
    refused: ReadonlyMap<number, unknown>,
  ): Promise<{ record: StoreRecord; store: FileStore }> {
    const map = await this.#stores.map()
    const homes = map.all.filter(
      ({ id, kind }) =>
        kind !== 'remote' &&
        map.isHome(scopeId, id) &&
        known.copies.some((copy) => copy.storeId === id && copy.state === 'present'),
    )
    const candidates = [...homes, ...map.uploadTargets(scopeId).filter((store) => hasRoom(store, spooled.sizeBytes))]
    let failure: unknown = refused.values().next().value
    for (const record of candidates) {
      if (refused.has(record.id)) continue
      try {
        return { record, store: await this.#stores.open(record) }
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    const targets = map.uploadTargets(scopeId).map((store) => store.name)
    if (targets.length === 0) {
      throw new AshlarError('storage-failed', 'No store takes uploads of this scope; give one an upload priority.')
    }
    throw new AshlarError(
      'storage-full',
      `No store of this scope has room for ${spooled.sizeBytes} bytes: ${targets.join(', ')}.`,
    )
  }

  /**
   * `taken`: under this generation lies something else, or a copy that is on its way out. `refused`: the store has no
   * room, or failed; what it then has without a record is found by a vacuum.
   */
  async #putIn(
    place: {
      readonly record: StoreRecord
      readonly store: FileStore
      readonly known: KnownFile
      readonly generation: number
      readonly signal: AbortSignal | undefined
    },
    spooled: SpooledFile,
  ): Promise<{ readonly kept: StoredFile } | { readonly taken: true } | { readonly refused: unknown }> {
    const { record, store, known, generation, signal } = place
    const key = { sha256: spooled.sha256, generation }
    try {
      await store.put(key, spooled, signal)
    } catch (error) {
      if (!(error instanceof AshlarError)) throw error
      if (error.code === 'storage-full' || error.code === 'storage-failed') return { refused: error }
      if (error.code !== 'file-corrupt') throw error
      // What lies there is not this file. It is not overwritten; the good bytes get a place of their own.
      this.#onBadCopy(error)
      if (known.id !== undefined) await this.#noteDamage(known.id, record.id, generation)
      return { taken: true }
    }
    const copy = { storeId: record.id, key, sizeBytes: spooled.sizeBytes }
    const outcome = await this.record(copy).catch(async (error: unknown) => {
      // What cannot be taken back now is found by a vacuum; the refusal is what matters.
      if (isGone(error)) await takeBack(this.#database, record.id, store, key).catch(this.#onBadCopy)
      throw error
    })
    if (outcome === 'condemned') return { taken: true }
    if (outcome === 'full') {
      const detail = `The store ${record.name} has reached its hard maximum.`
      return { refused: new AshlarError('storage-full', detail) }
    }
    return { kept: outcome }
  }

  async #noteDamage(fileId: number, storeId: number, generation: number): Promise<void> {
    await this.#database.write(async (trx) =>
      markDamaged(trx, { fileId, storeId, generation }, 'other bytes were found there', await this.#database.now(trx)),
    )
  }
}

function isGone(error: unknown): boolean {
  return error instanceof AshlarError && error.code === 'gone'
}

async function reachRecord(faults: Faults): Promise<void> {
  try {
    await faults.reach('store.record')
  } catch (error) {
    throw storageError(error, 'recording a file')
  }
}
