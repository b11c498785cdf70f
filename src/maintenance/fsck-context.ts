/** What the stages of a check work with. */
import type { Bandwidth } from '../common/bandwidth.ts'
import type { StoreRecord } from '../storage/store-policy.ts'
import type { Context } from './context.ts'
import type { Tally } from './finding.ts'
import type { CopyRow } from './file-pages.ts'

export interface FsckContext extends Context {
  readonly repair: boolean
  /** Only this store, and the files that have a copy in it. */
  readonly only: StoreRecord | undefined
  readonly bandwidth: Bandwidth | undefined
  readonly tally: Tally
  readonly reported: ReportedCopies
  /** Files that are lost and hold chunks of indexes: they can be made again. */
  readonly lostPacks: number[]
}

/** Which damaged copies were told of in this run, so that a later stage does not tell of them again. */
export class ReportedCopies {
  readonly #byStore = new Map<number, Set<string>>()

  /** @returns false if it was told already */
  add(fileId: number, { storeId, generation }: Pick<CopyRow, 'storeId' | 'generation'>): boolean {
    const known = this.#byStore.get(storeId) ?? new Set<string>()
    this.#byStore.set(storeId, known)
    const name = `${fileId}.${generation}`
    if (known.has(name)) return false
    known.add(name)
    return true
  }
}

/** The stores that are to be looked into, of those whose bytes are ours. */
export async function storesToCheck(context: FsckContext): Promise<StoreRecord[]> {
  const { all } = await context.storage.stores.map()
  return all.filter(({ id, kind }) => kind !== 'remote' && (context.only === undefined || context.only.id === id))
}
