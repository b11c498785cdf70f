/** Lists artifacts, page by page. */
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { loadArtifacts, type Artifact } from './artifact-rows.ts'

export interface ArtifactFilter {
  readonly category?: string
  /** Only those that hold a package of this name. */
  readonly name?: string
  /** What the page before gave as `next`. */
  readonly after?: string
  /** At most 1000; 100 if it is left out. */
  readonly limit?: number
}

export interface ArtifactPage {
  readonly items: readonly Artifact[]
  readonly next?: string
}

const defaultLimit = 100
const maximumLimit = 1000

/** In the order in which they were created. @throws AshlarError request-invalid */
export async function listArtifacts(
  database: Database,
  workspace: Workspace,
  filter: ArtifactFilter,
): Promise<ArtifactPage> {
  const limit = filter.limit ?? defaultLimit
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > maximumLimit) {
    throw new AshlarError('request-invalid', `limit is a number from 1 to ${maximumLimit}.`)
  }
  const after = filter.after ?? '0'
  if (!/^[0-9]{1,15}$/.test(after)) throw new AshlarError('request-invalid', 'after is not the end of a page.')
  const { category, name } = filter
  const rows = await database.read
    .selectFrom('artifact')
    .select('id')
    .where('workspace_id', '=', workspace.id)
    .where('id', '>', Number(after))
    .$if(category !== undefined, (query) => query.where('category', '=', category ?? ''))
    .$if(name !== undefined, (query) =>
      query.where('id', 'in', (eb) =>
        eb
          .selectFrom('package')
          .innerJoin('artifact_file', 'artifact_file.file_id', 'package.file_id')
          .select('artifact_file.artifact_id')
          .where('package.name', '=', name ?? '')
          .where('package.claimed_in', '=', 0),
      ),
    )
    .orderBy('id')
    .limit(limit + 1)
    .execute()
  const ids = rows.slice(0, limit).map((row) => row.id)
  const artifacts = await loadArtifacts(database.read, ids)
  const items = ids.flatMap((id) => artifacts.get(id) ?? [])
  const last = ids.at(-1)
  return rows.length > limit && last !== undefined ? { items, next: String(last) } : { items }
}
