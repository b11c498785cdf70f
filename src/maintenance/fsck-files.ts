/**
 * Every file beside what needs it: damaged copies, scopes that have no copy that they can read, and files that are gone by
 * their record but not in fact. With `repair` each is made good at once, as far as that is possible.
 */
import { AshlarError } from '../common/errors.ts'
import { inOrder } from '../common/in-order.ts'
import type { Sha256 } from '../common/digest.ts'
import type { StoreMap } from '../storage/store-policy.ts'
import type { Finding, FsckEvent } from './finding.ts'
import { type CopyRow, type FileView, filesNow } from './file-pages.ts'
import type { FsckContext } from './fsck-context.ts'
import { type CheckedRow, checkGone } from './fsck-gone.ts'
import { repairFile } from './repair-file.ts'
import { touchesOf } from './touches.ts'

const filesPerPage = 1000
const repairsAtOnce = 4
/** So many repairs that fail in a row say that no store takes anything. */
const mostFailures = 20

export async function* checkFiles(context: FsckContext): AsyncGenerator<FsckEvent, void, undefined> {
  const { database, storage } = context
  let failures = 0
  for await (const { rows, part } of pages(context)) {
    const ids = rows.filter((row) => row.gone === null).map((row) => row.id)
    const map = await storage.stores.map()
    const files = await filesNow(database.read, ids)
    const suspects = files.filter((file) => isConcerned(context, file) && hasProblem(map, file))
    for await (const events of inOrder(suspects, repairsAtOnce, (file) => lookAt(context, file.id))) {
      yield* events
      failures = events.some((event) => event.kind === 'failure') ? failures + 1 : 0
      if (failures >= mostFailures) return
    }
    const gone = rows.filter((row) => row.gone !== null)
    if (gone.length > 0 && context.only === undefined) yield* checkGone(context, gone)
    context.tally.checked(rows.length)
    yield { kind: 'progress', stage: 'files', part }
  }
}

