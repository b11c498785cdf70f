/**
 * One seal: all changes of an archive that wait become one revision.
 *
 * The holder of the archive's lease plans (seal-plan.ts), rebuilds the maps that change, writes their new chunks as one
 * pack, finds the digests of the indexes, signs a Release for each suite that changed, and commits all of it in one
 * transaction that checks the lease and the head (commit-seal.ts). Until that commit nothing of it can be seen.
 */
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Micros } from '../database/schema.ts'
import { type Archive, archiveById } from './archive-table.ts'
import { stepsOf } from './batch-steps.ts'
import type { ChangeRequest } from './change-request.ts'
import { type ChangingSuite, planSuite } from './changing-suite.ts'
import type { Chunk } from './chunk-table.ts'
import { commitSeal, type SealedSuite } from './commit-seal.ts'
import type { Effect, TouchedMap } from './effect.ts'
import { extraIndexes } from './extra-indexes.ts'
import type { HeldLease } from './held-lease.ts'
import { pathsOf } from './index-forms.ts'
import type { BuiltIndex, BuiltMap, PlannedMap } from './index-builder.ts'
import type { PackWriter } from './pack-writer.ts'
import { type FreshRaw, packRaw, placed, type RawIndex } from './raw-index.ts'
import { refuseChange } from './record-change.ts'
import type { SuiteMaps } from './release-table.ts'
import { type ReleaseContext, signReleases } from './sign-release.ts'
import type { SealContext } from './seal-context.ts'
import { changesAnything, planSeal, type SealPlan, type WaitingChange } from './seal-plan.ts'
import { placeKey } from './suite-items.ts'

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
  const plan = await planSeal(context, archive, lease, waiting)
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

async function build(context: SealContext, archive: Archive, plan: SealPlan, now: Micros) {
  if (!changesAnything(plan)) return { suites: [], pack: undefined, newChunks: [] }
  await using drafts = context.contents.start()
  const changing: ChangingSuite[] = []
  for (const suite of plan.suites.all) {
    const touched = mergeTouched(plan.effects.filter((effect) => effect.suite.name === suite.name))
    const isSet = plan.settings.some((change) => change.suite === suite.name)
    // Who followed the alias to another suite needs a Release that is not older than the last one of that.
    const isNamed = plan.aliases.some((change) => change.suite === suite.name)
    const isTaken = plan.taken.has(suite.name)
    if (touched.length > 0 || isSet || isNamed || isTaken)
      changing.push(await planSuite(context, plan, suite, touched, drafts))
  }
  const planned = changing.flatMap((suite) => suite.planned)
  await using writer = context.indexes.startPack(archive.scopeId)
  const early = newTextBytes(planned) <= EARLY_TEXT_BYTES ? digestTexts(context, changing, planned, writer) : undefined
  // Awaited below; until then a rejection is nobody's.
  early?.catch(() => {})
  const maps = await context.indexes.packMaps(archive.id, planned, writer)
  const texts = await (early ?? digestTexts(context, changing, maps.map(asKept), writer))
  const extras: SuiteExtras[] = []
  for (const [i, suite] of changing.entries()) {
    const built = { archive, built: mapsOf(changing, i, maps), texts: texts[i] ?? [], pack: writer }
    const wanted = await extraIndexes(context, { ...suite, ...built })
    extras.push({ wanted, fresh: await packRaw(context.database.read, archive.id, suite.now, wanted, writer) })
  }
  const pack = await writer.finish()

  const release: ReleaseContext = {
    signer: await context.keys.signer(archive.id),
    url: await context.urlOf(archive.id),
    now,
  }
  const suites: SealedSuite[] = []
  for (const [i, suite] of changing.entries()) {
    const { wanted, fresh } = extras[i] ?? { wanted: [], fresh: [] }
    const raw = { paths: wanted.map(({ path }) => path), fresh: fresh.map((one) => placed(one, pack)) }
    suites.push(
      await sealSuite(
        context,
        release,
        suite,
        mapsOf(changing, i, maps),
        [...(texts[i] ?? []), ...raw.fresh],
        raw.paths,
      ),
    )
  }
  return { suites, pack, newChunks: writer.chunks }
}

/** The raw indexes that a suite is to have, and those of them that are new. */
interface SuiteExtras {
  readonly wanted: readonly RawIndex[]
  readonly fresh: readonly FreshRaw[]
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
  pack: PackWriter,
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
      return context.indexes.digestTexts(changed, (place) => chunks.get(placeKey(place)) ?? [], pack)
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

/**
 * Finds the digests of the compressed indexes, and signs a Release over all.
 *
 * @param ready the new indexes whose digests are known
 * @param raw the paths of all raw indexes that the suite is to have
 */
async function sealSuite(
  context: SealContext,
  release: ReleaseContext,
  changing: ChangingSuite,
  built: readonly BuiltMap[],
  ready: readonly BuiltIndex[],
  raw: readonly string[],
): Promise<SealedSuite> {
  const { suite, before, now, layout, changed } = changing
  const chunks = new Map(built.map((map) => [placeKey(map.place), map.chunks]))
  for (const [name, chunksOf] of await unchangedChunks(context, before, chunks)) chunks.set(name, chunksOf)
  const compressed = await context.indexes.digestCompressed(changed, (place) => chunks.get(placeKey(place)) ?? [])

  const fresh = new Map([...ready, ...compressed].map((index) => [index.path, index]))
  const staying = new Set([...layout.indexes.flatMap(pathsOf), ...raw])
  const kept = [...now.values()].filter((index) => !fresh.has(index.path) && staying.has(index.path))
  const listed = [...fresh.values(), ...kept].filter((index) => index.listed)
  const indexes = listed.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const gone = [...now.keys()].filter((path) => !staying.has(path))

  await context.faults.reach('seal.sign')
  const { components, architectures } = layout
  const issues = await signReleases(context.database, release, suite, { components, architectures, indexes })
  return { suite, built, indexes: [...fresh.values()], gone, issues }
}
