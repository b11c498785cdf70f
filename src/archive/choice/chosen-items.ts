/** The items of a suite that a choice means. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import type { PackageChoice } from '../change-request.ts'
import { Choice, type Choosable } from './package-choice.ts'
import { itemPages, type ItemsQuery, itemsNamed, type WholeItem } from '../suite-items.ts'
import type { Suite } from '../suite-table.ts'

/** A suite in one of its states. */
export interface SuiteView {
  readonly suite: Suite
  /** What it has then, and other suites have. */
  readonly items: ItemsQuery
  /** Items that count no more. */
  readonly without?: { has(itemId: number): boolean }
}

const IDS_PER_QUERY = 500

/**
 * In pages.
 *
 * @throws AshlarError query-invalid; not-found, at the end, for a part of the choice that means nothing
 */
export async function* chosenItems(
  db: Kysely<Tables>,
  view: SuiteView,
  wish: PackageChoice,
): AsyncGenerator<WholeItem[], void, undefined> {
  const choice = new Choice(wish)
  for await (const page of candidates(db, view, choice.onlyNames)) {
    const rows = page.filter((row) => view.without?.has(row.id) !== true)
    if (!choice.looksInside) {
      yield rows.filter((row) => choice.names(row))
      continue
    }
    const insides = await choosables(db, rows)
    yield rows.filter((row) => {
      const inside = insides.get(row.package_id)
      return inside !== undefined && choice.has(inside)
    })
  }
  choice.requireUsed(view.suite.name)
}

/** All items of a suite, in pages. */
export async function* viewedItems(view: SuiteView): AsyncGenerator<WholeItem[], void, undefined> {
  for await (const page of itemPages(view.items, view.suite.id)) {
    yield page.filter((row) => view.without?.has(row.id) !== true)
  }
}

/** Items by their ids, in pages. */
export async function* itemsOfIds(
  view: SuiteView,
  ids: readonly number[],
): AsyncGenerator<WholeItem[], void, undefined> {
  for (let start = 0; start < ids.length; start += IDS_PER_QUERY) {
    yield* itemPages(view.items.where('item.id', 'in', ids.slice(start, start + IDS_PER_QUERY)), view.suite.id)
  }
}

/** What packages say of themselves, by their ids. */
export async function choosables(
  db: Kysely<Tables>,
  rows: readonly { readonly package_id: number }[],
): Promise<Map<number, Choosable>> {
  if (rows.length === 0) return new Map()
  const found = await db
    .selectFrom('package')
    .select(['id', 'kind', 'name', 'version', 'architecture', 'stanza'])
    .select(['source_name as sourceName', 'source_version as sourceVersion'])
    .where(
      'id',
      'in',
      rows.map((row) => row.package_id),
    )
    .execute()
  return new Map(found.map(({ id, ...row }) => [id, row]))
}

/** The items to choose from; a few packages are found by their names. */
async function* candidates(
  db: Kysely<Tables>,
  view: SuiteView,
  names: readonly string[] | undefined,
): AsyncGenerator<WholeItem[], void, undefined> {
  if (names === undefined || names.length > IDS_PER_QUERY) return yield* itemPages(view.items, view.suite.id)
  yield* itemsOfIds(view, await itemsNamed(db, view.suite.id, names))
}
