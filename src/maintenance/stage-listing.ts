/** What a store has beside its records: stray bytes go, copies that are missing or cut are noted as damaged. */
import type { FileKey, FileStore } from '../storage/file-store.ts'
import { markDamaged, retireKey } from '../storage/copy-states.ts'
import type { StoreRecord } from '../storage/store-policy.ts'
import { compareListing, type RecordedCopy } from './compare-listing.ts'
import { type Context, reach } from './context.ts'
import { type Step, type StepOutcome, stepsOfStore } from './plan.ts'

export async function* listingSteps(context: Context): AsyncGenerator<Step, void, undefined> {
  const { storage } = context
  for (const record of (await storage.stores.map()).all) {
    if (record.kind === 'remote') continue
    if (!(await storage.stores.isReachable(record))) {
      const rule = 'this server cannot reach the store'
      yield {
        lines: [{ stage: 'listing', action: 'report', subject: record.name, store: record.name, bytes: 0, rule }],
      }
      continue
    }
    yield* stepsOfStore('listing', record.name, storeSteps(context, record))
  }
}

async function* storeSteps(context: Context, record: StoreRecord): AsyncGenerator<Step, void, undefined> {
  const store = await context.storage.stores.open(record)
  yield* unfinished(context, record, store)
  yield* differences(context, record, store)
}

async function* unfinished(context: Context, record: StoreRecord, store: FileStore): AsyncGenerator<Step> {
  const { ages, dryRun, signal } = context
  // How many there are is known only when they are gone.
  if (dryRun) return
  const removed = await store.sweepUnfinished(ages.leftoverMs, signal)
  if (removed === 0) return
  const rule = `${removed} unfinished writes were left by a crash`
  yield { lines: [{ stage: 'listing', action: 'report', subject: record.name, store: record.name, bytes: 0, rule }] }
}

async function* differences(context: Context, record: StoreRecord, store: FileStore): AsyncGenerator<Step> {
  const { database, ages, signal } = context
  const now = await database.now()
  const strayBefore = now - ages.leftoverMs * 1000
  for await (const difference of compareListing(database.read, store, record.id, signal)) {
    if (difference.kind === 'stray') {
      const { key, sizeBytes, modifiedAt } = difference.entry
      if (modifiedAt >= strayBefore) continue
      const rule = 'nothing records these bytes'
      const line = { subject: key.sha256, store: record.name, bytes: sizeBytes, rule }
      yield {
        lines: [{ stage: 'listing', action: 'remove', ...line }],
        carryOut: async () => [await removeStray(context, record, store, difference.entry.key)],
      }
      continue
    }
    const { copy, foundBytes } = difference
    // What was recorded after the listing began may have come behind it.
    if (copy.createdAt >= now) continue
    const rule = foundBytes === undefined ? 'it is missing in its store' : `it has ${foundBytes} bytes in its store`
    yield {
      lines: [
        { stage: 'listing', action: 'report', subject: copy.sha256, store: record.name, bytes: copy.sizeBytes, rule },
      ],
      carryOut: async () => [await noteBad(context, record, store, copy, rule)],
    }
  }
}

async function removeStray(
  { database, faults }: Context,
  record: StoreRecord,
  store: FileStore,
  key: FileKey,
): Promise<StepOutcome> {
  if (!(await database.write((trx) => retireKey(trx, record.id, key)))) return 'kept'
  await reach(faults, 'copy.delete')
  await store.delete(key)
  return 'done'
}

/**
 * Looks at a copy that a listing did not show as it is recorded, and notes that it is damaged if it is. @returns `kept`
 * if it is well, or was noted before
 */
export async function noteBad(
  { database }: Pick<Context, 'database'>,
  record: StoreRecord,
  store: FileStore,
  copy: RecordedCopy,
  rule: string,
): Promise<StepOutcome> {
  const foundBytes = await store.has({ sha256: copy.sha256, generation: copy.generation })
  if (foundBytes === copy.sizeBytes) return 'kept'
  const key = { fileId: copy.fileId, storeId: record.id, generation: copy.generation }
  const noted = await database.write(async (trx) => markDamaged(trx, key, rule, await database.now(trx)))
  return noted ? 'done' : 'kept'
}
