/**
 * The second phase of deleting: condemned copies whose grace time is over are looked at again, and go if every scope
 * that needs the file keeps another copy; what turned out to be needed gets a copy of its own first.
 */
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { inOrder } from '../common/in-order.ts'
import type { Micros } from '../database/schema.ts'
import { beginDeletion, type CopyKey, forgetCopies, lockFiles } from '../storage/copy-states.ts'
import type { FileCopy } from '../storage/file-copies.ts'
import type { StoreMap, StoreRecord } from '../storage/store-policy.ts'
import { loadStores } from '../storage/store-rows.ts'
import { transfer } from '../storage/transfer.ts'
import { type Context, reach } from './context.ts'
import { type FileView, filesNow } from './file-pages.ts'
import { forgetFiles } from './forget-files.ts'
import { isDispensable } from './placement.ts'
import { type LineOutcome, type Step, stepsOfStore } from './plan.ts'

const copiesPerStep = 200
/** A store takes so many requests to delete at once. */
const deletesAtOnce = 16

interface DueCopy extends CopyKey {
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly state: 'condemned' | 'deleting'
  readonly reason: string
}

export async function* dueDeletions(context: Context): AsyncGenerator<Step, void, undefined> {
  const { stores } = context.storage
  for (const store of (await stores.map()).all) {
    if (await stores.isReachable(store)) yield* stepsOfStore('deletions', store.name, storeDeletions(context, store))
  }
}

async function* storeDeletions(context: Context, store: StoreRecord): AsyncGenerator<Step, void, undefined> {
  // Those whose deletion was begun before a crash first, then those that are due now.
  for (const state of ['deleting', 'condemned'] as const) {
    const before = (await context.database.now()) - (state === 'condemned' ? context.ages.graceMs * 1000 : 0)
    for (let after = 0; !context.troubles.isGivenUp(store.name);) {
      context.signal.throwIfAborted()
      const copies = await duePage(context, store.id, state, before, after)
      const last = copies.at(-1)
      if (last === undefined) break
      yield {
        lines: copies.map((copy) => ({
          stage: 'deletions',
          action: 'delete',
          subject: copy.sha256,
          store: store.name,
          bytes: copy.sizeBytes,
          rule: copy.reason,
        })),
        carryOut: () => deleteCopies(context, store, copies),
      }
      after = last.fileId
    }
  }
}

async function duePage(
  { database }: Context,
  storeId: number,
  state: 'condemned' | 'deleting',
  before: Micros,
  after: number,
): Promise<DueCopy[]> {
  const rows = await database.read
    .selectFrom('file_copy')
    .innerJoin('file', 'file.id', 'file_copy.file_id')
    .select(['file_copy.file_id', 'file_copy.generation', 'file_copy.state_reason', 'file.sha256', 'file.size'])
    .where('file_copy.store_id', '=', storeId)
    .where('file_copy.state', '=', state)
    .where('file_copy.state_at', '<=', before)
    .where('file_copy.file_id', '>', after)
    .orderBy('file_copy.file_id')
    .limit(copiesPerStep)
    .execute()
  return rows.map((row) => ({
    fileId: row.file_id,
    storeId,
    generation: row.generation,
    sha256: row.sha256 as Sha256,
    sizeBytes: row.size,
    state,
    reason: row.state_reason ?? '',
  }))
}

async function deleteCopies(context: Context, store: StoreRecord, copies: readonly DueCopy[]): Promise<LineOutcome[]> {
  const { database, storage, faults } = context
  const confirmed = await confirmOthers(context, copies)
  const { decided, map } = await decide(context, copies, confirmed)
  const failed = new Map<DueCopy, AshlarError>()
  for (const copy of copies) {
    if (decided.get(copy) !== 'needed') continue
    const error = await rescue(context, map, copy)
    if (error !== undefined) failed.set(copy, error)
  }
  const going = copies.filter((copy) => decided.get(copy) === 'goes')
  const opened = await storage.stores.open(store)
  await reach(faults, 'copy.delete')
  for await (const _gone of inOrder(going, deletesAtOnce, (copy) =>
    opened.delete({ sha256: copy.sha256, generation: copy.generation }),
  )) {
    // Each is gone; all are forgotten together.
  }
  await reach(faults, 'copy.forget')
  if (going.length > 0) {
    await database.write(async (trx) => {
      await lockFiles(
        trx,
        going.map((copy) => copy.fileId),
      )
      const now = await database.now(trx)
      await forgetCopies(trx, store.id, going)
      const left = await filesNow(trx, [...new Set(going.map((copy) => copy.fileId))])
      const gone = left.filter((file) => file.copies.length === 0 && file.scopes.size === 0 && !file.isListed)
      await forgetFiles(
        trx,
        gone.map((file) => file.id),
        now,
      )
    })
  }
  return copies.map((copy) => failed.get(copy) ?? (decided.get(copy) === 'goes' ? 'done' : 'kept'))
}

