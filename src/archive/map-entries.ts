/** The entries of the maps that list packages: which there are in a state of a suite, and the text of each. */
import { renderPackagesEntry } from '../debian/binary-package.ts'
import { withShortDescription } from '../debian/description.ts'
import { canonicalDebName } from '../debian/names.ts'
import { renderSourcesEntry } from '../debian/source-package.ts'
import type { SuiteSettings } from './settings.ts'
import type { ItemPlace, ItemsView } from './suite-items.ts'

/** An entry of a map: its key and its text. */
export interface Entry {
  readonly key: string
  readonly text: string
}

/** A suite in a state. */
export interface SuiteState {
  readonly suiteId: number
  readonly settings: Pick<SuiteSettings, 'translations'>
  readonly view: ItemsView
}

/** From one key (or the start) up to, not including, another (or the end). */
export interface KeyRange {
  readonly from: string | undefined
  readonly to: string | undefined
}

const PAGE = 500

/** The entries of a map of packages in order, a page at a time. */
export async function* mapEntries(
  state: SuiteState,
  place: ItemPlace,
  range: KeyRange,
): AsyncGenerator<Entry, void, undefined> {
  const isShort = place.kind === 'packages' && state.settings.translations
  for await (const row of rowsOf(state, place, range)) yield { key: row.entry_key, text: entryText(row, isShort) }
}

interface Row {
  readonly id: number
  readonly entry_key: string
  readonly directory: string
  readonly section: string | null
  readonly priority: string | null
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly stanza: string
}

async function* rowsOf(
  { suiteId, view }: SuiteState,
  place: ItemPlace,
  { from, to }: KeyRange,
): AsyncGenerator<Row, void, undefined> {
  let last: { readonly key: string; readonly id: number } | undefined
  for (;;) {
    let query = view
      .items()
      .select(['item.id', 'item.entry_key', 'item.directory', 'item.section', 'item.priority'])
      .select(['package.kind', 'package.name', 'package.version', 'package.architecture', 'package.stanza'])
      .where('item.suite_id', '=', suiteId)
      .where('item.component', '=', place.component)
      .where('item.map_kind', '=', place.kind)
      .where('item.architecture', '=', place.architecture)
      .orderBy('item.entry_key')
      .orderBy('item.id')
      .limit(PAGE)
    const start = last?.key ?? from
    if (start !== undefined) query = query.where('item.entry_key', '>=', start)
    if (to !== undefined) query = query.where('item.entry_key', '<', to)
    const after = last
    if (after !== undefined) {
      query = query.where((eb) => eb.or([eb('item.entry_key', '>', after.key), eb('item.id', '>', after.id)]))
    }
    const rows = await query.execute()
    for (const row of rows) if (!view.without.has(row.id)) yield row
    const final = rows.at(-1)
    if (final === undefined || rows.length < PAGE) return
    last = { key: final.entry_key, id: final.id }
  }
}

/** The stanza of an item in its index. */
function entryText(row: Row, isShort: boolean): string {
  const { stanza, directory, section, priority } = row
  if (row.kind === 'dsc') return renderSourcesEntry({ stanza, directory, section, priority })
  const filename = `${directory}/${canonicalDebName(row.name, row.version, row.architecture, row.kind)}`
  return renderPackagesEntry({ stanza: isShort ? withShortDescription(stanza) : stanza, filename, section, priority })
}
