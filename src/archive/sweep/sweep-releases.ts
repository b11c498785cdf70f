import type { Sweep } from './sweep-context.ts'

const ROWS_PER_STEP = 500

/** Sweeps what the Releases of expired revisions listed, the maps of then, and the Releases themselves. */
export async function sweepReleases(sweep: Sweep): Promise<{ listings: number; releases: number }> {
  let listings = 0
  let releases = 0
  for (const suiteId of sweep.suiteIds) {
    listings += await sweepEnded(sweep, 'release_index', suiteId)
    listings += await sweepEnded(sweep, 'suite_map', suiteId)
    releases += await sweepIssues(sweep, suiteId)
  }
  return { listings, releases }
}

/** Rows that ended when the oldest retained revision, or one before it, was sealed. */
async function sweepEnded(sweep: Sweep, table: 'release_index' | 'suite_map', suiteId: number): Promise<number> {
  const { database, retainedFrom } = sweep
  for (let removed = 0; ;) {
    const ended = await database.read
      .selectFrom(table)
      .select('until_revision')
      .where('suite_id', '=', suiteId)
      .where('until_revision', '<=', retainedFrom)
      .orderBy('until_revision')
      .limit(ROWS_PER_STEP)
      .execute()
    const until = ended.at(-1)?.until_revision
    if (until === undefined) return removed
    await sweep.step()
    // All that ended with one revision go together: not more than a suite has indexes.
    const { numDeletedRows } = await database.write((trx) =>
      trx
        .deleteFrom(table)
        .where('suite_id', '=', suiteId)
        .where('until_revision', '<=', until)
        .executeTakeFirstOrThrow(),
    )
    removed += Number(numDeletedRows)
  }
}

/**
 * Empties the Releases that no retained revision resolves to: each resolves to the newest issue at or before it. That
 * there was one, and its date, stays on record: it tells which revisions changed the suite, and that the bytes of two
 * Releases of one second were served at one address.
 */
async function sweepIssues(sweep: Sweep, suiteId: number): Promise<number> {
  const { database, retainedFrom } = sweep
  const oldest = await database.read
    .selectFrom('release_issue')
    .select('revision')
    .where('suite_id', '=', suiteId)
    .where('revision', '<=', retainedFrom)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (oldest === undefined) return 0
  let removed = 0
  for (let last = 0; ;) {
    const issues = await database.read
      .selectFrom('release_issue')
      .select('revision')
      .where('suite_id', '=', suiteId)
      .where('revision', '>', last)
      .where('revision', '<', oldest.revision)
      .where('clear_signature', '!=', '')
      .orderBy('revision')
      .limit(ROWS_PER_STEP)
      .execute()
    last = issues.at(-1)?.revision ?? last
    if (issues.length === 0) return removed
    await sweep.step()
    const { numUpdatedRows } = await database.write((trx) =>
      trx
        .updateTable('release_issue')
        .set({ release: new Uint8Array(), clear_signature: '', detached_signature: '' })
        .where('suite_id', '=', suiteId)
        .where('revision', '>=', issues[0]?.revision ?? last)
        .where('revision', '<=', last)
        .where('clear_signature', '!=', '')
        .executeTakeFirstOrThrow(),
    )
    removed += Number(numUpdatedRows)
  }
}
