/**
 * Makes the copies of one file good: each damaged one is replaced in its own store, under a new generation, from whatever
 * copy reads whole; where that store takes none, its scopes get a copy where their uploads go. A bad copy goes only after
 * that, and the whole can be interrupted anywhere and done again.
 */
import { AshlarError } from '../common/errors.ts'
import { beginDeletion, lockFiles } from '../storage/copy-states.ts'
import type { FileCopy } from '../storage/file-copies.ts'
import { hasRoom, type StoreMap, type StoreRecord } from '../storage/store-policy.ts'
import { loadStores } from '../storage/store-rows.ts'
import { transfer, type TransferOutcome } from '../storage/transfer.ts'
import { type Context, reach } from './context.ts'
import { type CopyRow, type FileView, filesNow } from './file-pages.ts'
import { proveCopy } from './move-file.ts'

/** A copy that was read back since is good enough for a bad one to go. */
const freshMicros = 24 * 60 * 60 * 1_000_000

/** @throws AshlarError why a store that ought to take a copy did not; what else could be done is done by then */
export async function repairFile(context: Context, fileId: number): Promise<void> {
  const { database, storage } = context
  const map = await storage.stores.map()
  const [file] = await filesNow(database.read, [fileId])
  if (file === undefined) return
  const damaged = file.copies.filter((copy) => copy.state === 'damaged')
  let failure: AshlarError | undefined
  if (file.scopes.size > 0) {
    const targets = new Set(damaged.map((copy) => copy.storeId))
    for (const storeId of targets) {
      const store = map.byId(storeId)
      if (store === undefined || !takesBack(map, file, store) || !(await storage.stores.isReachable(store))) continue
      failure = (await restoreTo(context, map, file, store)).failure ?? failure
    }
    failure = (await fillLacks(context, map, fileId)) ?? failure
  }
  // The bad copy stays as long as it tells of one that is to be replaced.
  if (failure !== undefined) throw failure
  if (damaged.length > 0) await retire(context, fileId)
}

/** Whether a new copy belongs into the store of a bad one. */
function takesBack(map: StoreMap, file: FileView, store: StoreRecord): boolean {
  return [...file.scopes].some(
    (scopeId) =>
      map.isWritable(scopeId, store) && !map.policy(scopeId, store.id).drain && hasRoom(store, file.sizeBytes),
  )
}

interface Restored {
  readonly outcome?: TransferOutcome
  readonly failure?: AshlarError
}

async function restoreTo(context: Context, map: StoreMap, file: FileView, to: StoreRecord): Promise<Restored> {
  const { database, storage, faults, signal } = context
  const parts = { database, storage, faults }
  try {
    return { outcome: await transfer(parts, { file, to, from: (copies) => anySource(map, file, copies), signal }) }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AshlarError) return { failure: error }
    throw error
  }
}

/**
 * All copies whose bytes may still be there, those that are good as far as is known first, and those of write-only stores
 * after the others. A damaged one comes last: a disk that is back may have it whole. Whatever comes is hashed before it
 * counts.
 */
function anySource(map: StoreMap, file: FileView, copies: readonly FileCopy[]): FileCopy[] {
  const rank = ({ state, storeId }: FileCopy): number => {
    const isReadable = [...file.scopes].some((scopeId) => map.isReadable(scopeId, storeId))
    return { present: 0, condemned: 1, damaged: 4, deleting: 9 }[state] + (isReadable ? 0 : 2)
  }
  return copies.filter(({ state }) => state !== 'deleting').sort((a, b) => rank(a) - rank(b))
}

/** Gives each scope that has no copy that it can read one where its uploads go. */
async function fillLacks(context: Context, map: StoreMap, fileId: number): Promise<AshlarError | undefined> {
  let failure: AshlarError | undefined
  const [file] = await filesNow(context.database.read, [fileId])
  if (file === undefined) return undefined
  const present = new Set(presentIn(file))
  for (const scopeId of file.scopes) {
    if ([...present].some((storeId) => map.isReadable(scopeId, storeId))) continue
    let refusal: AshlarError | undefined
    for (const target of map.uploadTargets(scopeId)) {
      if (!hasRoom(target, file.sizeBytes)) continue
      const { outcome, failure: why } = await restoreTo(context, map, file, target)
      refusal = why ?? refusal
      if (outcome === 'sourceless') return failure
      if (outcome !== 'copied' && outcome !== 'there') continue
      present.add(target.id)
      refusal = undefined
      break
    }
    failure = refusal ?? failure
  }
  return failure
}

/**
 * Lets the bad copies go, if every scope that needs the file has one that it can read and that was read back.
 * Not by way of `condemned`: those may still be read in need, and these never should.
 */
async function retire(context: Context, fileId: number): Promise<void> {
  const { database, faults } = context
  if (!(await proveGood(context, fileId))) return
  await reach(faults, 'copy.condemn')
  await database.write(async (trx) => {
    await lockFiles(trx, [fileId])
    const map = await loadStores(trx)
    const [file] = await filesNow(trx, [fileId])
    if (file === undefined || !isCovered(map, file, presentIn(file, isProven))) return
    const now = await database.now(trx)
    for (const { storeId, generation, state } of file.copies) {
      if (state !== 'damaged') continue
      const reason = file.scopes.size === 0 ? 'it was damaged, and nothing needs it' : 'it was damaged, and is replaced'
      await beginDeletion(trx, [{ fileId, storeId, generation }], { from: ['damaged'], reason, now })
    }
  })
}

/** Reads copies back until every scope has a good one. */
async function proveGood(context: Context, fileId: number): Promise<boolean> {
  const { database, storage, signal } = context
  const [file] = await filesNow(database.read, [fileId])
  if (file === undefined) return false
  const map = await storage.stores.map()
  const fresh = (await database.now()) - freshMicros
  const isFresh = ({ verifiedAt }: CopyRow): boolean => verifiedAt !== null && verifiedAt > fresh
  const proven = presentIn(file, isFresh)
  for (const copy of file.copies) {
    if (isCovered(map, file, proven)) break
    if (copy.state !== 'present' || isFresh(copy)) continue
    if (await proveCopy(context, map, file, copy, signal)) proven.push(copy.storeId)
  }
  return isCovered(map, file, proven)
}

function isProven({ verifiedAt }: CopyRow): boolean {
  return verifiedAt !== null
}

/** The stores with a present copy. */
function presentIn({ copies }: FileView, which: (copy: CopyRow) => boolean = () => true): number[] {
  return copies.filter((copy) => copy.state === 'present' && which(copy)).map((copy) => copy.storeId)
}

function isCovered(map: StoreMap, file: FileView, stores: readonly number[]): boolean {
  return [...file.scopes].every((scopeId) => stores.some((storeId) => map.isReadable(scopeId, storeId)))
}
