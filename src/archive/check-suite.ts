/** Which packages of a suite can be installed from it, perhaps with packages of other suites. */
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import type { InstallabilityChecker } from './installability-checker.ts'
import type { UninstallablePackage } from './installability-worker.ts'
import { mapsAt } from './release-table.ts'
import { inListingOrder, type ItemPosition, type ItemsQuery } from './suite-items.ts'
import type { Suite } from './suite-table.ts'

export interface SuiteCheck {
  readonly architectures: readonly ArchitectureCheck[]
}

/** The packages for one architecture and those for all, on a machine of that architecture. */
export interface ArchitectureCheck {
  readonly architecture: string
  readonly checked: number
  readonly broken: number
  readonly undecided: number
  /** As many as were asked for, of both kinds. */
  readonly packages: readonly UninstallablePackage[]
}

export interface CheckedSuites {
  readonly suite: Suite
  readonly others: readonly Suite[]
  readonly revision: number
  /** The items of the state that is looked at. */
  readonly items: () => ItemsQuery
}

const PAGE = 2000

/** @param architectures those that have packages in the suite, if absent */
export async function checkSuite(
  db: Kysely<Tables>,
  checker: InstallabilityChecker,
  suites: CheckedSuites,
  wish: { readonly architectures?: readonly string[] | undefined; readonly limit: number },
): Promise<SuiteCheck> {
  const architectures = wish.architectures ?? (await architecturesOf(db, suites.suite, suites.revision))
  const checks: ArchitectureCheck[] = []
  for (const architecture of architectures) {
    const membersOf = async (suite: Suite): Promise<number[]> => memberIds(suites.items(), suite.id, architecture)
    const packages = await membersOf(suites.suite)
    const others: number[] = []
    for (const suite of suites.others) others.push(...(await membersOf(suite)))
    const verdicts = await checker.ask({
      architecture,
      packages: Int32Array.from(packages),
      others: Int32Array.from(others),
      wanted: null,
      limit: wish.limit,
    })
    checks.push({
      architecture,
      checked: verdicts.checked,
      broken: verdicts.broken.length,
      undecided: verdicts.undecided.length,
      packages: verdicts.told,
    })
  }
  return { architectures: checks }
}

/** The architectures for which a suite has packages; those that it lists, if it has packages for all only. */
export async function architecturesOf(db: Kysely<Tables>, suite: Suite, revision: number): Promise<readonly string[]> {
  const maps = [...(await mapsAt(db, suite.id, revision)).values()]
  const own = maps.filter(
    ({ place, entries }) => isInstalled(place.kind) && place.architecture !== 'all' && entries > 0,
  )
  const found = [...new Set(own.map(({ place }) => place.architecture))].toSorted()
  return found.length > 0 ? found : suite.settings.architectures
}

/** The packages of a suite that a machine of an architecture may install; udebs and sources are none. */
export async function memberIds(
  items: ItemsQuery,
  suiteId: number,
  architecture: string,
  without: { has(itemId: number): boolean } = new Set<number>(),
): Promise<number[]> {
  const found: number[] = []
  for (let after: ItemPosition | undefined; ;) {
    const rows = await inListingOrder(items, suiteId, after)
      .select(['item.id', 'item.package_id', 'item.component', 'item.map_kind', 'item.architecture', 'item.entry_key'])
      .where('item.map_kind', 'in', ['packages', 'debug'])
      .where('item.architecture', 'in', [architecture, 'all'])
      .limit(PAGE)
      .execute()
    for (const row of rows) if (!without.has(row.id)) found.push(row.package_id)
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return found
    after = {
      component: last.component,
      kind: last.map_kind,
      architecture: last.architecture,
      key: last.entry_key,
      id: last.id,
    }
  }
}

function isInstalled(kind: string): boolean {
  return kind === 'packages' || kind === 'debug'
}
