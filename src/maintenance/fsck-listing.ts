/** What each store has beside its records: copies that are missing or cut, and bytes that nothing records. */
import { AshlarError } from '../common/errors.ts'
import type { StoreRecord } from '../storage/store-policy.ts'
import { compareListing } from './compare-listing.ts'
import type { FsckEvent } from './finding.ts'
import { type FsckContext, storesToCheck } from './fsck-context.ts'
import { noteBad } from './stage-listing.ts'

export async function* checkListings(context: FsckContext): AsyncGenerator<FsckEvent, void, undefined> {
  for (const record of await storesToCheck(context)) {
    try {
      yield* checkListing(context, record)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof AshlarError)) throw error
      yield unknownStore(record, error)
    }
  }
}

/** A store that says nothing may hold anything. */
function unknownStore(record: StoreRecord, error: AshlarError): FsckEvent {
  const what = `this server cannot look into the store: ${error.message.replace(/\.$/, '')}`
  const { name: subject, usedBytes: bytes } = record
  const finding = { stage: 'listing', severity: 'unknown', outcome: 'open', subject, store: subject, bytes } as const
  return { kind: 'finding', finding: { ...finding, what } }
}

async function* checkListing(context: FsckContext, record: StoreRecord): AsyncGenerator<FsckEvent, void, undefined> {
  const { database, storage, ages, signal } = context
  const store = await storage.stores.open(record)
  const begun = await database.now()
  const common = { stage: 'listing', store: record.name } as const
  for await (const difference of compareListing(database.read, store, record.id, signal)) {
    if (difference.kind === 'stray') {
      const { key, sizeBytes, modifiedAt } = difference.entry
      // A put that is under way records its bytes when they are there.
      if (modifiedAt >= begun - ages.leftoverMs * 1000) continue
      const what = 'nothing records these bytes; a vacuum removes them'
      const stray = { severity: 'stray', outcome: 'harmless', subject: key.sha256, bytes: sizeBytes, what } as const
      yield { kind: 'finding', finding: { ...common, ...stray } }
      continue
    }
    const { copy, foundBytes } = difference
    // What was recorded after the listing began may have come behind it.
    if (copy.createdAt >= begun) continue
    const what = foundBytes === undefined ? 'it is missing in its store' : `it has ${foundBytes} bytes in its store`
    if ((await noteBad(context, record, store, copy, what)) === 'kept') continue
    context.reported.add(copy.fileId, { storeId: record.id, generation: copy.generation })
    const damaged = { severity: 'damaged', outcome: 'open', subject: copy.sha256, bytes: copy.sizeBytes, what } as const
    yield { kind: 'finding', finding: { ...common, ...damaged } }
  }
}
