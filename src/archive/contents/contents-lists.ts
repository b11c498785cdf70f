/**
 * Which packages come into a Contents index and which go from it, with the paths of each as they were kept when it was
 * read (`package_contents`). A package of which nobody here has read the bytes has none, and is in no Contents index.
 */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import { contentsLabel } from '../../debian/contents.ts'
import type { PackagePaths } from './contents-runs.ts'
import { headItems, type HeadView, type ItemsQuery, type ItemsView, type MapKind } from '../suite-items.ts'

/** The packages that an index lists: those of a suite in a component, of one kind, for some architectures. */
export interface Listed {
  readonly suiteId: number
  readonly component: string
  readonly kind: MapKind
  readonly architectures: readonly string[]
}

const PAGE = 500
const NAMES_PER_QUERY = 200
/** A list has a few kilobytes, seldom some megabytes. */
const LISTS_PER_QUERY = 50

/** A package under its label. */
interface Named {
  readonly packageId: number
  readonly label: string
}

/** What an index has to be told to be made anew. */
export async function* pathsOfAll(
  db: Kysely<Tables>,
  { suiteId, component, kind, architectures }: Listed,
  view: ItemsView,
): AsyncGenerator<PackagePaths, void, undefined> {
  for (const architecture of architectures) {
    let last: { readonly key: string; readonly id: number } | undefined
    for (;;) {
      const after = last
      let query = withLabels(view.items())
        .select('item.entry_key')
        .where('item.suite_id', '=', suiteId)
        .where('item.component', '=', component)
        .where('item.map_kind', '=', kind)
        .where('item.architecture', '=', architecture)
        .orderBy('item.entry_key')
        .orderBy('item.id')
        .limit(PAGE)
      if (after !== undefined) {
        query = query
          .where('item.entry_key', '>=', after.key)
          .where((eb) => eb.or([eb('item.entry_key', '>', after.key), eb('item.id', '>', after.id)]))
      }
      const rows = await query.execute()
      yield* pathsOf(db, 'comes', rows.filter((row) => !view.without.has(row.id)).map(named))
      const final = rows.at(-1)
      if (final === undefined || rows.length < PAGE) break
      last = { key: final.entry_key, id: final.id }
    }
  }
}

/**
 * What changes in an index with all packages of some names: of these only what comes, what goes, and what stays under the
 * label of something that goes.
 */
export async function* pathsOfChanged(
  db: Kysely<Tables>,
  listed: Listed,
  view: HeadView,
  names: readonly string[],
): AsyncGenerator<PackagePaths, void, undefined> {
  for (let start = 0; start < names.length; start += NAMES_PER_QUERY) {
    const rows = await withLabels(headItems(db, view.sealing))
      .select(['item.component', 'item.map_kind', 'item.architecture', 'added.revision'])
      .where('item.suite_id', '=', listed.suiteId)
      .where('item.name', 'in', names.slice(start, start + NAMES_PER_QUERY))
      .execute()
    // By the name alone, so that no database reads all of a component for it.
    const here = rows.filter(
      (row) =>
        row.component === listed.component &&
        row.map_kind === listed.kind &&
        listed.architectures.includes(row.architecture),
    )
    const before = distinct(here.filter((row) => row.revision !== null))
    const after = distinct(here.filter((row) => !view.without.has(row.id)))
    const going = [...before].filter(([key]) => !after.has(key)).map(([, one]) => one)
    const labelsGoing = new Set(going.map((one) => one.label))
    const coming = [...after].filter(([key, { label }]) => !before.has(key) || labelsGoing.has(label))
    yield* pathsOf(db, 'goes', going)
    yield* pathsOf(
      db,
      'comes',
      coming.map(([, one]) => one),
    )
  }
}

function withLabels(query: ItemsQuery) {
  return query.select(['item.id', 'item.package_id', 'item.section', 'item.name', 'package.section as ownSection'])
}

function named(row: {
  readonly package_id: number
  readonly section: string | null
  readonly ownSection: string | null
  readonly name: string
}): Named {
  return { packageId: row.package_id, label: contentsLabel(row.section ?? row.ownSection, row.name) }
}

function distinct(rows: readonly Parameters<typeof named>[0][]): Map<string, Named> {
  return new Map(rows.map(named).map((one) => [`${one.packageId} ${one.label}`, one]))
}

async function* pathsOf(
  db: Kysely<Tables>,
  deed: PackagePaths['deed'],
  packages: readonly Named[],
): AsyncGenerator<PackagePaths, void, undefined> {
  for (let start = 0; start < packages.length; start += LISTS_PER_QUERY) {
    const page = packages.slice(start, start + LISTS_PER_QUERY)
    const rows = await db
      .selectFrom('package_contents')
      .select(['package_id', 'paths'])
      .where(
        'package_id',
        'in',
        page.map((one) => one.packageId),
      )
      .execute()
    const lists = new Map(rows.map((row) => [row.package_id, row.paths]))
    for (const { packageId, label } of page) {
      const paths = lists.get(packageId)
      if (paths !== undefined) yield { label, deed, paths }
    }
  }
}
