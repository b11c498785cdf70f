/**
 * Patches by which clients bring an index that they have up to date: `Packages.diff/Index`, and beside it one patch for
 * each change of `Packages` that is not too long ago. apt fetches those that it lacks and applies them one after the other.
 *
 * The index of patches itself is the record of them: each revision's is that of the revision before, with one patch more.
 */
import { hash } from 'node:crypto'
import { AshlarError } from '../../common/errors.ts'
import { type Sha256, parseSha256 } from '../../common/digest.ts'
import {
  type FileDigest,
  parsePdiffIndex,
  type Pdiff,
  pdiffName,
  pdiffSeconds,
  renderPdiffIndex,
} from '../../debian/pdiff-index.ts'
import type { BuiltSuite } from '../built-suite.ts'
import type { Chunk } from '../chunk-table.ts'
import type { IndexPath } from '../index-paths.ts'
import type { RawIndex } from '../raw-index.ts'
import type { SuiteIndex } from '../release-table.ts'
import type { SealContext } from '../seal-context.ts'
import { type Place, placeKey } from '../suite-items.ts'

/** The patches that a suite is to have after a seal, and their indexes. */
export async function pdiffs(context: SealContext, suite: BuiltSuite): Promise<RawIndex[]> {
  if (suite.suite.settings.pdiffs === 0) return []
  const byDirectory = Map.groupBy(suite.now.values(), ({ path }) => path.slice(0, path.lastIndexOf('/') + 1))
  const made: RawIndex[] = []
  for (const index of suite.layout.indexes) {
    made.push(...(await pdiffsOf(context, suite, index, byDirectory.get(directoryOf(index)) ?? [])))
  }
  return made
}

function directoryOf({ path }: IndexPath): string {
  return `${path}.diff/`
}

/** @param have what the directory of the patches has now */
async function pdiffsOf(
  context: SealContext,
  suite: BuiltSuite,
  index: IndexPath,
  have: readonly SuiteIndex[],
): Promise<RawIndex[]> {
  const before = suite.now.get(index.path)
  // Nobody has an index that was empty, and one that is not of maps cannot be compared.
  if (before === undefined || before.isRaw || before.sizeBytes === 0) return []
  const after = suite.texts.find((text) => text.path === index.path) ?? before
  const isChanging = after.sha256 !== before.sha256
  const directory = directoryOf(index)
  const listing = have.find(({ path }) => path === `${directory}Index`)
  const patches = have.filter((one) => one !== listing)
  const usable = usablePatches(suite, patches, suite.suite.settings.pdiffs - (isChanging ? 1 : 0))
  if (!isChanging && usable.size === patches.length) {
    return have.map(({ path, listed }) => ({ kind: 'kept', path, listed }))
  }
  const past = listing === undefined ? [] : await historyIn(context, suite, listing, digestOf(before))
  const kept = past.filter(({ name }) => usable.has(`${directory}${name}.gz`))
  const keptFiles = kept.map(({ name }): RawIndex => ({ kind: 'kept', path: `${directory}${name}.gz`, listed: false }))
  if (!isChanging) return [...indexFile(directory, digestOf(before), kept), ...keptFiles]
  const fresh = await newPatch(context, suite, index, digestOf(before))
  // With a gap in it, no client could go along the row of patches.
  if (fresh === undefined) return []
  const all = [...kept, fresh.pdiff]
  const file: RawIndex = {
    kind: 'bytes',
    path: `${directory}${fresh.pdiff.name}.gz`,
    listed: false,
    bytes: fresh.packed,
  }
  return [...indexFile(directory, digestOf(after), all), ...keptFiles, file]
}

/** Nothing to be listed, so that no client asks, where there is no patch. */
function indexFile(directory: string, current: FileDigest, patches: readonly Pdiff[]): RawIndex[] {
  if (patches.length === 0) return []
  const bytes = Buffer.from(renderPdiffIndex({ current, patches }))
  return [{ kind: 'bytes', path: `${directory}Index`, listed: true, bytes }]
}

/** The paths of those that stay: the newest `most`, and none from a state that has expired. */
function usablePatches({ archive }: BuiltSuite, patches: readonly SuiteIndex[], most: number): Set<string> {
  const retained = patches.filter(({ since }) => since > archive.retainedFrom).map((patch) => patch.path)
  // Their names are in the order of time.
  return new Set(most === 0 ? [] : retained.toSorted().slice(-most))
}

