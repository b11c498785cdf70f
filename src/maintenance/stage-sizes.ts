/**
 * Soft maxima: what was used longest ago moves to the next store that takes uploads, until a store, or a scope in it,
 * is below. A file that another scope keeps there stays.
 */
import type { StoreMap, StoreRecord } from '../storage/store-policy.ts'
import type { Context } from './context.ts'
import { type FileView, filesNow } from './file-pages.ts'
import { Mover } from './move-file.ts'
import { isDispensable } from './placement.ts'
import type { PlanLine, Step, StepOutcome } from './plan.ts'

const copiesPerPage = 500

/** Bytes that must leave a store: of all scopes (scopeId null), or of one. */
interface Excess {
  readonly scopeId: number | null
  bytes: number
  readonly rule: string
}

export async function* sizeSteps(context: Context): AsyncGenerator<Step, void, undefined> {
  const map = await context.storage.stores.map()
  const added = new Map<number, number>()
  const mover = new Mover(context)
  for (const store of map.all) {
    if (store.kind === 'remote' || !(await context.storage.stores.isReachable(store))) continue
    const excesses = await excessesOf(context, map, store)
    for (const excess of excesses) yield* reduce(context, { map, store, excess, added, mover })
  }
}

async function excessesOf(context: Context, map: StoreMap, store: StoreRecord): Promise<Excess[]> {
  const excesses: Excess[] = []
  if (store.softMaxBytes !== null) {
    const bytes = (await presentBytes(context, store)) - store.softMaxBytes
    if (bytes > 0) excesses.push({ scopeId: null, bytes, rule: `${store.name} is above its soft maximum` })
  }
  const limited = await scopesWithLimit(context, map, store)
  if (limited.size === 0) return excesses
  const used = new Map<number, number>()
  for await (const page of presentPages(context, store)) {
    for (const file of page) {
      for (const scopeId of file.scopes) {
        if (limited.has(scopeId)) used.set(scopeId, (used.get(scopeId) ?? 0) + file.sizeBytes)
      }
    }
  }
  for (const [scopeId, limit] of limited) {
    const bytes = (used.get(scopeId) ?? 0) - limit.bytes
    if (bytes > 0) excesses.push({ scopeId, bytes, rule: `${limit.name} is above its soft maximum in ${store.name}` })
  }
  return excesses
}

/** What is there less what is on its way out: of the latter there is little. */
async function presentBytes({ database }: Context, store: StoreRecord): Promise<number> {
  const { bytes } = await database.read
    .selectFrom('file_copy')
    .innerJoin('file', 'file.id', 'file_copy.file_id')
    .select((eb) => eb.fn.sum<number | null>('file.size').as('bytes'))
    .where('file_copy.store_id', '=', store.id)
    .where('file_copy.state', 'in', ['damaged', 'condemned', 'deleting'])
    .executeTakeFirstOrThrow()
  return store.usedBytes - (bytes ?? 0)
}

async function scopesWithLimit(
  { database }: Context,
  map: StoreMap,
  store: StoreRecord,
): Promise<Map<number, { readonly name: string; readonly bytes: number }>> {
  if (!map.policies.some((policy) => policy.storeId === store.id && policy.softMaxBytes !== null)) return new Map()
  const scopes = await database.read.selectFrom('scope').select(['id', 'name']).execute()
  const limited = new Map<number, { name: string; bytes: number }>()
  for (const { id, name } of scopes) {
    const { softMaxBytes } = map.policy(id, store.id)
    if (softMaxBytes !== null && map.mayUse(id, store)) limited.set(id, { name, bytes: softMaxBytes })
  }
  return limited
}

/** The files with a present copy in a store, those used longest ago first. */
async function* presentPages(context: Context, store: StoreRecord): AsyncGenerator<FileView[], void, undefined> {
  const { database, signal } = context
  let after = { usedAt: -1, fileId: 0 }
  for (;;) {
    signal.throwIfAborted()
    const rows = await database.read
      .selectFrom('file_copy')
      .select(['file_id', 'used_at'])
      .where('store_id', '=', store.id)
      .where('state', '=', 'present')
      .where((eb) => eb(eb.refTuple('used_at', 'file_id'), '>', eb.tuple(after.usedAt, after.fileId)))
      .orderBy('used_at')
      .orderBy('file_id')
      .limit(copiesPerPage)
      .execute()
    const last = rows.at(-1)
    if (last === undefined) return
    const options = { withoutExpiring: context.dryRun }
    const views = new Map(
      (
        await filesNow(
          database.read,
          rows.map((row) => row.file_id),
          options,
        )
      ).map((file) => [file.id, file]),
    )
    yield rows.flatMap((row) => views.get(row.file_id) ?? [])
    after = { usedAt: last.used_at, fileId: last.file_id }
  }
}

