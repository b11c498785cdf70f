/** What the items of a change do to those that a suite has: join them, replace them, or change nothing. */
import { AshlarError } from '../../common/errors.ts'
import { lowerThan } from '../lower-version.ts'
import { olderThan } from './plan-sources.ts'
import type { Effect, PlanState } from '../effect.ts'
import { headItems, type MapKind } from '../suite-items.ts'

interface AddOptions {
  /** Whether other bytes of a version that the suite has take its place; otherwise the change is refused. */
  readonly replaceTwins: boolean
  /** Whether a version below one that the suite has is refused, if the suite says so. */
  readonly mayRefuseLower?: boolean
}

/** An item with what decides how it stands to others of its name. */
interface Candidate {
  readonly id: number
  readonly package_id: number
  readonly added_by: number
  readonly name: string
  readonly source_name: string
  readonly component: string
  readonly section: string | null
  readonly priority: string | null
  readonly map_kind: MapKind
  readonly architecture: string
  readonly entry_key: string
  readonly version: string
  readonly version_key: string
}

const PAGE = 500

/** @returns the sources from which items that came or went are built */
export async function addItems(state: PlanState, effect: Effect, options: AddOptions): Promise<Set<string>> {
  const sources = new Set<string>()
  for (let last = 0; ;) {
    const page = await candidates(state, effect)
      .where('item.added_by', '=', effect.changeId)
      .where('item.id', '>', last)
      .orderBy('item.id')
      .limit(PAGE)
      .execute()
    const peers = await peersOf(state, effect, page)
    for (const item of page) {
      const sameName = peers.get(item.name) ?? []
      if (!effect.has(item.id)) place(effect, item, sameName, options)
      // A package may come from another source than the one whose place it takes.
      for (const peer of sameName) sources.add(peer.source_name)
    }
    last = page.at(-1)?.id ?? last
    if (page.length < PAGE) return sources
  }
}

function candidates(state: PlanState, effect: Effect) {
  return headItems(state.database.read, [...state.sealing, effect.changeId])
    .select(['item.id', 'item.package_id', 'item.added_by', 'item.name', 'item.source_name', 'item.component'])
    .select(['item.section', 'item.priority', 'item.map_kind', 'item.architecture', 'item.entry_key'])
    .select(['package.version', 'package.version_key'])
    .where('item.suite_id', '=', effect.suite.id)
}

/** All items of the same names, those of the change itself included. */
async function peersOf(
  state: PlanState,
  effect: Effect,
  page: readonly Candidate[],
): Promise<Map<string, Candidate[]>> {
  const names = [...new Set(page.map((item) => item.name))]
  if (names.length === 0) return new Map()
  const rows = await candidates(state, effect).where('item.name', 'in', names).execute()
  return Map.groupBy(
    rows.filter((row) => !state.has(row.id)),
    (row) => row.name,
  )
}

function place(effect: Effect, item: Candidate, sameName: readonly Candidate[], options: AddOptions): void {
  const series = sameName.filter((peer) => peer.id !== item.id && sameSeries(peer, item))
  const peers = series.filter((peer) => !effect.has(peer.id))
  const isOwn = (peer: Candidate): boolean => peer.added_by === effect.changeId

  if (peers.some((peer) => isSamePlacement(peer, item) && (!isOwn(peer) || peer.id < item.id))) {
    effect.dropped.add(item.id)
    return
  }
  const newest = effect.suite.settings.versions === 'newest' && item.map_kind !== 'sources'
  // Also one that the suite turned out to have: what comes with a newer version is not asked for by itself.
  if (newest && series.some((peer) => isOwn(peer) && peer.version_key > item.version_key)) {
    effect.dropped.add(item.id)
    return
  }
  const higher = peers.find((peer) => !isOwn(peer) && peer.version_key > item.version_key)
  if (higher !== undefined && options.mayRefuseLower === true && effect.suite.settings.refuseLowerVersions) {
    throw lowerThan(effect.suite.name, item, higher)
  }
  for (const peer of peers) {
    if (peer.package_id === item.package_id) {
      end(effect, peer)
    } else if (peer.version_key === item.version_key) {
      if (!options.replaceTwins) refuseTwin(effect, item)
      end(effect, peer)
    } else if (newest) {
      if (peer.version_key > item.version_key) throw olderThan(effect, item, peer)
      end(effect, peer)
    }
  }
  effect.touch({ component: item.component, kind: item.map_kind, architecture: item.architecture }, item.entry_key)
}

/** Whether one can take the other's place: sources and binaries of one name are different things. */
function sameSeries(a: Candidate, b: Candidate): boolean {
  return a.architecture === b.architecture && (a.map_kind === 'sources') === (b.map_kind === 'sources')
}

function isSamePlacement(a: Candidate, b: Candidate): boolean {
  return (
    a.package_id === b.package_id && a.component === b.component && a.section === b.section && a.priority === b.priority
  )
}

function end(effect: Effect, item: Candidate): void {
  if (item.added_by === effect.changeId) effect.dropped.add(item.id)
  else effect.removed.add(item.id)
  effect.touch({ component: item.component, kind: item.map_kind, architecture: item.architecture }, item.entry_key)
}

function refuseTwin(effect: Effect, item: Candidate): never {
  throw new AshlarError(
    'conflict',
    `The suite '${effect.suite.name}' has ${item.name} ${item.version} (${item.architecture}) with other bytes.`,
  )
}