/** From the commit on nobody reads those that go. */
async function decide(
  { database }: Context,
  copies: readonly DueCopy[],
  confirmed: ReadonlySet<string>,
): Promise<{ readonly decided: ReadonlyMap<DueCopy, 'goes' | 'needed' | 'decided'>; readonly map: StoreMap }> {
  return await database.write(async (trx) => {
    const ids = [...new Set(copies.map((copy) => copy.fileId))]
    await lockFiles(trx, ids)
    const map = await loadStores(trx)
    const files = new Map((await filesNow(trx, ids)).map((file) => [file.id, file]))
    const now = await database.now(trx)
    const decided = new Map<DueCopy, 'goes' | 'needed' | 'decided'>()
    const dispensable: DueCopy[] = []
    for (const copy of copies) {
      if (copy.state === 'deleting') {
        decided.set(copy, 'goes')
        continue
      }
      const file = files.get(copy.fileId)
      const present = (file?.copies ?? [])
        .filter((other) => other.state === 'present' && confirmed.has(nameOf(copy.fileId, other)))
        .map((other) => other.storeId)
      const scopes = file?.scopes ?? new Set<number>()
      // A newer generation in the same store is another copy.
      if (!isDispensable(map, copy.storeId, new Set(present), scopes, present.includes(copy.storeId))) {
        decided.set(copy, 'needed')
        continue
      }
      dispensable.push(copy)
    }
    const begun = new Set(await beginDeletion(trx, dispensable, { from: ['condemned'], now }))
    for (const copy of dispensable) decided.set(copy, begun.has(copy) ? 'goes' : 'decided')
    return { decided, map }
  })
}

/**
 * The present copies, beside those that are due, of files that somebody needs: those that are there now, as their stores
 * say. A store that is out of reach cannot take the place of a copy that is here.
 */
async function confirmOthers(context: Context, copies: readonly DueCopy[]): Promise<Set<string>> {
  const { database, storage } = context
  const confirmed = new Set<string>()
  const ids = [...new Set(copies.filter((copy) => copy.state === 'condemned').map((copy) => copy.fileId))]
  const needed = (await filesNow(database.read, ids)).filter((file) => file.scopes.size > 0)
  const map = await storage.stores.map()
  const isThere = async (file: FileView): Promise<void> => {
    for (const copy of file.copies) {
      const record = map.byId(copy.storeId)
      if (copy.state !== 'present' || record === undefined || record.kind === 'remote') continue
      if (await hasWhole(storage, record, file, copy)) confirmed.add(nameOf(file.id, copy))
    }
  }
  for await (const _file of inOrder(needed, deletesAtOnce, isThere)) {
    // Only what it has noted counts.
  }
  return confirmed
}

async function hasWhole(
  storage: Context['storage'],
  record: StoreRecord,
  file: FileView,
  copy: FileCopy,
): Promise<boolean> {
  try {
    const store = await storage.stores.open(record)
    return (await store.has({ sha256: file.sha256, generation: copy.generation })) === file.sizeBytes
  } catch (error) {
    if (error instanceof AshlarError) return false
    throw error
  }
}

function nameOf(fileId: number, { storeId, generation }: FileCopy): string {
  return `${fileId} ${storeId} ${generation}`
}

/**
 * Somebody needs the file, and no other copy is known to be there: it gets one, under a new generation, from the bytes
 * that are still here. The condemned copy goes at a later time.
 * @returns why it got none; then the condemned copy stays what there is
 */
async function rescue(context: Context, map: StoreMap, copy: DueCopy): Promise<AshlarError | undefined> {
  const { database, storage, faults, signal } = context
  // The file may have been put again since the first look.
  const confirmed = await confirmOthers(context, [copy])
  const [file] = await filesNow(database.read, [copy.fileId])
  if (file === undefined) return undefined
  for (const scopeId of file.scopes) {
    const isHome = (other: FileCopy): boolean =>
      other.state === 'present' && map.isHome(scopeId, other.storeId) && confirmed.has(nameOf(file.id, other))
    if (file.copies.some(isHome)) continue
    // A store whose present copy is out of reach would only say that it has it.
    const targets = map
      .uploadTargets(scopeId)
      .filter(({ id }) => !file.copies.some((other) => other.state === 'present' && other.storeId === id))
    const from = (copies: readonly FileCopy[]): FileCopy[] =>
      copies.filter(({ state }) => state === 'present' || state === 'condemned')
    let error = new AshlarError('storage-failed', `File ${copy.sha256} is needed, and no store takes another copy.`)
    let isCopied = false
    for (const to of targets) {
      try {
        const outcome = await transfer({ database, storage, faults }, { file, to, from, signal })
        isCopied = outcome === 'copied' || outcome === 'there'
      } catch (failure) {
        if (!(failure instanceof AshlarError)) throw failure
        error = failure
      }
      if (isCopied) break
    }
    if (!isCopied) return error
  }
  return undefined
}
