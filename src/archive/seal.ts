/**
 * One seal: all changes of an archive that wait become one revision.
 *
 * The holder of the archive's lease plans (seal-plan.ts), rebuilds the maps that change, writes their new chunks as one
 * pack, finds the digests of the indexes, signs a Release for each suite that changed, and commits all of it in one
 * transaction that checks the lease and the head (commit-seal.ts). Until that commit nothing of it can be seen.
 */
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { Micros } from '../database/schema.ts'
import { type Archive, archiveById } from './archive-table.ts'
import { endings } from './assembly.ts'
import { stepsOf } from './batch-steps.ts'
import type { ChangeRequest } from './change-request.ts'
import type { Chunk, ChunkTable } from './chunk-table.ts'
import { commitSeal, type SealedSuite } from './commit-seal.ts'
import type { Effect, TouchedMap } from './effect.ts'
import type { HeldLease } from './held-lease.ts'
import type { BuiltIndex, BuiltMap, IndexBuilder, PlannedMap } from './index-builder.ts'
import { planChunks } from './index-map.ts'
import { type IndexPath, layoutOf, type SuiteLayout } from './index-paths.ts'
import { refuseChange } from './record-change.ts'
import { currentMaps, type ListedIndex, listedIndexes, type SuiteMaps } from './release-table.ts'
import { type ReleaseContext, signReleases } from './sign-release.ts'
import { changesAnything, planSeal, type SealPlan, type WaitingChange } from './seal-plan.ts'
import type { SigningKeys } from './signing-keys.ts'
import { mapEntries, placeKey } from './suite-items.ts'
import type { Suite } from './suite-table.ts'

export interface SealContext {
  readonly database: Database
  readonly chunks: ChunkTable
  readonly indexes: IndexBuilder
  readonly keys: SigningKeys
  readonly faults: Faults
  /** The archive's address, for the Snapshots field: `https://host/apt/scope/workspace`. */
  readonly urlOf: (archiveId: number) => Promise<string>
}

/** Changes that one seal takes at most; the others wait for the next. */
export const CHANGES_PER_SEAL = 200
/** New texts up to this length are hashed from memory while they are compressed. */
const EARLY_TEXT_BYTES = 4 * 1024 * 1024
/** How far the clock may stand behind the last Date before publishing waits for it. */
const MAX_CLOCK_LAG_MICROS = 5_000_000

/**
 * The changes of an archive that wait longest, in the order in which they are taken.
 *
 * @param limit steps of batches count; at least one change is given
 */
export async function waitingChanges(database: Database, archiveId: number, limit: number): Promise<WaitingChange[]> {
  const rows = await database.read
    .selectFrom('change')
    .select(['id', 'request_json'])
    .where('archive_id', '=', archiveId)
    .where('state', '=', 'pending')
    .where('batch_id', 'is', null)
    .orderBy('id')
    .limit(limit)
    .execute()
  const requests = rows.map((row) => ({ id: row.id, request: JSON.parse(row.request_json) as ChangeRequest }))
  const batches = requests.filter(({ request }) => request.kind === 'batch').map(({ id }) => id)
  const steps = await stepsOf(database.read, batches)
  const waiting: WaitingChange[] = []
  let count = 0
  for (const { id, request } of requests) {
    count += steps.get(id)?.length ?? 1
    if (count > limit && waiting.length > 0) break
    if (request.kind === 'batch') waiting.push({ kind: 'batch', id, steps: steps.get(id) ?? [] })
    else waiting.push({ kind: 'single', id, request })
  }
  return waiting
}

/**
 * Seals waiting changes: each is sealed or refused when it resolves.
 *
 * @throws AshlarError clock-behind, storage-full, storage-failed; LeaseLost
 */
export async function sealChanges(
  context: SealContext,
  archiveId: number,
  lease: HeldLease,
  waiting: readonly WaitingChange[],
): Promise<void> {
  const { database } = context
  const archive = await archiveById(database.read, archiveId)
  const now = await database.now()
  requireClock(archive, now)

  await context.faults.reach('seal.prepare')
  const plan = await planSeal(database, archive, lease, waiting)
  if (plan.accepted.length > 0) {
    const { suites, pack, newChunks } = await build(context, archive, plan, now)
    await context.faults.reach('seal.before-commit')
    await commitSeal(database, { archive, lease, plan, suites, pack, newChunks })
    await context.faults.reach('seal.after-commit')
  }
  // Afterwards, since what was accepted may be the reason for what was refused.
  for (const { change, error } of plan.refused) await refuseChange(database, change.id, error, lease)
}