/** The patches that lead to the index of now, as its index of patches has them; none if it is lost. */
async function historyIn(
  context: SealContext,
  { suite, archive }: BuiltSuite,
  listing: SuiteIndex,
  current: FileDigest,
): Promise<readonly Pdiff[]> {
  const file = await context.database.read
    .selectFrom('release_index')
    .innerJoin('index_file', 'index_file.id', 'release_index.index_file_id')
    .innerJoin('file', 'file.id', 'index_file.file_id')
    .select(['file.id', 'file.sha256', 'file.size', 'index_file.file_offset as offset', 'index_file.size as length'])
    .where('release_index.suite_id', '=', suite.id)
    .where('release_index.path', '=', listing.path)
    .where('release_index.until_revision', 'is', null)
    .executeTakeFirstOrThrow()
  const pack = { id: file.id, sha256: digest(file.sha256), sizeBytes: file.size, scopeId: archive.scopeId }
  const piece = { kind: 'stored', pack, offset: file.offset ?? 0, length: file.length } as const
  const text = await orLost(context.patches.read([piece]))
  if (text === undefined) return []
  const index = parsePdiffIndex(text, listing.path)
  return index.current.sha256 === current.sha256 ? index.patches : []
}

/** The patch from the index of now to the new one, if it is of use. */
async function newPatch(
  context: SealContext,
  suite: BuiltSuite,
  index: IndexPath,
  before: FileDigest,
): Promise<{ readonly pdiff: Pdiff; readonly packed: Uint8Array } | undefined> {
  const after = await chunksAfter(context, suite, index)
  const patch = await orLost(context.patches.patch(await chunksBefore(context, suite, index), after, suite.pack))
  const wholeBytes = after.reduce((sum, chunk) => sum + chunk.gzBytes, 0)
  // Who is behind would rather take the whole index.
  if (patch === undefined || patch.packed.length >= wholeBytes) return undefined
  const name = await newName(context, suite, directoryOf(index))
  return {
    pdiff: { name, before, script: fileDigest(patch.script), download: fileDigest(patch.packed) },
    packed: patch.packed,
  }
}

/** Bytes that are lost must not hold up what is published: then there is no patch. */
async function orLost<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof AshlarError && error.code === 'file-corrupt') return undefined
    throw error
  }
}

/** The chunks of which the index of now is made, whatever the settings make of its maps from here on. */
async function chunksBefore({ database, chunks }: SealContext, suite: BuiltSuite, index: IndexPath): Promise<Chunk[]> {
  const { maps } = await database.read
    .selectFrom('release_index')
    .innerJoin('index_file', 'index_file.id', 'release_index.index_file_id')
    .select('index_file.maps_json as maps')
    .where('release_index.suite_id', '=', suite.suite.id)
    .where('release_index.path', '=', index.path)
    .where('release_index.until_revision', 'is', null)
    .executeTakeFirstOrThrow()
  const mapIds = JSON.parse(maps) as number[]
  return (await Promise.all(mapIds.map((id) => chunks.ofMap(id)))).flat()
}

async function chunksAfter({ chunks }: SealContext, suite: BuiltSuite, index: IndexPath): Promise<Chunk[]> {
  const ofPlace = async (place: Place): Promise<readonly Chunk[]> => {
    const built = suite.built.find((map) => placeKey(map.place) === placeKey(place))
    if (built !== undefined) return built.chunks
    const mapId = suite.before.get(placeKey(place))?.mapId
    return mapId === undefined ? [] : chunks.ofMap(mapId)
  }
  return (await Promise.all(index.places.map(ofPlace))).flat()
}

/** After this moment, and after any patch that ever lay there: a name never gets another meaning. */
async function newName({ database }: SealContext, { suite }: BuiltSuite, directory: string): Promise<string> {
  const last = await database.read
    .selectFrom('release_index')
    .select('path')
    .where('suite_id', '=', suite.id)
    .where('path', '>=', `${directory}0`)
    .where('path', '<', `${directory}:`)
    .orderBy('path', 'desc')
    .limit(1)
    .executeTakeFirst()
  const lastSeconds = pdiffSeconds(last?.path.slice(directory.length, -'.gz'.length) ?? '') ?? 0
  return pdiffName(Math.max(Math.floor((await database.now()) / 1_000_000), lastSeconds + 1))
}

function digestOf({ sha256, sizeBytes }: { readonly sha256: string; readonly sizeBytes: number }): FileDigest {
  return { sha256: digest(sha256), sizeBytes }
}

function fileDigest(bytes: Uint8Array): FileDigest {
  return { sha256: digest(hash('sha256', bytes)), sizeBytes: bytes.length }
}

function digest(text: string): Sha256 {
  const parsed = parseSha256(text)
  if (parsed === undefined) throw new Error(`'${text}' is not a SHA-256`)
  return parsed
}
