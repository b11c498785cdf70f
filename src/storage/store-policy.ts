/**
 * How scopes use stores: which they may use, where their uploads go, from where they read. Pure decisions over rows
 * that were read (store-rows.ts).
 *
 * A scope's policy for a store is its own row, else the one for every scope, else *unused*: nothing is put there, but
 * what is there may be read.
 */
import type { FileStoreTable } from '../database/schema.ts'

export interface StoreRecord {
  readonly id: number
  readonly name: string
  readonly kind: FileStoreTable['kind']
  /** The only scope that may use it; null: every scope may. */
  readonly scopeId: number | null
  readonly locationJson: string
  readonly secretJson: string | null
  readonly softMaxBytes: number | null
  readonly hardMaxBytes: number | null
  readonly usedFiles: number
  readonly usedBytes: number
  readonly holdsUploads: boolean
  /** No copy may have a generation below this that has not got it already. */
  readonly nextGeneration: number
}

export interface StorePolicy {
  /** Null: no uploads go there. */
  readonly uploadPriority: number | null
  readonly downloadPriority: number | null
  readonly populate: boolean
  readonly drain: boolean
  /** Id of the store to drain to; null: where uploads go. */
  readonly drainTo: number | null
  readonly readOnly: boolean
  readonly writeOnly: boolean
  readonly softMaxBytes: number | null
}

export interface PolicyRecord extends StorePolicy {
  readonly storeId: number
  /** Null: every scope that has no policy of its own for the store. */
  readonly scopeId: number | null
}

export const unusedPolicy: StorePolicy = {
  uploadPriority: null,
  downloadPriority: null,
  populate: false,
  drain: false,
  drainTo: null,
  readOnly: false,
  writeOnly: false,
  softMaxBytes: null,
}

/** All stores and policies, as they were at one moment. */
export class StoreMap {
  readonly all: readonly StoreRecord[]
  readonly policies: readonly PolicyRecord[]
  readonly #byId: ReadonlyMap<number, StoreRecord>
  readonly #policies: ReadonlyMap<string, PolicyRecord>

  constructor(stores: readonly StoreRecord[], policies: readonly PolicyRecord[]) {
    this.all = stores
    this.policies = policies
    this.#byId = new Map(stores.map((store) => [store.id, store]))
    this.#policies = new Map(policies.map((policy) => [`${policy.storeId} ${policy.scopeId ?? '*'}`, policy]))
  }

  byId(id: number): StoreRecord | undefined {
    return this.#byId.get(id)
  }

  named(name: string): StoreRecord | undefined {
    return this.all.find((store) => store.name === name)
  }

  policy(scopeId: number, storeId: number): StorePolicy {
    return this.#policies.get(`${storeId} ${scopeId}`) ?? this.#policies.get(`${storeId} *`) ?? unusedPolicy
  }

  mayUse(scopeId: number, store: StoreRecord): boolean {
    return store.scopeId === null || store.scopeId === scopeId
  }

  /** Whether the scope may read what lies in the store. */
  isReadable(scopeId: number, storeId: number): boolean {
    const store = this.#byId.get(storeId)
    return store !== undefined && this.mayUse(scopeId, store) && !this.policy(scopeId, storeId).writeOnly
  }

  /**
   * Whether a copy there is one that the scope relies on: readable, not about to be moved out, and not the second copy
   * in a store that is populated and takes no uploads (a backup that is the only copy is none).
   */
  isHome(scopeId: number, storeId: number): boolean {
    const { drain, populate, uploadPriority } = this.policy(scopeId, storeId)
    const isBackup = populate && uploadPriority === null
    return this.isReadable(scopeId, storeId) && !drain && !isBackup
  }

  /** Whether the scope may put files there at all, whoever asks for it. */
  isWritable(scopeId: number, store: StoreRecord): boolean {
    return store.kind !== 'remote' && this.mayUse(scopeId, store) && !this.policy(scopeId, store.id).readOnly
  }

  /** The stores that take the scope's uploads, the first choice first. What is put there can be read there. */
  uploadTargets(scopeId: number): StoreRecord[] {
    const priority = (store: StoreRecord): number | null => this.policy(scopeId, store.id).uploadPriority
    return this.all
      .filter((store) => this.isWritable(scopeId, store) && this.isHome(scopeId, store.id) && priority(store) !== null)
      .sort((a, b) => (priority(b) ?? 0) - (priority(a) ?? 0) || a.id - b.id)
  }

  /** Orders the stores that a scope reads from, the first choice first: by priority, then the nearer ones. */
  compareForReading(scopeId: number): (a: number, b: number) => number {
    const rank = (id: number): readonly [number, number] => [
      this.policy(scopeId, id).downloadPriority ?? 0,
      nearness[this.#byId.get(id)?.kind ?? 'remote'],
    ]
    return (a, b) => {
      const [one, other] = [rank(a), rank(b)]
      return other[0] - one[0] || other[1] - one[1] || a - b
    }
  }
}

const nearness: Readonly<Record<FileStoreTable['kind'], number>> = { local: 2, s3: 1, remote: 0 }

/** Whether the store has room for so many bytes more. */
export function hasRoom(store: StoreRecord, sizeBytes: number): boolean {
  return store.hardMaxBytes === null || store.usedBytes + sizeBytes <= store.hardMaxBytes
}
