/** An upload that is to be judged: its .changes, and where the files are that it names. */
import type { Workspace } from '../access/access.ts'
import { bringClaimed } from '../archive/claimed-files.ts'
import { poolDirectory } from '../archive/entry-key.ts'
import type { Suite, Suites } from '../archive/suite-table.ts'
import type { Sha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import type { Storage, StoredFile } from '../storage/storage.ts'

/** A file that came for the upload. */
export interface FoundFile {
  readonly file: StoredFile
  /** Its row, if it waits in the incoming area. */
  readonly waitingId?: number
  readonly md5?: string | null
}

/** Finds a file of a source package by its name and digest in the pool of the archive. */
export type PoolLookup = (
  sourceName: string,
  listed: { readonly name: string; readonly sha256: Sha256 },
) => Promise<StoredFile | undefined>

export interface Submission {
  readonly workspace: Workspace
  readonly suite: Suite
  /** Null for somebody without a token. */
  readonly userId: number | null
  readonly name: string
  readonly changes: StoredFile
  /** Its row, if it waits in the incoming area. */
  readonly changesWaitingId: number | undefined
  readonly bytes: Buffer
  /** The debian:upload that has the files, if there is one already. */
  readonly artifactId: number | undefined
  /** The files with this name that came; they may have different bytes. */
  readonly find: (name: string) => Promise<FoundFile[]>
  readonly pool: PoolLookup
}

/**
 * Only what the archive publishes under that name for that source counts: knowing a digest gives nobody the bytes of
 * something else. What only the index of a mirror tells of comes from its upstream first, as for everybody who asks.
 */
export function poolOf(
  parts: { readonly database: Database; readonly storage: Pick<Storage, 'fetchFrom'> },
  workspace: Workspace,
  suites: Suites,
): PoolLookup {
  const { database } = parts
  const components = [...new Set(suites.all.flatMap((suite) => suite.settings.components))]
  return async (sourceName, { name, sha256 }) => {
    const row = await database.read
      .selectFrom('pool_name')
      .innerJoin('archive', 'archive.id', 'pool_name.archive_id')
      .innerJoin('change', 'change.id', 'pool_name.change_id')
      .innerJoin('file', 'file.id', 'pool_name.file_id')
      .select(['file.id', 'file.size', 'pool_name.claimed', 'pool_name.archive_id as archiveId'])
      .where('archive.workspace_id', '=', workspace.id)
      .where(
        'pool_name.path',
        'in',
        components.map((component) => `${poolDirectory(component, sourceName)}/${name}`),
      )
      .where('change.state', '=', 'sealed')
      .where('file.sha256', '=', sha256)
      .where('file.gone_at', 'is', null)
      .limit(1)
      .executeTakeFirst()
    if (row === undefined) return undefined
    const file = { id: row.id, sha256, sizeBytes: row.size }
    if (row.claimed === 1) await bringClaimed(parts, row.archiveId, file, workspace.scopeId)
    return file
  }
}

/** The proven files of an artifact, by their paths. */
export async function filesOfArtifact(database: Database, artifactId: number): Promise<Map<string, StoredFile>> {
  const rows = await database.read
    .selectFrom('artifact_file')
    .innerJoin('file', 'file.id', 'artifact_file.file_id')
    .select(['artifact_file.path', 'file.id', 'file.sha256', 'file.size'])
    .where('artifact_file.artifact_id', '=', artifactId)
    .where('file.gone_at', 'is', null)
    .execute()
  return new Map(rows.map((row) => [row.path, { id: row.id, sha256: row.sha256 as Sha256, sizeBytes: row.size }]))
}
