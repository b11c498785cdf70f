/** Which packages of a suite can be installed from it, perhaps with packages of other suites. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../../common/errors.ts'
import type { Tables } from '../../database/schema.ts'
import type { InstallabilityChecker } from './installability-checker.ts'
import type { UninstallablePackage } from './installability-worker.ts'
import { mapsAt } from '../release-table.ts'
import { inListingOrder, type ItemPosition, type ItemsQuery } from '../suite-items.ts'
import type { Suite } from '../suite-table.ts'

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
  if (wish.architectures !== undefined) await refuseUnknown(db, suites, wish.architectures)
  const architectures = wish.architectures ?? (await architecturesOf(db, suites.suite, suites.revision))
  const checks: ArchitectureCheck[] = []
  for (const architecture of architectures) {
    const membersOf = async (wanted: readonly Suite[]): Promise<Int32Array> => {
      const found: number[] = []
      for (const { id } of wanted) {
        for await (const row of memberRows(suites.items(), id, architecture)) found.push(row.package_id)
      }
      return Int32Array.from(found)
    }
    const [packages, others] = [await membersOf([suites.suite]), await membersOf(suites.others)]
    const verdicts = await checker.ask({ architecture, packages, others, wanted: null, limit: wish.limit })
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

/** A typing error must not pass as a suite that is whole, with its packages for all architectures alone. */
async function refuseUnknown(
  db: Kysely<Tables>,
  { suite, others, revision }: CheckedSuites,
  architectures: readonly string[],
): Promise<void> {
  const known = new Set<string>()
  for (const each of [suite, ...others]) {
    for (const architecture of each.settings.architectures) known.add(architecture)
    for (const architecture of await architecturesOf(db, each, revision)) known.add(architecture)
  }
  const unknown = architectures.find((architecture) => !known.has(architecture))
  if (unknown === undefined || known.size === 0) return
  const names = [...known].toSorted().join(', ')
  throw new AshlarError('not-found', `The suite '${suite.name}' has no architecture '${unknown}'; it has ${names}.`)
}

/**
 * The architectures for which a suite has packages; those that it lists, if it has packages for all only.
 *
 * @param arriving others for which it gets packages
 */
export async function architecturesOf(
  db: Kysely<Tables>,
  suite: Suite,
  revision: number,
  arriving: readonly string[] = [],
): Promise<readonly string[]> {
  const maps = [...(await mapsAt(db, suite.id, revision)).values()]
  const own = maps.filter(
    ({ place, entries }) => isInstalled(place.kind) && place.architecture !== 'all' && entries > 0,
  )
  const found = [...new Set([...own.map(({ place }) => place.architecture), ...arriving])].toSorted()
  return found.length > 0 ? found : suite.settings.architectures
}

/** The items of a suite whose packages a machine of an architecture may install. */
export async function* memberRows(items: ItemsQuery, suiteId: number, architecture: string) {
  for (let after: ItemPosition | undefined; ;) {
    const rows = await inListingOrder(items, suiteId, after)
      .select(['item.id', 'item.package_id', 'item.added_by'])
      .select(['item.component', 'item.map_kind', 'item.architecture', 'item.entry_key'])
      .where('item.map_kind', 'in', ['packages', 'debug'])
      .where('item.architecture', 'in', [architecture, 'all'])
      .limit(PAGE)
      .execute()
    yield* rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    const { component, map_kind: kind, architecture: own, entry_key: key, id } = last
    after = { component, kind, architecture: own, key, id }
  }
}

/** Whether packages of a kind are for machines; those of an installer and sources are not. */
export function isInstalled(kind: string): boolean {
  return kind === 'packages' || kind === 'debug'
}
