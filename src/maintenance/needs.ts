/**
 * Who needs the bytes of files. A scope needs a file if
 *
 * - an artifact of one of its workspaces has it,
 * - it waits for its .changes in the incoming area of one of its suites,
 * - it has chunks or indexes of an archive of its, or is an index that a mirror of its has taken from upstream, or
 * - it belongs to a package that a suite of its has, or had at a revision that is still retained; if only the index of
 *   a mirror tells of it, from when its archive has had it on.
 *
 * What such an index lists before that is *listed* only: where it lies upstream stays on record, and nobody's bytes.
 */
import type { Kysely } from 'kysely'
import { isHeldItem } from '../artifact/held-items.ts'
import type { Tables } from '../database/schema.ts'

export interface NeedsOptions {
  /** Leaves out the artifacts that the plan under way expires. */
  readonly withoutExpiring?: boolean
}

/** Scope ids by file id; files that nobody needs are left out. A few statements, however many files are asked for. */
export async function scopesNeeding(
  db: Kysely<Tables>,
  fileIds: readonly number[],
  options: NeedsOptions = {},
): Promise<Map<number, Set<number>>> {
  const needs = new Map<number, Set<number>>()
  if (fileIds.length === 0) return needs
  const ids = [...fileIds]
  const found = await Promise.all([
    ofArtifacts(db, ids, options),
    ofPacks(db, ids),
    ofIndexes(db, ids),
    ofTaken(db, ids),
    ofSuites(db, ids),
    ofIncoming(db, ids),
  ])
  for (const { file_id: fileId, scope_id: scopeId } of found.flat()) {
    if (fileId === null) continue
    const scopes = needs.get(fileId)
    if (scopes === undefined) needs.set(fileId, new Set([scopeId]))
    else scopes.add(scopeId)
  }
  return needs
}

type Need = { readonly file_id: number | null; readonly scope_id: number }

async function ofArtifacts(db: Kysely<Tables>, ids: number[], { withoutExpiring }: NeedsOptions): Promise<Need[]> {
  // SQLite keeps the order of cross joins: by the files first.
  let query = db
    .selectFrom('artifact_file')
    .crossJoin('artifact')
    .crossJoin('workspace')
    .select(['artifact_file.file_id', 'workspace.scope_id'])
    .distinct()
    .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
    .whereRef('workspace.id', '=', 'artifact.workspace_id')
    .where('artifact_file.file_id', 'in', ids)
  if (withoutExpiring === true) {
    query = query.where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('expiring_artifact')
            .select('expiring_artifact.artifact_id')
            .whereRef('expiring_artifact.artifact_id', '=', 'artifact.id'),
        ),
      ),
    )
  }
  return await query.execute()
}

async function ofPacks(db: Kysely<Tables>, ids: number[]): Promise<Need[]> {
  return await db
    .selectFrom('chunk')
    .crossJoin('archive')
    .crossJoin('workspace')
    .select(['chunk.pack_file_id as file_id', 'workspace.scope_id'])
    .distinct()
    .whereRef('archive.id', '=', 'chunk.archive_id')
    .whereRef('workspace.id', '=', 'archive.workspace_id')
    .where('chunk.pack_file_id', 'in', ids)
    .execute()
}

/** Indexes that are bytes of the files. */
async function ofIndexes(db: Kysely<Tables>, ids: number[]): Promise<Need[]> {
  return await db
    .selectFrom('index_file')
    .crossJoin('archive')
    .crossJoin('workspace')
    .select(['index_file.file_id', 'workspace.scope_id'])
    .distinct()
    .whereRef('archive.id', '=', 'index_file.archive_id')
    .whereRef('workspace.id', '=', 'archive.workspace_id')
    .where('index_file.file_id', 'in', ids)
    .execute()
}

/** What a mirror took as it is counts also while the suite makes that index of its own packages. */
async function ofTaken(db: Kysely<Tables>, ids: number[]): Promise<Need[]> {
  return await db
    .selectFrom('taken_index')
    .crossJoin('suite')
    .crossJoin('archive')
    .crossJoin('workspace')
    .select(['taken_index.file_id', 'workspace.scope_id'])
    .distinct()
    .whereRef('suite.id', '=', 'taken_index.suite_id')
    .whereRef('archive.id', '=', 'suite.archive_id')
    .whereRef('workspace.id', '=', 'archive.workspace_id')
    .where('taken_index.file_id', 'in', ids)
    .execute()
}

async function ofIncoming(db: Kysely<Tables>, ids: number[]): Promise<Need[]> {
  return await db
    .selectFrom('incoming_file')
    .crossJoin('suite')
    .crossJoin('archive')
    .crossJoin('workspace')
    .select(['incoming_file.file_id', 'workspace.scope_id'])
    .distinct()
    .whereRef('suite.id', '=', 'incoming_file.suite_id')
    .whereRef('archive.id', '=', 'suite.archive_id')
    .whereRef('workspace.id', '=', 'archive.workspace_id')
    .where('incoming_file.file_id', 'in', ids)
    .execute()
}

async function ofSuites(db: Kysely<Tables>, ids: number[]): Promise<Need[]> {
  return await db
    .selectFrom('package_file')
    .crossJoin('package')
    .crossJoin('suite_item as item')
    .crossJoin('suite')
    .crossJoin('archive')
    .crossJoin('workspace')
    .select(['package_file.file_id', 'workspace.scope_id'])
    .distinct()
    .whereRef('item.package_id', '=', 'package_file.package_id')
    .whereRef('suite.id', '=', 'item.suite_id')
    .whereRef('archive.id', '=', 'suite.archive_id')
    .whereRef('workspace.id', '=', 'archive.workspace_id')
    .whereRef('package.id', '=', 'package_file.package_id')
    .where('package_file.file_id', 'in', ids)
    .where(isHeldItem)
    .where((eb) =>
      eb.or([
        eb('package.claimed_in', '=', 0),
        eb.exists(
          eb
            .selectFrom('archive_file')
            .select('archive_file.file_id')
            .whereRef('archive_file.archive_id', '=', 'archive.id')
            .whereRef('archive_file.file_id', '=', 'package_file.file_id'),
        ),
      ]),
    )
    .execute()
}

/** Those of the files that suites list by what the index of a mirror claims, whether or not anybody has had them. */
export async function filesListed(db: Kysely<Tables>, fileIds: readonly number[]): Promise<Set<number>> {
  if (fileIds.length === 0) return new Set()
  const rows = await db
    .selectFrom('package_file')
    // SQLite keeps the order of cross joins: by the files first.
    .crossJoin('package')
    .crossJoin('suite_item as item')
    .crossJoin('suite')
    .crossJoin('archive')
    .select('package_file.file_id')
    .distinct()
    .whereRef('package.id', '=', 'package_file.package_id')
    .whereRef('item.package_id', '=', 'package_file.package_id')
    .whereRef('suite.id', '=', 'item.suite_id')
    .whereRef('archive.id', '=', 'suite.archive_id')
    .where('package_file.file_id', 'in', [...fileIds])
    .where('package.claimed_in', '!=', 0)
    .where(isHeldItem)
    .execute()
  return new Set(rows.map((row) => row.file_id))
}
