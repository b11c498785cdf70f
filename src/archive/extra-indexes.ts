/**
 * What a suite has as indexes beside those of its maps: one maker for each kind. Whoever has another kind to add adds
 * its maker to the list here.
 */
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import type { BuiltSuite } from './built-suite.ts'
import { directoryReleases } from './directory-release.ts'
import { pathsOf } from './index-forms.ts'
import { layoutOf, type SuiteLayout } from './index-paths.ts'
import { pdiffs } from './pdiffs/pdiffs.ts'
import type { RawIndex } from './raw-index.ts'
import { mapsAt } from './release-table.ts'
import type { SealContext } from './seal-context.ts'
import type { Suite } from './suite-table.ts'
import { rawTaken, takenIndexes } from './taken-indexes.ts'

/** A suite as it was at a revision. */
interface PastSuite {
  readonly suite: Suite
  readonly layout: SuiteLayout
}

interface Maker {
  /**
   * All raw indexes of this kind that the suite is to have; what no maker names goes. One whose bytes cost nothing to make
   * may be given as bytes each time: only other bytes than those of now are packed.
   */
  make(context: SealContext, suite: BuiltSuite): readonly RawIndex[] | Promise<readonly RawIndex[]>
  /** The bytes that it made for a path at a revision, if that is of its kind and can still be told. */
  remake(past: PastSuite, path: string): Uint8Array | undefined | Promise<Uint8Array | undefined>
}

const releases: Maker = {
  make: (_context, { suite, layout }) =>
    directoryReleases(suite.settings, layout).map(({ path, text }) => ({
      kind: 'bytes',
      path,
      listed: true,
      bytes: Buffer.from(text),
    })),
  remake({ suite, layout }, path) {
    const release = directoryReleases(suite.settings, layout).find((one) => one.path === path)
    return release && Buffer.from(release.text)
  },
}

const patches: Maker = {
  make: pdiffs,
  // A lost patch is not made again: it leaves its index (rebuild-pdiffs.ts).
  remake: () => undefined,
}

/** What a mirrored suite has as its upstream has it. */
const taken: Maker = {
  make: async ({ database }, { suite, taken: fresh }) =>
    rawTaken(fresh ?? (await takenIndexes(database.read, suite.id))),
  // Only upstream can tell.
  remake: () => undefined,
}

const makers: readonly Maker[] = [releases, patches, taken]

/** All raw indexes that the suite is to have; what it makes of its own packages goes before what it takes over. */
export async function extraIndexes(context: SealContext, suite: BuiltSuite): Promise<RawIndex[]> {
  const own = new Set(suite.layout.indexes.flatMap(pathsOf))
  const made = new Map<string, RawIndex>()
  for (const maker of makers) {
    for (const raw of await maker.make(context, suite)) {
      if (!own.has(raw.path) && !made.has(raw.path)) made.set(raw.path, raw)
    }
  }
  return [...made.values()]
}

/** What a raw index of a suite was at a revision, made again where that is possible; its digest has still to be compared. */
export async function remadeIndex(
  db: Kysely<Tables>,
  suite: Suite,
  revision: number,
  path: string,
): Promise<Uint8Array | undefined> {
  const maps = [...(await mapsAt(db, suite.id, revision)).values()]
  const used = maps.filter((map) => map.entries > 0).map((map) => map.place)
  const past = { suite, layout: layoutOf(suite.settings, used) }
  for (const maker of makers) {
    const bytes = await maker.remake(past, path)
    if (bytes !== undefined) return bytes
  }
  return undefined
}
