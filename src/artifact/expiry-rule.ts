/** When an artifact's time has come. */
import { sql, type Expression, type ExpressionBuilder, type Kysely, type SqlBool } from 'kysely'
import { durationText } from '../common/duration.ts'
import type { Faults } from '../common/faults.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { itemsHoldingFiles } from './held-items.ts'

/** For how long nobody has to touch an incomplete artifact before it is given up. */
export const INCOMPLETE_AFTER_SECONDS = 7 * 86_400

const MICROS_PER_SECOND = 1_000_000

export interface ArtifactExpiryOptions {
  /** For tests: instead of `INCOMPLETE_AFTER_SECONDS`. */
  readonly incompleteAfterSeconds?: number
  readonly faults?: Faults
  readonly signal?: AbortSignal
}

/** The rules, as the working table names them. */
export type Rule = 'own' | 'workspace' | 'incomplete'

/** Of the artifacts those whose time has come and that no suite holds. */
export function dueAmong(db: Kysely<Tables>, ids: readonly number[], now: Micros, options: ArtifactExpiryOptions) {
  return db
    .selectFrom('artifact')
    .innerJoin('workspace', 'workspace.id', 'artifact.workspace_id')
    .select(['artifact.id', 'artifact.completed_at', 'artifact.expire_after_seconds'])
    .where('artifact.id', 'in', [...ids])
    .where((eb) => eb.or([isOver(now), isGivenUp(eb, now, options)]))
    .where((eb) => eb.not(eb.exists(holders(db))))
}

function isOver(now: Micros): Expression<SqlBool> {
  const seconds = sql<number>`coalesce(artifact.expire_after_seconds, workspace.expire_after_seconds)`
  return sql<SqlBool>`(${seconds} > 0 and artifact.completed_at + ${seconds} * ${sql.lit(MICROS_PER_SECOND)} <= ${now})`
}

function isGivenUp(
  eb: ExpressionBuilder<Tables, 'artifact'>,
  now: Micros,
  options: ArtifactExpiryOptions,
): Expression<SqlBool> {
  const before = now - (options.incompleteAfterSeconds ?? INCOMPLETE_AFTER_SECONDS) * MICROS_PER_SECOND
  const touched = eb
    .selectFrom('upload')
    .select('upload.id')
    .whereRef('upload.artifact_id', '=', 'artifact.id')
    .where('upload.touched_at', '>', before)
  return eb.and([
    eb('artifact.completed_at', 'is', null),
    eb('artifact.created_at', '<=', before),
    eb.not(eb.exists(touched)),
  ])
}

/** The items by which suites of its workspace hold the `artifact` of a query. */
function holders(db: Kysely<Tables>) {
  return itemsHoldingFiles(db)
    .select('item.id')
    .where('artifact_file.artifact_id', '=', sql.ref<number>('artifact.id'))
    .where('archive.workspace_id', '=', sql.ref<number>('artifact.workspace_id'))
}

export function ruleOf(row: {
  readonly completed_at: Micros | null
  readonly expire_after_seconds: number | null
}): Rule {
  if (row.completed_at === null) return 'incomplete'
  return row.expire_after_seconds === null ? 'workspace' : 'own'
}

/** Why it goes, as a sentence without its full stop. */
export function ruleText(rule: Rule, seconds: number, options: ArtifactExpiryOptions): string {
  switch (rule) {
    case 'own':
      return `its own delay of ${durationText(seconds)} is over`
    case 'workspace':
      return `the delay of its workspace, ${durationText(seconds)}, is over`
    case 'incomplete':
      return `it was left incomplete for ${durationText(options.incompleteAfterSeconds ?? INCOMPLETE_AFTER_SECONDS)}`
  }
}
