/** Deletes an artifact that nothing holds. Its bytes stay until a vacuum finds that nobody needs them. */
import type { Transaction } from 'kysely'
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { itemsHoldingFiles } from './held-items.ts'
import { removeArtifacts } from './remove.ts'

/**
 * @returns the uploads that were under way, whose spooled files are to go too.
 * @throws AshlarError not-found; conflict while a suite, now or in a revision that is retained, or another
 *   artifact's relation holds it
 */
export async function deleteArtifact(database: Database, workspace: Workspace, id: number): Promise<string[]> {
  return await database.write(async (trx) => {
    const artifact = await trx
      .selectFrom('artifact')
      .select('id')
      .where('id', '=', id)
      .where('workspace_id', '=', workspace.id)
      .executeTakeFirst()
    if (artifact === undefined) throw new AshlarError('not-found', `There is no artifact ${id} in this workspace.`)
    await refuseIfRelated(trx, id)
    await refuseIfInSuite(trx, workspace, id)
    return await removeArtifacts(trx, [id])
  })
}

async function refuseIfRelated(trx: Transaction<Tables>, id: number): Promise<void> {
  const holder = await trx
    .selectFrom('artifact_relation')
    .select(['artifact_id', 'type'])
    .where('target_id', '=', id)
    .where('artifact_id', '!=', id)
    .where('type', '!=', 'copied-from')
    .orderBy('artifact_id')
    .limit(1)
    .executeTakeFirst()
  if (holder === undefined) return
  throw new AshlarError('conflict', `The artifact ${holder.artifact_id} holds artifact ${id} (${holder.type}).`)
}

/** Every state of a suite that has not expired stays installable, so what is in one stays. */
async function refuseIfInSuite(trx: Transaction<Tables>, workspace: Workspace, id: number): Promise<void> {
  const holder = await itemsHoldingFiles(trx)
    .select(['suite.name as suite', 'package.name', 'package.version'])
    .where('artifact_file.artifact_id', '=', id)
    .where('archive.workspace_id', '=', workspace.id)
    .limit(1)
    .executeTakeFirst()
  if (holder === undefined) return
  throw new AshlarError(
    'conflict',
    `The suite ${holder.suite} holds ${holder.name} ${holder.version} of artifact ${id}, now or in a revision that has not expired.`,
  )
}
