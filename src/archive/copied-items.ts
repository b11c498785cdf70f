/** Items of another suite of the archive, for a copy: they keep component, overrides and place in the pool. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import type { PackageSelector } from './change-request.ts'
import { refusePurged } from './purged-packages.ts'
import { meansNothing, Selection } from './selector.ts'
import { itemPages, type ItemsQuery, itemsNamed, type WholeItem } from './suite-items.ts'
import type { Suite } from './suite-table.ts'

/** What is copied from. */
export interface CopySource {
  readonly suite: Suite
  /** What it has, and other suites have. */
  readonly items: ItemsQuery
  /** Items that count no more. */
  readonly without?: { has(itemId: number): boolean }
}

export type CopiedItem = Omit<WholeItem, 'id' | 'version'>

const NAMES = 500

/**
 * In batches.
 *
 * @param selectors undefined copies all
 * @throws AshlarError not-found for a selector that means nothing; component-unknown; gone for what was purged
 */
export async function* copiedItems(
  db: Kysely<Tables>,
  source: CopySource,
  target: Suite,
  selectors: readonly PackageSelector[] | undefined,
): AsyncGenerator<CopiedItem[], void, undefined> {
  const selection = new Selection(selectors)
  for await (const rows of candidates(db, source, selection)) {
    const chosen = rows.filter((row) => source.without?.has(row.id) !== true && selection.has(row))
    await refusePurged(
      db,
      chosen.map((row) => row.package_id),
    )
    for (const row of chosen) {
      if (!target.settings.components.includes(row.component)) {
        throw new AshlarError(
          'component-unknown',
          `${row.name} ${row.version} is in the component '${row.component}', which '${target.name}' does not have.`,
        )
      }
    }
    yield chosen.map(({ id: _id, version: _version, ...row }) => ({ ...row, suite_id: target.id }))
  }
  const missing = selection.unused
  if (missing !== undefined) throw meansNothing(source.suite.name, missing)
}

/** The items to choose from; a few packages are found by their names. */
async function* candidates(
  db: Kysely<Tables>,
  { suite, items }: CopySource,
  { names }: Selection,
): AsyncGenerator<WholeItem[], void, undefined> {
  if (names.length === 0 || names.length > NAMES) return yield* itemPages(items, suite.id)
  const ids = await itemsNamed(db, suite.id, names)
  for (let start = 0; start < ids.length; start += NAMES) {
    yield* itemPages(items.where('item.id', 'in', ids.slice(start, start + NAMES)), suite.id)
  }
}
