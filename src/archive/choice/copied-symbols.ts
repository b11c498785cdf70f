/** Debug symbols of what is copied: which come along, and where they go. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import type { PackageChoice } from '../change-request.ts'
import type { MapKind, WholeItem } from '../suite-items.ts'
import { debugSuiteOf, isDebugSuite } from '../debug-suites.ts'
import type { Suite, Suites } from '../suite-table.ts'
import { choosables, type SuiteView, viewedItems } from './chosen-items.ts'
import { Choice } from './package-choice.ts'

const NAMES_PER_QUERY = 500

/** A suite in one of its states, and the others of that state. */
export interface CopySource extends SuiteView {
  readonly suites: Suites
}

/**
 * What the suite that a suite names for its debug symbols has of a choice, in pages: with sources, or with all of a suite,
 * the symbols of what was built come along; who names packages names those too.
 */
export async function* symbolsBeside(
  db: Kysely<Tables>,
  { suite, suites, items, without }: CopySource,
  { packages, sources, filter }: PackageChoice,
): AsyncGenerator<WholeItem[], void, undefined> {
  const isAll = packages === undefined && sources === undefined && filter === undefined
  const names = (sources ?? []).map((source) => source.name)
  const debug = suites.find(suite.settings.debugSuite ?? '')
  if (debug === undefined || debug.id === suite.id || !(isAll || names.length > 0)) return
  const choice = new Choice(sources === undefined ? {} : { sources })
  // More than a statement can name are looked for among all.
  const built = isAll || names.length > NAMES_PER_QUERY ? items : items.where('item.source_name', 'in', names)
  for await (const page of viewedItems({ suite: debug, items: built, ...(without !== undefined && { without }) })) {
    const symbols = await symbolsAmong(db, page)
    const rows = page.filter((row) => symbols.has(row.package_id))
    const insides = isAll ? undefined : await choosables(db, rows)
    yield rows.filter((row) => {
      const inside = insides?.get(row.package_id)
      return insides === undefined || (inside !== undefined && choice.has(inside))
    })
  }
}

/** Where debug symbols that come into a suite are listed. @throws AshlarError suite-unknown */
export function placeOfSymbols(suites: Suites, target: Suite): { readonly suite: Suite; readonly kind: MapKind } {
  const suite = debugSuiteOf(suites, target) ?? target
  return { suite, kind: isDebugSuite(suites, suite) ? 'packages' : 'debug' }
}

/** Those of the items' packages that are debug symbols. */
export async function symbolsAmong(db: Kysely<Tables>, rows: readonly WholeItem[]): Promise<Set<number>> {
  if (rows.length === 0) return new Set()
  const found = await db
    .selectFrom('package')
    .select('id')
    .where(
      'id',
      'in',
      rows.map((row) => row.package_id),
    )
    .where('debug_symbols', '=', 1)
    .where('kind', '=', 'deb')
    .execute()
  return new Set(found.map((row) => row.id))
}
