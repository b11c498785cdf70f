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
import type { ChangeRequest } from './change-request.ts'
import type { Chunk, ChunkTable } from './chunk-table.ts'
import { commitSeal, type HeldLease, type SealedSuite } from './commit-seal.ts'
import type { Effect, TouchedMap } from './effect.ts'
import type { BuiltIndex, BuiltMap, IndexBuilder, PlannedMap } from './index-builder.ts'
import { planChunks } from './index-map.ts'
import { layoutOf, type IndexPath } from './index-paths.ts'
import { refuseChange } from './record-change.ts'
import { currentMaps, listedIndexes, type SuiteMaps } from './release-table.ts'
import { type ReleaseContext, signReleases } from './sign-release.ts'
import { changesAnything, planSeal, type SealPlan } from './seal-plan.ts'
import type { SigningKeys } from './signing-keys.ts'
import { mapEntries, type Place, placeKey } from './suite-items.ts'
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
const CHANGES_PER_SEAL = 200
/** How far the clock may stand behind the last Date before publishing waits for it. */
const MAX_CLOCK_LAG_MICROS = 5_000_000

/**
 * Seals the oldest waiting changes.
 *
 * @returns the ids of the changes it decided; none if none wait
 * @throws AshlarError clock-behind, storage-full, storage-failed; LeaseLost
 */
export async function sealWaiting(
  context: SealContext,
  archiveId: number,
  lease: HeldLease,
  limit: number = CHANGES_PER_SEAL,
): Promise<number[]> {
  const { database } = context
  const waiting = await database.read
    .selectFrom('change')
    .select(['id', 'request_json'])
    .where('archive_id', '=', archiveId)
    .where('state', '=', 'pending')
    .orderBy('id')
    .limit(limit)
    .execute()
  if (waiting.length === 0) return []
  const archive = await archiveById(database.read, archiveId)
  const now = await database.now()
  requireClock(archive, now)

  await context.faults.reach('seal.prepare')
  const plan = await planSeal(
    database,
    archive,
    waiting.map((row) => ({ id: row.id, request: JSON.parse(row.request_json) as ChangeRequest })),
  )
  for (const { change, error } of plan.refused) await refuseChange(database, change.id, error)
  if (plan.accepted.length > 0) {
    const { suites, pack, newChunks } = await build(context, archive, plan, now)
    await context.faults.reach('seal.before-commit')
    await commitSeal(database, { archive, lease, plan, suites, pack, newChunks })
    await context.faults.reach('seal.after-commit')
  }
  return waiting.map((row) => row.id)
}

function requireClock(archive: Archive, now: Micros): void {
  if (now >= archive.sealedAt - MAX_CLOCK_LAG_MICROS) return
  const lag = Math.round((archive.sealedAt - now) / 1_000_000)
  throw new AshlarError(
    'clock-behind',
    `The clock is ${lag} s behind the last revision; nothing is published until then.`,
  )
}

/** A suite that the seal changes, on the way to its Release. */
interface ChangingSuite {
  readonly suite: Suite
  readonly before: SuiteMaps
  readonly touched: readonly TouchedMap[]
}

async function build(context: SealContext, archive: Archive, plan: SealPlan, now: Micros) {
  if (!changesAnything(plan)) return { suites: [], pack: undefined, newChunks: [] }
  const changing = await changingSuites(context.database, plan)
  const planned: PlannedMap[] = []
  for (const { suite, before, touched } of changing) {
    for (const map of touched) planned.push(await planMap(context, plan, suite, before, map))
  }
  const { pack, newChunks, maps } = await context.indexes.pack(archive.id, planned)

  const release: ReleaseContext = {
    signer: await context.keys.signer(archive.id),
    url: await context.urlOf(archive.id),
    now,
  }
  const suites: SealedSuite[] = []
  let next = 0
  for (const { suite, before, touched } of changing) {
    const built = maps.slice(next, next + touched.length)
    next += touched.length
    suites.push(await sealSuite(context, release, suite, before, built))
  }
  return { suites, pack, newChunks }
}

async function changingSuites(database: Database, plan: SealPlan): Promise<ChangingSuite[]> {
  const changing: ChangingSuite[] = []
  for (const suite of plan.suites.all) {
    const touched = mergeTouched(plan.effects.filter((effect) => effect.suite.name === suite.name))
    const isSet = plan.settings.some((change) => change.suite === suite.name)
    if (touched.length === 0 && !isSet) continue
    changing.push({ suite, touched, before: await currentMaps(database.read, suite.id) })
  }
  return changing
}

function mergeTouched(effects: readonly Effect[]): TouchedMap[] {
  const merged = new Map<string, TouchedMap>()
  for (const map of effects.flatMap((effect) => [...effect.touched.values()])) {
    const name = placeKey(map.place)
    const keys = merged.get(name)?.keys
    if (keys === undefined) merged.set(name, map)
    else for (const key of map.keys) keys.add(key)
  }
  return [...merged.values()]
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

/** Finds the indexes that differ from those listed so far, and signs a Release over all. */
async function sealSuite(
  context: SealContext,
  release: ReleaseContext,
  suite: Suite,
  before: SuiteMaps,
  built: readonly BuiltMap[],
): Promise<SealedSuite> {
  const maps = new Map<string, readonly Chunk[]>(built.map((map) => [placeKey(map.place), map.chunks]))
  for (const [name, { mapId }] of before) {
    if (!maps.has(name)) maps.set(name, await context.chunks.ofMap(mapId))
  }
  const places = [...[...before.values()].map((map) => map.place), ...built.map((map) => map.place)]
  const layout = layoutOf(
    suite.settings,
    places.filter((place) => (maps.get(placeKey(place)) ?? []).length > 0),
  )
  const listed = await listedIndexes(context.database.read, suite.id)
  const changedPlaces = new Set(built.map((map) => placeKey(map.place)))
  const isChanged = (index: IndexPath): boolean =>
    !listed.has(index.path) || index.places.some((place) => changedPlaces.has(placeKey(place)))
  const fresh = await context.indexes.digest(
    layout.indexes.filter(isChanged),
    (place: Place) => maps.get(placeKey(place)) ?? [],
  )
  const freshPaths = new Map<string, BuiltIndex>(fresh.map((index) => [index.path, index]))
  const staying = new Set(layout.indexes.filter((index) => !isChanged(index)).map((index) => index.path))
  const isStaying = (path: string): boolean => staying.has(path.replace(/\.(?:xz|gz|zst)$/, ''))
  const indexes = [
    ...fresh,
    ...[...listed.values()].filter((index) => !freshPaths.has(index.path) && isStaying(index.path)),
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const gone = [...listed.keys()].filter((path) => !freshPaths.has(path) && !isStaying(path))

  await context.faults.reach('seal.sign')
  const { components, architectures } = layout
  const issues = await signReleases(context.database, release, suite, { components, architectures, indexes })
  return { suite, built, indexes: fresh, gone, issues }
}
