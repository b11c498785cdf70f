/** Suites that follow one of another repository: what is in them, upstream alone decides. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import type { ChangeRequest, StepRequest } from './change-request.ts'
import type { Suites } from './suite-table.ts'

const changesPackages: ReadonlySet<StepRequest['kind']> = new Set(['add', 'remove', 'edit', 'copy', 'rollback'])

/** @throws AshlarError conflict for a change to the packages of a mirrored suite, which the next update would undo */
export async function refuseChangeOfMirrored(
  db: Kysely<Tables>,
  archiveId: number,
  suites: Suites,
  request: ChangeRequest,
): Promise<void> {
  const steps = request.kind === 'batch' ? request.steps : [request]
  const names = steps.flatMap((step) => {
    if (!changesPackages.has(step.kind) || step.suite === null) return []
    return [suites.find(step.suite)?.name ?? step.suite]
  })
  await refuseMirrored(db, archiveId, names)
}

/** @throws AshlarError conflict if one of the suites is filled by a mirror */
export async function refuseMirrored(db: Kysely<Tables>, archiveId: number, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  const mirror = await db
    .selectFrom('mirror')
    .select(['name', 'suite'])
    .where('archive_id', '=', archiveId)
    .where('suite', 'in', [...new Set(names)])
    .where('removed_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  if (mirror === undefined) return
  throw new AshlarError(
    'conflict',
    `The suite '${mirror.suite}' is filled by the mirror ${mirror.name}; copy its packages to a suite of your own.`,
  )
}
