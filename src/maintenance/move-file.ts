/**
 * Moving one file between stores: copying it where it lacks, and letting a copy go. A copy is let go only when, for
 * every scope that needs the file, another one was read back from its store.
 */
import type { Micros } from '../database/schema.ts'
import { condemn, lockFiles, markDamaged } from '../storage/copy-states.ts'
import type { FileCopy } from '../storage/file-copies.ts'
import type { StoreMap, StoreRecord } from '../storage/store-policy.ts'
import { loadStores } from '../storage/store-rows.ts'
import { transfer, type TransferOutcome, verify } from '../storage/transfer.ts'
import { AshlarError } from '../common/errors.ts'
import { type Context, reach } from './context.ts'
import { type CopyRow, type FileView, filesNow } from './file-pages.ts'
import { isDispensable } from './placement.ts'

/** A copy that was read back since is not read again before another may go. */
const freshMicros = 24 * 60 * 60 * 1_000_000

/** Copies a file to a store, from the best copy that can be read. */
export async function copyFile(
  { database, storage, faults, signal }: Context,
  file: FileView,
  to: StoreRecord,
): Promise<TransferOutcome> {
  const map = await storage.stores.map()
  return await transfer(
    { database, spool: storage.spool, stores: storage.stores, faults },
    { file, to, from: (copies) => sources(map, file.scopes, copies), signal },
  )
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

/**
 * Condemns the present copy of a file in a store, if every scope that needs the file has a good copy elsewhere.
 * @param stillWanted looks at the file as it is then; the copy stays if it says so
 * @returns whether it was condemned
 */
export async function letGo(
  context: Context,
  wish: {
    readonly fileId: number
    readonly storeId: number
    readonly rule: string
    readonly stillWanted: (map: StoreMap, file: FileView) => boolean
  },
): Promise<boolean> {
  const { database, faults } = context
  const { fileId, storeId, rule } = wish
  if (!(await proveOthers(context, fileId, storeId))) return false
  await reach(faults, 'copy.condemn')
  return await database.write(async (trx) => {
    await lockFiles(trx, [fileId])
    const map = await loadStores(trx)
    const [file] = await filesNow(trx, [fileId])
    const copy = file?.copies.find((one) => one.storeId === storeId && one.state === 'present')
    if (file === undefined || copy === undefined || wish.stillWanted(map, file)) return false
    const proven = new Set(file.copies.filter(isProven).map((one) => one.storeId))
    if (!isDispensable(map, storeId, proven, file.scopes)) return false
    return await condemn(trx, { fileId, storeId, generation: copy.generation }, rule, await database.now(trx))
  })
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
