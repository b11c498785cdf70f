/** The spool, what is kept of uploads in progress, and files that wait for a .changes: what nobody will continue. */
import { durationText } from '../common/duration.ts'
import { endWait, overdue, waitSeconds } from '../incoming/waiting-files.ts'
import { orphanedSpoolFiles } from '../storage/leftovers.ts'
import type { ParkedPart } from '../storage/parked-uploads.ts'
import type { StoreRecord } from '../storage/store-policy.ts'
import type { Context } from './context.ts'
import { type Step, stepsOfStore } from './plan.ts'

const rule = 'no upload owns it'
const rowsPerPage = 500

export async function* spoolSteps(context: Context): AsyncGenerator<Step, void, undefined> {
  yield* waitingSteps(context)
  const { database, storage, ages, signal } = context
  const { spool } = storage
  for await (const entry of orphanedSpoolFiles({ database, spool, olderThanMs: ages.leftoverMs, signal })) {
    yield {
      lines: [{ stage: 'spool', action: 'remove', subject: entry.id, bytes: entry.sizeBytes, rule }],
      carryOut: async () => {
        await spool.remove(entry.id)
        return ['done']
      },
    }
  }
  const store = (await storage.stores.map()).all.find((one) => one.holdsUploads)
  if (store === undefined || !(await storage.stores.isReachable(store))) return
  yield* stepsOfStore('spool', store.name, parkedSteps(context, store))
}

/** Files of which no .changes has come in time. Their bytes go when nothing else needs them. */
async function* waitingSteps({ database }: Context): AsyncGenerator<Step, void, undefined> {
  for (const { id, name, suite, bytes } of await overdue(database)) {
    const subject = `${name}, which waits for its .changes in ${suite}`
    yield {
      lines: [{ stage: 'spool', action: 'remove', subject, bytes, rule: `it waited for ${durationText(waitSeconds)}` }],
      carryOut: async () => [(await endWait(database, id)) ? 'done' : 'kept'],
    }
  }
}

/** Pieces of uploads that are kept for all servers, of uploads that are recorded no more. */
async function* parkedSteps(
  { storage, database, ages, signal }: Context,
  store: StoreRecord,
): AsyncGenerator<Step, void, undefined> {
  const place = await storage.stores.uploadsIn(store.id)
  if (place === undefined) return
  const before = Date.now() - ages.leftoverMs
  // Asked for before the pieces: what is recorded later is younger than they may be.
  let owned: Set<string> | undefined
  for await (const kept of place.parts.list(signal)) {
    if (kept.modifiedAtMs >= before) continue
    owned ??= await ownedPieces(database)
    if (owned.has(kept.id)) continue
    yield {
      lines: [{ stage: 'spool', action: 'remove', subject: kept.id, store: store.name, bytes: kept.sizeBytes, rule }],
      carryOut: async () => {
        await place.parts.remove(kept.id)
        return ['done']
      },
    }
  }
}

/** The ids under which pieces of recorded uploads are kept. */
async function ownedPieces(database: Context['database']): Promise<Set<string>> {
  const owned = new Set<string>()
  for (let after = ''; ;) {
    const rows = await database.read
      .selectFrom('upload')
      .select(['id', 'parts_json'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(rowsPerPage)
      .execute()
    for (const { id, parts_json: json } of rows) {
      owned.add(id)
      for (const part of json === null ? [] : (JSON.parse(json) as ParkedPart[])) owned.add(part.from)
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < rowsPerPage) return owned
    after = last.id
  }
}
