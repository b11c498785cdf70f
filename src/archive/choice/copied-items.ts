/** Items of another suite of the archive, for a copy: they keep component, overrides and place in the pool. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../../common/errors.ts'
import type { Tables } from '../../database/schema.ts'
import type { PackageChoice } from '../change-request.ts'
import { chosenItems, type SuiteView } from './chosen-items.ts'
import { refusePurged } from '../purged-packages.ts'
import type { WholeItem } from '../suite-items.ts'
import type { Suite } from '../suite-table.ts'

export type CopiedItem = Omit<WholeItem, 'id' | 'version'>

/**
 * In pages.
 *
 * @throws AshlarError not-found for what means nothing; component-unknown; gone for what was purged
 */
export async function* copiedItems(
  db: Kysely<Tables>,
  source: SuiteView,
  target: Suite,
  choice: PackageChoice,
): AsyncGenerator<CopiedItem[], void, undefined> {
  for await (const rows of chosenItems(db, source, choice)) yield await placedIn(db, target, rows)
}

/** Rows of another suite as they are to be in this one. */
export async function placedIn(db: Kysely<Tables>, target: Suite, rows: readonly WholeItem[]): Promise<CopiedItem[]> {
  await refusePurged(
    db,
    rows.map((row) => row.package_id),
  )
  for (const row of rows) {
    if (!target.settings.components.includes(row.component)) {
      throw new AshlarError(
        'component-unknown',
        `${row.name} ${row.version} is in the component '${row.component}', which '${target.name}' does not have.`,
      )
    }
  }
  return rows.map(({ id: _id, version: _version, ...row }) => ({ ...row, suite_id: target.id }))
}
