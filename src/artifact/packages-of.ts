/** Which packages complete artifacts hold. */
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { PackageTable } from '../database/schema.ts'

export interface PackageRef {
  readonly artifactId: number
  readonly packageId: number
  readonly kind: PackageTable['kind']
  readonly name: string
  readonly version: string
  /** `source` for a source package. */
  readonly architecture: string
  readonly sourceName: string
  readonly sourceVersion: string
  readonly section: string | null
  readonly priority: string | null
  readonly debugSymbols: boolean
}

const holders = new Set(['debian:source-package', 'debian:binary-package', 'debian:binary-packages'])
const idsAtOnce = 4000

/**
 * The packages of the artifacts, in the order in which these are named, then by path.
 * @throws AshlarError not-found, artifact-incomplete, category-invalid
 */
export async function packagesOf(
  database: Database,
  workspace: Workspace,
  artifactIds: readonly number[],
): Promise<PackageRef[]> {
  const found: PackageRef[] = []
  const distinct = [...new Set(artifactIds)]
  for (let start = 0; start < distinct.length; start += idsAtOnce) {
    const ids = distinct.slice(start, start + idsAtOnce)
    await checkHolders(database, workspace, ids)
    const byArtifact = Map.groupBy(await packageRows(database, ids), (row) => row.artifactId)
    for (const id of ids) found.push(...(byArtifact.get(id) ?? []))
  }
  return found
}

async function checkHolders(database: Database, workspace: Workspace, ids: readonly number[]): Promise<void> {
  const rows = await database.read
    .selectFrom('artifact')
    .select(['id', 'category', 'completed_at'])
    .where('workspace_id', '=', workspace.id)
    .where('id', 'in', [...ids])
    .execute()
  const byId = new Map(rows.map((row) => [row.id, row]))
  for (const id of ids) {
    const row = byId.get(id)
    if (row === undefined) throw new AshlarError('not-found', `There is no artifact ${id} in this workspace.`)
    if (!holders.has(row.category)) {
      throw new AshlarError('category-invalid', `The artifact ${id} is of the category ${row.category}: no package.`)
    }
    if (row.completed_at === null) throw new AshlarError('artifact-incomplete', `The artifact ${id} lacks files.`)
  }
}

async function packageRows(database: Database, ids: readonly number[]): Promise<PackageRef[]> {
  const rows = await database.read
    .selectFrom('artifact_file')
    .innerJoin('package', 'package.file_id', 'artifact_file.file_id')
    .select([
      'artifact_file.artifact_id as artifactId',
      'package.id as packageId',
      'package.kind',
      'package.name',
      'package.version',
      'package.architecture',
      'package.source_name as sourceName',
      'package.source_version as sourceVersion',
      'package.section',
      'package.priority',
      'package.debug_symbols as debugSymbols',
    ])
    .where('artifact_file.artifact_id', 'in', [...ids])
    .where('package.claimed_in', '=', 0)
    .orderBy('artifact_file.artifact_id')
    .orderBy('artifact_file.path')
    .execute()
  return rows.map(({ debugSymbols, ...row }) => Object.assign(row, { debugSymbols: debugSymbols === 1 }))
}
