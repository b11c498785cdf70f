/**
 * Whose files are: a scope has a file if an artifact of it has, if an archive of its has indexes in it, or if a mirror has
 * fetched it for one, or took it as an index.
 */
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'

/** Ids of files, above `after`. */
export interface FileRange {
  readonly after: number
  readonly upTo: number
}

export interface Owner {
  readonly fileId: number
  readonly scopeId: number
  /** How often the scope would keep it without deduplication. */
  readonly times: number
}

export async function ownersOf(db: Kysely<Tables>, { after, upTo }: FileRange): Promise<Owner[]> {
  const artifacts = db
    .selectFrom('artifact_file')
    .innerJoin('artifact', 'artifact.id', 'artifact_file.artifact_id')
    .innerJoin('workspace', 'workspace.id', 'artifact.workspace_id')
    .select(({ fn }) => [
      'artifact_file.file_id as fileId',
      'workspace.scope_id as scopeId',
      fn.countAll<number>().as('times'),
    ])
    .where('artifact_file.file_id', '>', after)
    .where('artifact_file.file_id', '<=', upTo)
    .groupBy(['artifact_file.file_id', 'workspace.scope_id'])
  const packs = db
    .selectFrom('chunk')
    .innerJoin('archive', 'archive.id', 'chunk.archive_id')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .select(['chunk.pack_file_id as fileId', 'archive.id as archiveId', 'workspace.scope_id as scopeId'])
    .where('chunk.pack_file_id', '>', after)
    .where('chunk.pack_file_id', '<=', upTo)
    .union(
      db
        .selectFrom('revision')
        .innerJoin('archive', 'archive.id', 'revision.archive_id')
        .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
        .select([
          (eb) => eb.ref('revision.pack_file_id').$notNull().as('fileId'),
          'archive.id as archiveId',
          'workspace.scope_id as scopeId',
        ])
        .where('revision.pack_file_id', '>', after)
        .where('revision.pack_file_id', '<=', upTo),
    )
    .union(
      db
        .selectFrom('index_file')
        .innerJoin('archive', 'archive.id', 'index_file.archive_id')
        .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
        .select([
          (eb) => eb.ref('index_file.file_id').$notNull().as('fileId'),
          'archive.id as archiveId',
          'workspace.scope_id as scopeId',
        ])
        .where('index_file.file_id', '>', after)
        .where('index_file.file_id', '<=', upTo),
    )
    .union(
      db
        .selectFrom('archive_file')
        .innerJoin('archive', 'archive.id', 'archive_file.archive_id')
        .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
        .select(['archive_file.file_id as fileId', 'archive.id as archiveId', 'workspace.scope_id as scopeId'])
        .where('archive_file.file_id', '>', after)
        .where('archive_file.file_id', '<=', upTo),
    )
    .union(
      db
        .selectFrom('taken_index')
        .innerJoin('suite', 'suite.id', 'taken_index.suite_id')
        .innerJoin('archive', 'archive.id', 'suite.archive_id')
        .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
        .select([
          (eb) => eb.ref('taken_index.file_id').$notNull().as('fileId'),
          'archive.id as archiveId',
          'workspace.scope_id as scopeId',
        ])
        .where('taken_index.file_id', '>', after)
        .where('taken_index.file_id', '<=', upTo),
    )
  const ofArtifacts = await artifacts.execute()
  const ofPacks = await packs.execute()
  return [
    ...ofArtifacts.flatMap(({ fileId, scopeId, times }) => (fileId === null ? [] : [{ fileId, scopeId, times }])),
    ...ofPacks.map(({ fileId, scopeId }) => ({ fileId, scopeId, times: 1 })),
  ]
}
