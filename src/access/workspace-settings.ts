/** What the owners of a workspace decide: who may read it, and how long what it has stays. */
import type { Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'

export interface WorkspaceSettings {
  readonly public: boolean
  /** How long artifacts stay that nothing holds and that have no delay of their own; null: for ever. */
  readonly expireAfterSeconds: number | null
  /** How long a revision stays installable after the next one, three days at least; null: for ever. */
  readonly keepRevisionsSeconds: number | null
  /** How long the record of what an expired revision held stays after that; null: for ever. */
  readonly keepHistorySeconds: number | null
}

interface Place {
  readonly id: number
  readonly scope: string
  readonly name: string
}

const smallest = { expireAfterSeconds: 1, keepRevisionsSeconds: 0, keepHistorySeconds: 0 } as const
/** A hundred years: a time that far ahead is still a whole number of microseconds. */
const largestSeconds = 100 * 366 * 86_400

/** @throws AshlarError not-found if it is gone */
export async function readSettings(db: Kysely<Tables>, workspace: Place): Promise<WorkspaceSettings> {
  const row = await db
    .selectFrom('workspace')
    .select(['public', 'expire_after_seconds', 'keep_revisions_seconds', 'keep_history_seconds'])
    .where('id', '=', workspace.id)
    .executeTakeFirst()
  if (row === undefined) {
    throw new AshlarError('not-found', `There is no workspace ${workspace.scope}/${workspace.name} any more.`)
  }
  return {
    public: row.public === 1,
    expireAfterSeconds: row.expire_after_seconds,
    keepRevisionsSeconds: row.keep_revisions_seconds,
    keepHistorySeconds: row.keep_history_seconds,
  }
}

/** Changes what is given. @throws AshlarError request-invalid, not-found */
export async function writeSettings(
  trx: Transaction<Tables>,
  workspace: Place,
  wish: Partial<WorkspaceSettings>,
): Promise<WorkspaceSettings> {
  for (const [name, least] of Object.entries(smallest) as [keyof typeof smallest, number][]) {
    const seconds = wish[name] ?? null
    if (seconds === null || (Number.isSafeInteger(seconds) && seconds >= least && seconds <= largestSeconds)) continue
    throw new AshlarError(
      'request-invalid',
      `${name} is a number of seconds from ${least} to ${largestSeconds}, or null.`,
    )
  }
  // Only what is given, so that two who change different settings at once both do.
  const changes = {
    ...(wish.public !== undefined && { public: wish.public ? (1 as const) : (0 as const) }),
    ...(wish.expireAfterSeconds !== undefined && { expire_after_seconds: wish.expireAfterSeconds }),
    ...(wish.keepRevisionsSeconds !== undefined && { keep_revisions_seconds: wish.keepRevisionsSeconds }),
    ...(wish.keepHistorySeconds !== undefined && { keep_history_seconds: wish.keepHistorySeconds }),
  }
  if (Object.keys(changes).length > 0) {
    await trx.updateTable('workspace').set(changes).where('id', '=', workspace.id).execute()
  }
  return await readSettings(trx, workspace)
}
