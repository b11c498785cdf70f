/**
 * Moving one file between stores: copying it where it lacks, and letting a copy go. A copy is let go only when, for
 * every scope that needs the file, another one was read back from its store.
 */
import { Batcher } from '../common/batcher.ts'
import { AshlarError } from '../common/errors.ts'
import type { Micros } from '../database/schema.ts'
import { condemn, type CopyKey, lockFiles, markDamaged } from '../storage/copy-states.ts'
import type { FileCopy } from '../storage/file-copies.ts'
import type { StoreMap, StoreRecord } from '../storage/store-policy.ts'
import { loadStores } from '../storage/store-rows.ts'
import { transfer, type TransferOutcome, verify } from '../storage/transfer.ts'
import { type Context, reach } from './context.ts'
import { type CopyRow, type FileView, filesNow } from './file-pages.ts'
import { isDispensable } from './placement.ts'

/** A copy that was read back since is not read again before another may go. */
const freshMicros = 24 * 60 * 60 * 1_000_000

/** What is to be let go. */
export interface Leaving {
  readonly fileId: number
  readonly storeId: number
  readonly rule: string
  /** Looks at the file as it is then; the copy stays if it says so. */
  readonly stillWanted: (map: StoreMap, file: FileView) => boolean
}

/** The most copies that one transaction condemns. */
const leavingMaximum = 200

/** Moves files for one stage; what it does at the same time shares transactions. */
export class Mover {
  readonly #context: Context
  readonly #leaving: Batcher<Leaving, boolean>

  constructor(context: Context) {
    this.#context = context
    this.#leaving = new Batcher(leavingMaximum, (wishes) => condemnAll(context, wishes))
  }

  /** Copies a file to a store, from the best copy that can be read. */
  async copy(file: FileView, to: StoreRecord): Promise<TransferOutcome> {
    const { storage, signal, troubles } = this.#context
    troubles.refuseIfGivenUp(to.name)
    const map = await storage.stores.map()
    const from = (copies: readonly FileCopy[]): FileCopy[] => sources(map, file.scopes, copies)
    return await transfer(this.#context, { file, to, from, signal })
  }

  /**
   * Condemns the present copy of a file in a store, if every scope that needs the file has a good copy elsewhere.
   * @returns whether it was condemned
   */
  async letGo(leaving: Leaving): Promise<boolean> {
    if (!(await proveOthers(this.#context, leaving.fileId, leaving.storeId))) return false
    return await this.#leaving.run(leaving)
  }
}

/** Copies that may be read to make another, the best first; those that a scope must not read only as a last resort. */
function sources(map: StoreMap, scopes: ReadonlySet<number>, copies: readonly FileCopy[]): FileCopy[] {
  const rank = ({ state, storeId }: FileCopy): number => {
    const readable = [...scopes].some((scopeId) => map.isReadable(scopeId, storeId)) ? 0 : 10
    const nearness = map.byId(storeId)?.kind === 'local' ? 0 : 1
    return readable + (state === 'present' ? 0 : 2) + nearness
  }
  return copies.filter(({ state }) => state === 'present' || state === 'condemned').sort((a, b) => rank(a) - rank(b))
}

async function condemnAll({ database, faults }: Context, wishes: readonly Leaving[]): Promise<boolean[]> {
  await reach(faults, 'copy.condemn')
  return await database.write(async (trx) => {
    const ids = [...new Set(wishes.map((wish) => wish.fileId))]
    await lockFiles(trx, ids)
    const map = await loadStores(trx)
    const files = new Map((await filesNow(trx, ids)).map((file) => [file.id, file]))
    const now = await database.now(trx)
    const leaving = new Map<Leaving, CopyKey & { readonly reason: string }>()
    for (const wish of wishes) {
      const { fileId, storeId, rule } = wish
      const file = files.get(fileId)
      // Of several wishes for one file each counts on what those before it leave.
      const left = new Set([...leaving.values()].filter((one) => one.fileId === fileId).map((one) => one.storeId))
      const copies = (file?.copies ?? []).filter((copy) => !left.has(copy.storeId))
      const copy = copies.find((one) => one.storeId === storeId && one.state === 'present')
      if (file === undefined || copy === undefined || !mayGo(map, { ...file, copies }, wish)) continue
      leaving.set(wish, { fileId, storeId, generation: copy.generation, reason: rule })
    }
    const condemned = new Set<CopyKey>()
    for (const [reason, copies] of Map.groupBy(leaving.values(), (copy) => copy.reason)) {
      for (const copy of await condemn(trx, copies, reason, now)) condemned.add(copy)
    }
    return wishes.map((wish) => {
      const copy = leaving.get(wish)
      return copy !== undefined && condemned.has(copy)
    })
  })
}

function mayGo(map: StoreMap, file: FileView, { storeId, stillWanted }: Leaving): boolean {
  if (stillWanted(map, file)) return false
  const proven = new Set(file.copies.filter(isProven).map((one) => one.storeId))
  return isDispensable(map, storeId, proven, file.scopes)
}

function isProven({ state, verifiedAt }: CopyRow): boolean {
  return state === 'present' && verifiedAt !== null
}

/**
 * Reads copies back until every scope that needs the file has one elsewhere that was.
 * @returns false if there are not enough good ones
 */
async function proveOthers(context: Context, fileId: number, storeId: number): Promise<boolean> {
  const { database, storage, signal } = context
  const [file] = await filesNow(database.read, [fileId])
  if (file === undefined) return false
  const map = await storage.stores.map()
  const fresh = (await database.now()) - freshMicros
  const proven = new Set<number>()
  const others = file.copies.filter((copy) => copy.state === 'present' && copy.storeId !== storeId)
  for (const copy of others.sort((a, b) => (b.verifiedAt ?? 0) - (a.verifiedAt ?? 0))) {
    if (isDispensable(map, storeId, proven, file.scopes)) break
    if (copy.verifiedAt !== null && copy.verifiedAt > fresh) proven.add(copy.storeId)
    else if (await proveCopy(context, map, file, copy, signal)) proven.add(copy.storeId)
  }
  return isDispensable(map, storeId, proven, file.scopes)
}

/** Reads a copy back and notes what it is. @throws AshlarError storage-failed if it cannot be read now */
export async function proveCopy(
  { database, storage }: Pick<Context, 'database' | 'storage'>,
  map: StoreMap,
  file: FileView,
  copy: FileCopy,
  signal: AbortSignal,
  onBytes?: (bytes: number) => Promise<void> | void,
): Promise<boolean> {
  const record = map.byId(copy.storeId)
  if (record === undefined) return false
  const key = { fileId: file.id, storeId: copy.storeId, generation: copy.generation }
  const store = await storage.stores.open(record)
  try {
    await verify(store, { sha256: file.sha256, generation: copy.generation }, file, signal, onBytes)
  } catch (error) {
    if (!(error instanceof AshlarError) || error.code !== 'file-corrupt') throw error
    const reason = error.message
    await database.write(async (trx) => markDamaged(trx, key, reason, await database.now(trx)))
    return false
  }
  await database.write(async (trx) => noteVerified(trx, key, await database.now(trx)))
  return true
}

async function noteVerified(
  trx: Parameters<typeof lockFiles>[0],
  key: { readonly fileId: number; readonly storeId: number; readonly generation: number },
  now: Micros,
): Promise<void> {
  await trx
    .updateTable('file_copy')
    .set({ verified_at: now })
    .where('file_id', '=', key.fileId)
    .where('store_id', '=', key.storeId)
    .where('generation', '=', key.generation)
    .where('state', '=', 'present')
    .execute()
}