function requireClock(archive: Archive, now: Micros): void {
  if (now >= archive.sealedAt - MAX_CLOCK_LAG_MICROS) return
  const lag = Math.round((archive.sealedAt - now) / 1_000_000)
  throw new AshlarError(
    'clock-behind',
    `The clock is ${lag} s behind the last revision; nothing is published until then.`,
  )
}

/** A suite that the seal changes: its maps as they will be, and the indexes that differ from those listed so far. */
interface ChangingSuite {
  readonly suite: Suite
  readonly planned: readonly PlannedMap[]
  readonly before: SuiteMaps
  readonly listed: ReadonlyMap<string, ListedIndex>
  readonly layout: SuiteLayout
  readonly changed: readonly IndexPath[]
}

async function build(context: SealContext, archive: Archive, plan: SealPlan, now: Micros) {
  if (!changesAnything(plan)) return { suites: [], pack: undefined, newChunks: [] }
  const changing: ChangingSuite[] = []
  for (const suite of plan.suites.all) {
    const touched = mergeTouched(plan.effects.filter((effect) => effect.suite.name === suite.name))
    const isSet = plan.settings.some((change) => change.suite === suite.name)
    // Who followed the alias to another suite needs a Release that is not older than the last one of that.
    const isNamed = plan.aliases.some((change) => change.suite === suite.name)
    if (touched.length > 0 || isSet || isNamed) changing.push(await planSuite(context, plan, suite, touched))
  }
  const planned = changing.flatMap((suite) => suite.planned)
  const early = newTextBytes(planned) <= EARLY_TEXT_BYTES ? digestTexts(context, changing, planned) : undefined
  // Awaited below; until then a rejection is nobody's.
  early?.catch(() => {})
  const { pack, newChunks, maps } = await context.indexes.pack(archive, planned)
  const texts = await (early ?? digestTexts(context, changing, maps.map(asKept)))

  const release: ReleaseContext = {
    signer: await context.keys.signer(archive.id),
    url: await context.urlOf(archive.id),
    now,
  }
  const suites: SealedSuite[] = []
  for (const [i, suite] of changing.entries()) {
    suites.push(await sealSuite(context, release, suite, mapsOf(changing, i, maps), texts[i] ?? []))
  }
  return { suites, pack, newChunks }
}

function mergeTouched(effects: readonly Effect[]): TouchedMap[] {
  const merged = new Map<string, TouchedMap>()
  for (const map of effects.flatMap((effect) => [...effect.touched.values()])) {
    const name = placeKey(map.place)
    const keys = merged.get(name)?.keys
    if (keys === undefined) merged.set(name, { place: map.place, keys: new Set(map.keys) })
    else for (const key of map.keys) keys.add(key)
  }
  return [...merged.values()]
}

async function planSuite(
  context: SealContext,
  plan: SealPlan,
  suite: Suite,
  touched: readonly TouchedMap[],
): Promise<ChangingSuite> {
  const { database } = context
  const before = await currentMaps(database.read, suite.id)
  const listed = await listedIndexes(database.read, suite.id)
  const planned: PlannedMap[] = []
  for (const map of touched) planned.push(await planMap(context, plan, suite, before, map))

  const isPlanned = new Set(planned.map((map) => placeKey(map.place)))
  const unchanged = [...before.values()].filter((map) => map.entries > 0 && !isPlanned.has(placeKey(map.place)))
  const used = [...unchanged, ...planned.filter((map) => map.chunks.length > 0)].map((map) => map.place)
  const layout = layoutOf(suite.settings, used)
  const changed = layout.indexes.filter(
    (index) => !listed.has(index.path) || index.places.some((place) => isPlanned.has(placeKey(place))),
  )
  return { suite, planned, before, listed, layout, changed }
}

