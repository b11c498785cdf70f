/** Where the copies of files are, as a view may see it. */
import type { Kysely } from 'kysely'
import type { FileCopyTable, FileStoreTable, Micros, Tables } from '../database/schema.ts'
import type { View } from './view.ts'

export interface WhyCopy {
  readonly store: string
  readonly state: FileCopyTable['state']
  /** Null within a workspace: it would tell how often others have had the file. */
  readonly generation: number | null
  /** Since when it is in that state, and by which rule; null of a present one. */
  readonly since: Micros | null
  readonly reason: string | null
  /** When its bytes were last read back; null also if that was before the workspace had the file. */
  readonly verifiedAt: Micros | null
}

/** A copy as it is recorded. */
interface Recorded extends WhyCopy {
  readonly fileId: number
  readonly kind: FileStoreTable['kind']
}

/** The copies of the files that the view is told of, by file. */
export async function copiesSeen(
  db: Kysely<Tables>,
  fileIds: readonly number[],
  view: View,
): Promise<Map<number, WhyCopy[]>> {
  let query = db
    .selectFrom('file_copy')
    .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
    .select(['file_copy.file_id as fileId', 'file_store.name as store', 'file_copy.state', 'file_copy.generation'])
    .select('file_store.kind')
    .select(['state_at as since', 'state_reason as reason', 'verified_at as verifiedAt'])
    .where('file_copy.file_id', 'in', [...fileIds])
    .orderBy('file_store.name')
    .orderBy('file_copy.generation')
  if (view.kind === 'workspace') {
    const { scopeId } = view.workspace
    query = query.where((eb) => eb.or([eb('file_store.scope_id', 'is', null), eb('file_store.scope_id', '=', scopeId)]))
  }
  const copies: readonly Recorded[] = await query.execute()
  const told = view.kind === 'instance' ? copies : await toldTo(db, view.workspace, fileIds, copies)
  const byFile = Map.groupBy(told, (copy) => copy.fileId)
  return new Map(
    Array.from(byFile, ([fileId, here]) => [
      fileId,
      here.map(({ fileId: _fileId, kind: _kind, ...copy }): WhyCopy => copy),
    ]),
  )
}

/** What happened to copies before the workspace had the file, or by rules of others, would tell that another had it. */
async function toldTo(
  db: Kysely<Tables>,
  { id, scope }: Extract<View, { kind: 'workspace' }>['workspace'],
  fileIds: readonly number[],
  copies: readonly Recorded[],
): Promise<Recorded[]> {
  const heldFrom = await heldSince(db, fileIds, id)
  return copies.flatMap((copy) => {
    const held = heldFrom.get(copy.fileId) ?? Infinity
    // What an index of a mirror claims tells where it lies upstream, and not whether another has it here.
    if (held === Infinity && copy.kind !== 'remote') return []
    if (copy.state !== 'present' && (copy.since ?? 0) < held) return []
    const verifiedAt = copy.verifiedAt !== null && copy.verifiedAt >= held ? copy.verifiedAt : null
    return [{ ...copy, generation: null, reason: reasonFor(scope, copy), verifiedAt }]
  })
}

/** Reasons that are the same for every scope. */
const commonReasons: ReadonlySet<string> = new Set([
  'nothing needs it',
  'it was purged',
  'the file was purged',
  'the file has expired',
  'it was damaged, and nothing needs it',
  'it was damaged, and is replaced',
])

/** What is not known to tell nothing of another scope is not passed on. */
function reasonFor(scope: string, { state, reason }: Recorded): string | null {
  if (reason === null || state === 'damaged' || commonReasons.has(reason)) return reason
  if (reason.startsWith(`${scope} is above its soft maximum in `)) return reason
  return 'it is on its way out by a policy of the store'
}

/** Since when the workspace has, or had, the bytes of the files; what was only announced is not had. */
async function heldSince(
  db: Kysely<Tables>,
  fileIds: readonly number[],
  workspaceId: number,
): Promise<Map<number, Micros>> {
  const artifacts = db
    .selectFrom('artifact_file')
    .crossJoin('artifact')
    .select('artifact_file.file_id as fileId')
    .select((eb) => eb.fn.min<Micros | null>('artifact.completed_at').as('since'))
    .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
    .where('artifact_file.file_id', 'in', [...fileIds])
    .where('artifact.workspace_id', '=', workspaceId)
    .groupBy('artifact_file.file_id')
  const revisions = db
    .selectFrom('archive')
    .innerJoin('revision', 'revision.archive_id', 'archive.id')
    .where('archive.workspace_id', '=', workspaceId)
  const poolNames = revisions
    .innerJoin('change', (join) =>
      join
        .onRef('change.archive_id', '=', 'revision.archive_id')
        .onRef('change.revision', '=', 'revision.number')
        .on('change.state', '=', 'sealed'),
    )
    .innerJoin('pool_name', 'pool_name.change_id', 'change.id')
    .select('pool_name.file_id as fileId')
    .select((eb) => eb.fn.min<Micros | null>('revision.sealed_at').as('since'))
    .where('pool_name.file_id', 'in', [...fileIds])
    .where((eb) =>
      eb.or([
        eb('pool_name.claimed', '=', 0),
        eb.exists(
          eb
            .selectFrom('archive_file')
            .select('archive_file.file_id')
            .whereRef('archive_file.archive_id', '=', 'pool_name.archive_id')
            .whereRef('archive_file.file_id', '=', 'pool_name.file_id'),
        ),
      ]),
    )
    .groupBy('pool_name.file_id')
  const packs = revisions
    .select((eb) => eb.ref('revision.pack_file_id').as('fileId'))
    .select((eb) => eb.fn.min<Micros | null>('revision.sealed_at').as('since'))
    .where('revision.pack_file_id', 'in', [...fileIds])
    .groupBy('revision.pack_file_id')
  const indexes = db
    .selectFrom('index_file')
    .innerJoin('archive', 'archive.id', 'index_file.archive_id')
    .select('index_file.file_id as fileId')
    .select((eb) => eb.fn.min<Micros | null>('index_file.created_at').as('since'))
    .where('index_file.file_id', 'in', [...fileIds])
    .where('archive.workspace_id', '=', workspaceId)
    .groupBy('index_file.file_id')
  const since = new Map<number, Micros>()
  for (const query of [artifacts, poolNames, packs, indexes]) {
    for (const row of await query.execute()) {
      if (row.fileId === null || row.since === null) continue
      since.set(row.fileId, Math.min(row.since, since.get(row.fileId) ?? Infinity))
    }
  }
  return since
}
