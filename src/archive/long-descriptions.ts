/**
 * The maps with the long descriptions of a component's packages, where a suite keeps them apart: one entry for each name
 * of a package, whatever sources, versions and architectures it has, with what these say.
 *
 * In the order of the names, as Debian's own: so the text of an entry tells its key, and a chunk that is found again by
 * its text has the keys that it had.
 */
import { translationEntry } from '../debian/description.ts'
import type { Entry, KeyRange, SuiteState } from './map-entries.ts'
import type { ItemsQuery, Place } from './suite-items.ts'

const PAGE = 500
const NAMES_PER_QUERY = 200

/** The map with the long descriptions of a component's packages. */
export function translationPlace(component: string): Place {
  return { component, kind: 'translations', architecture: 'en' }
}

/** The entries of the map of a component, in order. */
export async function* translationEntries(
  state: SuiteState,
  component: string,
  range: KeyRange,
): AsyncGenerator<Entry, void, undefined> {
  yield* entriesOf(rowsBetween(state, component, range))
}

/** Those of some names only. */
export async function* translationEntriesNamed(
  state: SuiteState,
  component: string,
  names: readonly string[],
  range: KeyRange,
): AsyncGenerator<Entry, void, undefined> {
  const { from = '', to } = range
  const within = names.filter((name) => name >= from && (to === undefined || name < to)).toSorted()
  for (let start = 0; start < within.length; start += NAMES_PER_QUERY) {
    const some = within.slice(start, start + NAMES_PER_QUERY)
    const rows = await described(state, component).where('item.name', 'in', some).execute()
    yield* entriesOf(rows.filter((row) => !state.view.without.has(row.id)))
  }
}

interface Row {
  readonly name: string
  readonly stanza: string
}

async function* entriesOf(rows: AsyncIterable<Row> | Iterable<Row>): AsyncGenerator<Entry, void, undefined> {
  let current: { readonly key: string; readonly texts: Set<string> } | undefined
  for await (const { name, stanza } of rows) {
    if (current?.key !== name) {
      if (current !== undefined) yield* entryOf(current)
      current = { key: name, texts: new Set() }
    }
    const text = translationEntry(name, stanza)
    if (text !== undefined) current.texts.add(text)
  }
  if (current !== undefined) yield* entryOf(current)
}

function* entryOf({ key, texts }: { readonly key: string; readonly texts: ReadonlySet<string> }): Generator<Entry> {
  if (texts.size > 0) yield { key, text: [...texts].toSorted().join('') }
}

async function* rowsBetween(
  state: SuiteState,
  component: string,
  { from, to }: KeyRange,
): AsyncGenerator<Row, void, undefined> {
  let last: { readonly name: string; readonly id: number } | undefined
  for (;;) {
    let query = described(state, component).limit(PAGE)
    const start = last?.name ?? from
    if (start !== undefined) query = query.where('item.name', '>=', start)
    if (to !== undefined) query = query.where('item.name', '<', to)
    const after = last
    if (after !== undefined) {
      query = query.where((eb) => eb.or([eb('item.name', '>', after.name), eb('item.id', '>', after.id)]))
    }
    const rows = await query.execute()
    for (const row of rows) if (!state.view.without.has(row.id)) yield row
    const final = rows.at(-1)
    if (final === undefined || rows.length < PAGE) return
    last = final
  }
}

/** What a component's packages say of themselves, in the order of their names. */
function described({ suiteId, view }: SuiteState, component: string) {
  const items: ItemsQuery = view.items()
  return items
    .select(['item.id', 'item.name', 'package.stanza'])
    .where('item.suite_id', '=', suiteId)
    .where('item.component', '=', component)
    .where('item.map_kind', '=', 'packages')
    .orderBy('item.name')
    .orderBy('item.id')
}
