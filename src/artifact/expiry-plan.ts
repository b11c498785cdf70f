/** The plan of what expires, in the working table `expiring_artifact`, so that it may be larger than memory. */
import type { Kysely } from 'kysely'
import type { Database } from '../database/database.ts'
import { isForeignKeyViolation } from '../database/foreign-key-violation.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { dueAmong, ruleOf, ruleText, type ArtifactExpiryOptions } from './expiry-rule.ts'

const ARTIFACTS_PER_STEP = 1000

/** An artifact that is about to expire. */
export interface ArtifactExpiry {
  readonly artifactId: number
  /** `scope/name` */
  readonly workspace: string
  readonly category: string
  readonly files: number
  /** Of its files; others may have the same. */
  readonly bytes: number
  /** Why, as a sentence without its full stop. */
  readonly rule: string
}

/**
 * The artifacts that may expire at a time of the database's clock: those that relate to another before that one, so that
 * they can be removed in this order.
 */
export async function* planArtifactExpiry(
  database: Database,
  now: Micros,
  options: ArtifactExpiryOptions = {},
): AsyncGenerator<ArtifactExpiry, void, undefined> {
  await clearPlan(database)
  await planDue(database, now, options)
  while ((await keepWhatIsNeeded(database, options)) > 0);
  for (let last = Number.MAX_SAFE_INTEGER; ;) {
    options.signal?.throwIfAborted()
    const page = await plannedBefore(database.read, last, options)
    yield* page
    last = page.at(-1)?.artifactId ?? last
    if (page.length < ARTIFACTS_PER_STEP) return
  }
}

async function clearPlan(database: Database): Promise<void> {
  for (;;) {
    const rows = await database.read
      .selectFrom('expiring_artifact')
      .select('artifact_id')
      .limit(ARTIFACTS_PER_STEP)
      .execute()
    if (rows.length === 0) return
    const ids = rows.map((row) => row.artifact_id)
    await database.write((trx) => trx.deleteFrom('expiring_artifact').where('artifact_id', 'in', ids).execute())
  }
}

async function planDue(database: Database, now: Micros, options: ArtifactExpiryOptions): Promise<void> {
  for (let last = 0; ;) {
    options.signal?.throwIfAborted()
    // Pages of all artifacts, so that a search for few among many is never one long statement.
    const page = await database.read
      .selectFrom('artifact')
      .select('id')
      .where('id', '>', last)
      .orderBy('id')
      .limit(ARTIFACTS_PER_STEP)
      .execute()
    const ids = page.map((row) => row.id)
    await planSome(database, ids, now, options)
    last = ids.at(-1) ?? last
    if (page.length < ARTIFACTS_PER_STEP) return
  }
}

async function planSome(
  database: Database,
  ids: readonly number[],
  now: Micros,
  options: ArtifactExpiryOptions,
): Promise<void> {
  const due = ids.length === 0 ? [] : await dueAmong(database.read, ids, now, options).execute()
  if (due.length === 0) return
  const rows = due.map((row) => ({ artifact_id: row.id, rule: ruleOf(row) }))
  try {
    await database.write((trx) =>
      trx
        .insertInto('expiring_artifact')
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute(),
    )
  } catch (error) {
    // One of them was deleted meanwhile.
    if (!isForeignKeyViolation(error)) throw error
    await planSome(database, ids, now, options)
  }
}

/**
 * Takes from the plan what an artifact outside of it relates to. To be repeated until nothing more is taken: then
 * everything that is left is needed by nothing but what is left, also where artifacts relate to each other in a circle.
 *
 * @returns how many were taken
 */
async function keepWhatIsNeeded(database: Database, options: ArtifactExpiryOptions): Promise<number> {
  let kept = 0
  // An artifact relates to older ones as a rule; from the newest to the oldest one pass is enough then.
  for (let last = Number.MAX_SAFE_INTEGER; ;) {
    options.signal?.throwIfAborted()
    const page = await database.read
      .selectFrom('expiring_artifact')
      .select('artifact_id')
      .where('artifact_id', '<', last)
      .orderBy('artifact_id', 'desc')
      .limit(ARTIFACTS_PER_STEP)
      .execute()
    const ids = page.map((row) => row.artifact_id)
    let taken = ids.length
    while (taken > 0) {
      taken = await takeNeeded(database, ids)
      kept += taken
    }
    last = ids.at(-1) ?? last
    if (page.length < ARTIFACTS_PER_STEP) return kept
  }
}

async function takeNeeded(database: Database, ids: readonly number[]): Promise<number> {
  const needed = await database.read
    .selectFrom('artifact_relation')
    .innerJoin('expiring_artifact as target', 'target.artifact_id', 'artifact_relation.target_id')
    .leftJoin('expiring_artifact as source', 'source.artifact_id', 'artifact_relation.artifact_id')
    .select('artifact_relation.target_id as id')
    .distinct()
    .where('artifact_relation.target_id', 'in', [...ids])
    .where('artifact_relation.type', '!=', 'copied-from')
    .where('source.artifact_id', 'is', null)
    .execute()
  if (needed.length === 0) return 0
  const neededIds = needed.map((row) => row.id)
  await database.write((trx) => trx.deleteFrom('expiring_artifact').where('artifact_id', 'in', neededIds).execute())
  return needed.length
}

async function plannedBefore(
  db: Kysely<Tables>,
  last: number,
  options: ArtifactExpiryOptions,
): Promise<ArtifactExpiry[]> {
  const rows = await db
    .selectFrom('expiring_artifact')
    .innerJoin('artifact', 'artifact.id', 'expiring_artifact.artifact_id')
    .innerJoin('workspace', 'workspace.id', 'artifact.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['artifact.id', 'artifact.category', 'artifact.completed_at', 'artifact.expire_after_seconds'])
    .select(['workspace.expire_after_seconds as default_seconds', 'workspace.name', 'scope.name as scope'])
    .where('expiring_artifact.artifact_id', '<', last)
    .orderBy('expiring_artifact.artifact_id', 'desc')
    .limit(ARTIFACTS_PER_STEP)
    .execute()
  if (rows.length === 0) return []
  const files = await db
    .selectFrom('artifact_file')
    .select((eb) => [
      'artifact_id',
      eb.fn.countAll<number>().as('files'),
      eb.fn.sum<number | string>('size').as('bytes'),
    ])
    .where(
      'artifact_id',
      'in',
      rows.map((row) => row.id),
    )
    .groupBy('artifact_id')
    .execute()
  const filesOf = new Map(files.map((row) => [row.artifact_id, row]))
  return rows.map((row) => ({
    artifactId: row.id,
    workspace: `${row.scope}/${row.name}`,
    category: row.category,
    files: filesOf.get(row.id)?.files ?? 0,
    bytes: Number(filesOf.get(row.id)?.bytes ?? 0),
    rule: ruleText(ruleOf(row), row.expire_after_seconds ?? row.default_seconds ?? 0, options),
  }))
}
