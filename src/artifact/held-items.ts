/**
 * What a suite holds: everything of each of its revisions that is still installable, and what a change is about to add.
 *
 * Here rather than with the suites, since an artifact must not go while one of them holds it.
 */
import type { Expression, ExpressionBuilder, Kysely, SqlBool } from 'kysely'
import type { Tables } from '../database/schema.ts'

/**
 * Whether the `item` of a query over the items of an `archive` is held: nothing has removed it, or what removed it is not
 * sealed yet, or it was a member of a revision that is retained.
 *
 * @example db.selectFrom('suite_item as item').innerJoin('suite', …).innerJoin('archive', …).where(isHeldItem)
 */
export function isHeldItem(
  eb: ExpressionBuilder<Tables & { item: Tables['suite_item'] }, 'item' | 'archive'>,
): Expression<SqlBool> {
  const removedBefore = eb
    .selectFrom('change as remover')
    .select('remover.id')
    .whereRef('remover.id', '=', 'item.removed_by')
    // It is a member up to the revision before that of its removal.
    .whereRef('remover.revision', '<=', 'archive.retained_from')
  return eb.or([eb('item.removed_by', 'is', null), eb.not(eb.exists(removedBefore))])
}

/** The held items whose package is one of an artifact's files: to be narrowed to an artifact and its workspace. */
export function itemsHoldingFiles(db: Kysely<Tables>) {
  return (
    db
      .selectFrom('artifact_file')
      .innerJoin('package', 'package.file_id', 'artifact_file.file_id')
      .innerJoin('suite_item as item', 'item.package_id', 'package.id')
      .innerJoin('suite', 'suite.id', 'item.suite_id')
      .innerJoin('archive', 'archive.id', 'suite.archive_id')
      // What a mirror lists is held by its own record, not by an artifact.
      .where('package.claimed_in', '=', 0)
      .where(isHeldItem)
  )
}
