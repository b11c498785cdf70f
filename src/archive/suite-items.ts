/** What a suite holds: its items, now and at each revision. */
import type { ExpressionBuilder, Kysely, SelectQueryBuilder } from 'kysely'
import type { SuiteItemTable, SuiteMapTable, Tables } from '../database/schema.ts'

export type MapKind = SuiteItemTable['map_kind']

/** Which map of a suite. */
export interface Place {
  readonly component: string
  readonly kind: SuiteMapTable['map_kind']
  readonly architecture: string
}

/** A map whose entries are items. */
export interface ItemPlace extends Place {
  readonly kind: MapKind
}

const itemKinds: readonly string[] = ['packages', 'udeb', 'debug', 'sources'] satisfies MapKind[]

export function isItemPlace(place: Place): place is ItemPlace {
  return itemKinds.includes(place.kind)
}

/** Tells places apart; also their order. */
export function placeKey(place: Place): string {
  return `${place.component} ${place.kind} ${place.architecture}`
}

/** What is sealed, and what the seal under way adds and takes away. */
export interface HeadView {
  /** Changes that are being sealed: their items count. */
  readonly sealing: readonly number[]
  /** Items that count no more. */
  readonly without: { has(itemId: number): boolean }
}

/** A state of suites: the items that count. */
export interface ItemsView {
  readonly items: () => ItemsQuery
  readonly without: { has(itemId: number): boolean }
}

/** The state that the seal under way makes. */
export function viewOf(db: Kysely<Tables>, { sealing, without }: HeadView): ItemsView {
  return { items: () => headItems(db, sealing), without }
}

/** Tables of a query over items: the item, its package, the change that added it, the one that removed it. */
type ItemTables = Tables & {
  item: Tables['suite_item']
  package: Tables['package']
  added: Tables['change']
  removed: Tables['change'] | null
}

const PAGE = 500

/** Items that are sealed and not removed, or added by one of the changes `sealing`. */
export function headItems(
  db: Kysely<Tables>,
  sealing: readonly number[] = [],
): SelectQueryBuilder<
  Tables & { item: Tables['suite_item']; added: Tables['change'] },
  'item' | 'package' | 'added',
  object
> {
  return db
    .selectFrom('suite_item as item')
    .innerJoin('package', 'package.id', 'item.package_id')
    .innerJoin('change as added', 'added.id', 'item.added_by')
    .where('item.removed_by', 'is', null)
    .where((eb) => {
      const sealed = eb('added.revision', 'is not', null)
      return sealing.length === 0 ? sealed : eb.or([sealed, eb('added.id', 'in', [...sealing])])
    })
}

/** Items of the state at a revision. */
export function itemsAt(
  db: Kysely<Tables>,
  revision: number,
): SelectQueryBuilder<
  Tables & { item: Tables['suite_item']; added: Tables['change'] },
  'item' | 'package' | 'added',
  object
> {
  return db
    .selectFrom('suite_item as item')
    .innerJoin('package', 'package.id', 'item.package_id')
    .innerJoin('change as added', 'added.id', 'item.added_by')
    .where('added.revision', '<=', revision)
    .where((eb) => eb.or([eb('item.removed_by', 'is', null), eb.not(eb.exists(removedBy(eb, revision)))]))
}

function removedBy(eb: ExpressionBuilder<ItemTables, 'item'>, revision: number) {
  return eb
    .selectFrom('change as remover')
    .select('remover.id')
    .whereRef('remover.id', '=', 'item.removed_by')
    .where('remover.revision', '<=', revision)
}

export type ItemsQuery = ReturnType<typeof headItems>

/** Where an item stands in the order of a suite's listing, which is that of an index. */
export interface ItemPosition extends ItemPlace {
  readonly key: string
  readonly id: number
}

/** Narrows a query over the items of one suite to those after a position; takes them in order. */
export function inListingOrder(query: ItemsQuery, suiteId: number, after: ItemPosition | undefined): ItemsQuery {
  const ordered = query
    .where('item.suite_id', '=', suiteId)
    .orderBy('item.component')
    .orderBy('item.map_kind')
    .orderBy('item.architecture')
    .orderBy('item.entry_key')
    .orderBy('item.id')
  if (after === undefined) return ordered
  return ordered.where((eb) =>
    eb(
      eb.refTuple('item.component', 'item.map_kind', 'item.architecture', 'item.entry_key', 'item.id'),
      '>',
      eb.tuple(after.component, after.kind, after.architecture, after.key, after.id),
    ),
  )
}

/** The items that a suite has or had of packages with these names. */
export async function itemsNamed(db: Kysely<Tables>, suiteId: number, names: readonly string[]): Promise<number[]> {
  // Step by step, since a planner would rather read all of the suite in its order.
  const packages = await db
    .selectFrom('package')
    .select('id')
    .where('name', 'in', [...names])
    .execute()
  const found: number[] = []
  for (let start = 0; start < packages.length; start += PAGE) {
    const ids = packages.slice(start, start + PAGE).map((row) => row.id)
    const rows = await db.selectFrom('suite_item').select(['id', 'suite_id']).where('package_id', 'in', ids).execute()
    for (const row of rows) if (row.suite_id === suiteId) found.push(row.id)
  }
  return found
}

function wholeItems(query: ItemsQuery) {
  return query
    .select(['item.id', 'item.suite_id', 'item.package_id', 'item.name', 'item.source_name', 'item.component'])
    .select(['item.section', 'item.priority', 'item.map_kind', 'item.architecture', 'item.entry_key', 'item.directory'])
    .select('package.version')
    .limit(PAGE)
}

export type WholeItem = Awaited<ReturnType<ReturnType<typeof wholeItems>['execute']>>[number]

/** The items of a suite that a query finds, as they are recorded, a page at a time. */
export async function* itemPages(query: ItemsQuery, suiteId: number): AsyncGenerator<WholeItem[], void, undefined> {
  let after: ItemPosition | undefined
  for (;;) {
    const rows = await wholeItems(inListingOrder(query, suiteId, after)).execute()
    yield rows
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    const { component, map_kind: kind, architecture, entry_key: key, id } = last
    after = { component, kind, architecture, key, id }
  }
}
