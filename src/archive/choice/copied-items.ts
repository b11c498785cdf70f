/**
 * Items of another suite of the archive, for a copy: they keep component, overrides and place in the pool. Debug symbols
 * go where the target has them.
 */
import type { Kysely } from 'kysely'
import { AshlarError } from '../../common/errors.ts'
import type { Tables } from '../../database/schema.ts'
import type { PackageChoice } from '../change-request.ts'
import { chosenItems } from './chosen-items.ts'
import { type CopySource, placeOfSymbols, symbolsAmong, symbolsBeside } from './copied-symbols.ts'
import { refusePurged } from '../purged-packages.ts'
import type { WholeItem } from '../suite-items.ts'
import type { Suite, Suites } from '../suite-table.ts'

export type CopiedItem = Omit<WholeItem, 'id' | 'version'>

/** A suite that is copied into, and the others as they are then. */
export interface CopyTarget {
  readonly suite: Suite
  readonly suites: Suites
}

/**
 * In pages.
 *
 * @throws AshlarError not-found for what means nothing; component-unknown; suite-unknown; gone for what was purged
 */
export async function* copiedItems(
  db: Kysely<Tables>,
  source: CopySource,
  target: CopyTarget,
  choice: PackageChoice,
): AsyncGenerator<CopiedItem[], void, undefined> {
  for await (const rows of chosenItems(db, source, choice)) yield await placedIn(db, target, rows)
  for await (const rows of symbolsBeside(db, source, choice)) yield await placedIn(db, target, rows)
}

/** Rows of another suite as they are to be in this one. */
export async function placedIn(
  db: Kysely<Tables>,
  { suite: target, suites }: CopyTarget,
  rows: readonly WholeItem[],
): Promise<CopiedItem[]> {
  await refusePurged(
    db,
    rows.map((row) => row.package_id),
  )
  const symbols = await symbolsAmong(db, rows)
  const forSymbols = symbols.size === 0 ? undefined : placeOfSymbols(suites, target)
  return rows.map(({ id: _id, version, ...row }) => {
    const { suite, kind } =
      forSymbols !== undefined && symbols.has(row.package_id) ? forSymbols : { suite: target, kind: row.map_kind }
    if (!suite.settings.components.includes(row.component)) {
      throw new AshlarError(
        'component-unknown',
        `${row.name} ${version} is in the component '${row.component}', which '${suite.name}' does not have.`,
      )
    }
    return { ...row, suite_id: suite.id, map_kind: kind }
  })
}