async function* pages({
  database,
  signal,
}: FsckContext): AsyncGenerator<{ readonly rows: readonly CheckedRow[]; readonly part: number }, void, undefined> {
  const newest = await database.read.selectFrom('file').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  for (let after = 0; ;) {
    signal.throwIfAborted()
    const rows = await database.read
      .selectFrom('file')
      .select(['id', 'sha256', 'size as sizeBytes', 'gone_at', 'gone_reason'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(filesPerPage)
      .execute()
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id
    yield {
      // The digests were checked when the rows were written.
      rows: rows.map(({ gone_at: goneAt, gone_reason: reason, ...row }) => ({
        ...row,
        sha256: row.sha256 as Sha256,
        gone: goneAt === null ? null : (reason ?? 'expired'),
      })),
      part: Math.min(1, after / (newest?.id ?? after)),
    }
    if (rows.length < filesPerPage) return
  }
}

function isConcerned({ only }: FsckContext, { copies }: FileView): boolean {
  return only === undefined || copies.some((copy) => copy.storeId === only.id)
}

function hasProblem(map: StoreMap, file: FileView): boolean {
  return file.copies.some(isDamaged) || scopesWithout(map, file).length > 0
}

function isDamaged({ state }: CopyRow): boolean {
  return state === 'damaged'
}

/** The scopes that need the file, and have no present copy in a store that they read from. */
function scopesWithout(map: StoreMap, { scopes, copies }: FileView): number[] {
  const present = copies.filter((copy) => copy.state === 'present')
  return [...scopes].filter((scopeId) => !present.some((copy) => map.isReadable(scopeId, copy.storeId)))
}

/** Looks again at one file, in one state of the database; repairs it if that is asked for. */
export async function lookAt(context: FsckContext, fileId: number): Promise<FsckEvent[]> {
  const map = await context.storage.stores.map()
  const before = await viewOf(context, fileId)
  if (before === undefined || !hasProblem(map, before)) return []
  const damaged = before.copies.filter(isDamaged)
  const wasWithout = scopesWithout(map, before).length > 0
  const events: FsckEvent[] = []
  for (const copy of damaged) {
    if (!context.reported.add(fileId, copy)) continue
    events.push(finding(before, 'damaged', 'open', copy.reason ?? 'it is damaged', nameOf(map, copy)))
  }
  if (!context.repair) {
    if (wasWithout) events.push(await lack(context, map, before))
    return events
  }
  try {
    await repairFile(context, fileId)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!(error instanceof AshlarError)) throw error
    events.push({ kind: 'failure', stage: 'files', subject: before.sha256, error })
  }
  const now = await viewOf(context, fileId)
  const stillDamaged = new Set(now?.copies.filter(isDamaged).map(keyOf))
  for (const copy of damaged) {
    if (stillDamaged.has(keyOf(copy))) continue
    events.push(finding(before, 'damaged', 'repaired', restored(map, now), nameOf(map, copy)))
  }
  if (now !== undefined && scopesWithout(map, now).length > 0) {
    events.push(await lack(context, map, now))
  } else if (wasWithout && damaged.length === 0) {
    const what = 'no store that its scope reads from has a copy'
    events.push(finding(before, 'missing', 'open', what), finding(before, 'missing', 'repaired', restored(map, now)))
  }
  return events
}

interface View extends FileView {
  readonly copies: readonly (CopyRow & { readonly reason: string | null })[]
}

/** Who needs the file and what copies it has, at one moment: else what comes meanwhile may look like a lack. */
async function viewOf({ database }: FsckContext, fileId: number): Promise<View | undefined> {
  return await database.read.transaction().execute(async (trx) => {
    const [file] = await filesNow(trx, [fileId])
    if (file === undefined) return undefined
    const reasons = await trx
      .selectFrom('file_copy')
      .select(['store_id', 'generation', 'state_reason'])
      .where('file_id', '=', fileId)
      .execute()
    const reasonOf = new Map(reasons.map((row) => [`${row.store_id} ${row.generation}`, row.state_reason]))
    return { ...file, copies: file.copies.map((copy) => ({ ...copy, reason: reasonOf.get(keyOf(copy)) ?? null })) }
  })
}

function keyOf({ storeId, generation }: CopyRow): string {
  return `${storeId} ${generation}`
}

function nameOf(map: StoreMap, { storeId }: CopyRow): string | undefined {
  return map.byId(storeId)?.name
}

/** What somebody needs and cannot read: lost if no store is known to have it. */
async function lack(context: FsckContext, map: StoreMap, file: View): Promise<FsckEvent> {
  const left = file.copies.filter(({ state }) => state === 'present' || state === 'condemned')
  if (left.length > 0) {
    const what = `no store that its scope reads from has a copy; there is one in ${namesOf(map, left)}`
    return finding(file, 'missing', 'open', what)
  }
  const touches = await touchesOf(context.database.read, file.id)
  if (touches.indexes.length > 0) context.lostPacks.push(file.id)
  const damaged = file.copies.filter(isDamaged)
  const what =
    damaged.length === 0
      ? 'no store has a copy'
      : `no good copy is left; there are bad ones in ${namesOf(map, damaged)}`
  return finding(file, 'lost', 'open', what, undefined, touches)
}

/** Where good copies are now. */
function restored(map: StoreMap, file: View | undefined): string {
  const present = (file?.copies ?? []).filter((copy) => copy.state === 'present')
  if (file === undefined || file.scopes.size === 0) return 'nothing needs it; a vacuum removes it'
  return `there are good copies in ${namesOf(map, present)}`
}

function namesOf(map: StoreMap, copies: readonly CopyRow[]): string {
  return [...new Set(copies.map((copy) => nameOf(map, copy) ?? '?'))].toSorted().join(', ')
}

function finding(
  file: View,
  severity: Finding['severity'],
  outcome: Finding['outcome'],
  sentence: string,
  store?: string,
  touches?: Finding['touches'],
): FsckEvent {
  const { sha256: subject, sizeBytes: bytes } = file
  const what = sentence.replace(/\.$/, '')
  const more = { ...(store === undefined ? {} : { store }), ...(touches === undefined ? {} : { touches }) }
  return { kind: 'finding', finding: { stage: 'files', severity, outcome, subject, bytes, what, ...more } }
}