async function planMap(
  context: SealContext,
  plan: SealPlan,
  suite: Suite,
  before: SuiteMaps,
  touched: TouchedMap,
): Promise<PlannedMap> {
  const { place, keys } = touched
  const view = { sealing: plan.accepted, without: plan.ended }
  const mapId = before.get(placeKey(place))?.mapId
  const chunks = mapId === undefined ? [] : await context.chunks.ofMap(mapId)
  const source = (from: string | undefined, to: string | undefined) =>
    mapEntries(context.database.read, suite.id, place, view, from, to)
  return { place, chunks: await planChunks(chunks, keys, source) }
}

function newTextBytes(maps: readonly PlannedMap[]): number {
  const chunks = maps.flatMap((map) => map.chunks)
  return chunks.reduce((sum, chunk) => sum + (chunk.kind === 'new' ? chunk.textBytes : 0), 0)
}

/** A map whose chunks are packed, none of them to be made any more. */
function asKept(map: BuiltMap): PlannedMap {
  return { place: map.place, chunks: map.chunks.map((chunk) => ({ kind: 'kept', chunk })) }
}

/** Of the maps of all changing suites, one after the other, those of one suite. */
function mapsOf<M>(changing: readonly ChangingSuite[], index: number, maps: readonly M[]): readonly M[] {
  const start = changing.slice(0, index).reduce((sum, suite) => sum + suite.planned.length, 0)
  return maps.slice(start, start + (changing[index]?.planned.length ?? 0))
}

/** The digests of the texts of all changed indexes, suite by suite. */
async function digestTexts(
  context: SealContext,
  changing: readonly ChangingSuite[],
  maps: readonly PlannedMap[],
): Promise<BuiltIndex[][]> {
  return Promise.all(
    changing.map(async ({ changed, before }, i) => {
      const chunks = new Map(mapsOf(changing, i, maps).map((map) => [placeKey(map.place), map.chunks]))
      for (const [name, unchanged] of await unchangedChunks(context, before, chunks)) {
        chunks.set(
          name,
          unchanged.map((chunk) => ({ kind: 'kept', chunk })),
        )
      }
      return context.indexes.digestTexts(changed, (place) => chunks.get(placeKey(place)) ?? [])
    }),
  )
}

/** The chunks of the maps that the seal leaves as they are. */
async function unchangedChunks(
  context: SealContext,
  before: SuiteMaps,
  changed: ReadonlyMap<string, unknown>,
): Promise<[string, readonly Chunk[]][]> {
  const maps = [...before].filter(([name]) => !changed.has(name))
  return Promise.all(
    maps.map(async ([name, { mapId }]): Promise<[string, readonly Chunk[]]> => [
      name,
      await context.chunks.ofMap(mapId),
    ]),
  )
}

/** Finds the digests of the compressed indexes, and signs a Release over all. */
async function sealSuite(
  context: SealContext,
  release: ReleaseContext,
  changing: ChangingSuite,
  built: readonly BuiltMap[],
  texts: readonly BuiltIndex[],
): Promise<SealedSuite> {
  const { suite, before, listed, layout, changed } = changing
  const chunks = new Map(built.map((map) => [placeKey(map.place), map.chunks]))
  for (const [name, chunksOf] of await unchangedChunks(context, before, chunks)) chunks.set(name, chunksOf)
  const compressed = await context.indexes.digestCompressed(changed, (place) => chunks.get(placeKey(place)) ?? [])

  const fresh = new Map([...texts, ...compressed].map((index) => [index.path, index]))
  const staying = new Set(layout.indexes.flatMap((index) => formsOf(index.path)))
  const kept = [...listed.values()].filter((index) => !fresh.has(index.path) && staying.has(index.path))
  const indexes = [...fresh.values(), ...kept].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const gone = [...listed.keys()].filter((path) => !staying.has(path))

  await context.faults.reach('seal.sign')
  const { components, architectures } = layout
  const issues = await signReleases(context.database, release, suite, { components, architectures, indexes })
  return { suite, built, indexes: [...fresh.values()], gone, issues }
}

/** The paths of an index in all its forms. */
function formsOf(path: string): string[] {
  return Object.values(endings).map((ending) => `${path}${ending}`)
}