/** Making one store smaller. */
interface Reduction {
  readonly map: StoreMap
  readonly store: StoreRecord
  readonly excess: Excess
  /** What the plan has put into each store beyond what is there. */
  readonly added: Map<number, number>
  readonly mover: Mover
}

async function* reduce(
  context: Context,
  { map, store, excess, added, mover }: Reduction,
): AsyncGenerator<Step, void, undefined> {
  const stuck = new Map<string, number>()
  const keep = (file: FileView, why: string): void => void stuck.set(why, (stuck.get(why) ?? 0) + file.sizeBytes)
  for await (const page of presentPages(context, store)) {
    for (const file of page) {
      if (excess.bytes <= 0) return
      if (!isPartOf(file, excess)) continue
      const why = whyItStays(map, store, file, excess)
      if (why !== undefined) {
        keep(file, why)
        continue
      }
      const targets = targetsFor(map, store, file, added)
      if (targets === undefined) {
        keep(file, 'no other store has room')
        continue
      }
      for (const target of targets) added.set(target.id, (added.get(target.id) ?? 0) + file.sizeBytes)
      excess.bytes -= file.sizeBytes
      yield {
        lines: linesOf(store, file, targets, excess.rule),
        carryOut: () => moveOut(mover, store, file, targets, excess),
      }
    }
  }
  if (excess.bytes <= 0 || stuck.size === 0) return
  yield {
    lines: Array.from(stuck, ([why, bytes]): PlanLine => {
      const rule = `${excess.rule} by ${excess.bytes} bytes, and ${why}`
      return { stage: 'sizes', action: 'report', subject: store.name, store: store.name, bytes, rule }
    }),
  }
}

/** A file that nobody needs goes by another rule; one that a scope is to keep there stays. */
function isMovable(map: StoreMap, store: StoreRecord, file: FileView, excess: Excess): boolean {
  return isPartOf(file, excess) && whyItStays(map, store, file, excess) === undefined
}

/** Whether the excess would be less without it. */
function isPartOf({ scopes }: FileView, { scopeId }: Excess): boolean {
  return scopeId === null ? scopes.size > 0 : scopes.has(scopeId)
}

/** What keeps a file there however much room there is elsewhere; undefined: nothing. */
function whyItStays(map: StoreMap, store: StoreRecord, file: FileView, { scopeId }: Excess): string | undefined {
  const others = [...file.scopes].filter((id) => id !== scopeId)
  if ([...file.scopes].some((id) => map.policy(id, store.id).populate)) {
    return `${store.name} is populated, so its files stay`
  }
  return scopeId !== null && others.length > 0 ? 'other scopes keep the same files there' : undefined
}

/** The stores that must take the file before it may leave; undefined if some scope has none. */
function targetsFor(
  map: StoreMap,
  store: StoreRecord,
  file: FileView,
  added: ReadonlyMap<number, number>,
): StoreRecord[] | undefined {
  const present = new Set(file.copies.filter((copy) => copy.state === 'present').map((copy) => copy.storeId))
  const targets: StoreRecord[] = []
  for (const scopeId of file.scopes) {
    if (isDispensable(map, store.id, present, new Set([scopeId]))) continue
    const target = map
      .uploadTargets(scopeId)
      .find((one) => one.id !== store.id && hasSoftRoom(one, file.sizeBytes + (added.get(one.id) ?? 0)))
    if (target === undefined) return undefined
    present.add(target.id)
    targets.push(target)
  }
  return targets
}

/** Whether it fits without moving something else out again. */
function hasSoftRoom(store: StoreRecord, sizeBytes: number): boolean {
  const limit = Math.min(store.softMaxBytes ?? Infinity, store.hardMaxBytes ?? Infinity)
  return store.usedBytes + sizeBytes <= limit
}

function linesOf(store: StoreRecord, file: FileView, targets: readonly StoreRecord[], rule: string): PlanLine[] {
  const common = { stage: 'sizes' as const, subject: file.sha256, bytes: file.sizeBytes, rule }
  return [
    ...targets.map((target) => Object.assign({ action: 'copy' as const, to: target.name }, common)),
    { ...common, action: 'condemn', store: store.name },
  ]
}

async function moveOut(
  mover: Mover,
  store: StoreRecord,
  file: FileView,
  targets: readonly StoreRecord[],
  excess: Excess,
): Promise<StepOutcome[]> {
  const outcomes: StepOutcome[] = []
  for (const target of targets) {
    outcomes.push((await mover.copy(file, target)) === 'copied' ? 'done' : 'kept')
  }
  const gone = await mover.letGo({
    fileId: file.id,
    storeId: store.id,
    rule: excess.rule,
    stillWanted: (map, now) => !isMovable(map, store, now, excess),
  })
  return [...outcomes, gone ? 'done' : 'kept']
}
