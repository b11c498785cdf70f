/** Files as an explanation tells of them: where their copies are, and why they are gone. */
import type { Kysely, SelectQueryBuilder } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { FileCopyTable, Micros, Tables } from '../database/schema.ts'
import type { Gone } from './fate.ts'
import type { CopyRow } from './file-pages.ts'
import { mostListed } from './why-holders.ts'
import type { View } from './view.ts'

export interface WhyCopy {
  readonly store: string
  readonly state: FileCopyTable['state']
  readonly generation: number
  /** Since when it is in that state, and by which rule; null of a present one. */
  readonly since: Micros | null
  readonly reason: string | null
  /** When its bytes were last read back; null also if that was before the workspace had the file. */
  readonly verifiedAt: Micros | null
}

export interface WhyFile {
  readonly sha256: Sha256
  /** Null if it is not known: the file was purged before it ever came. */
  readonly sizeBytes: number | null
  readonly gone: Gone | null
  readonly copies: readonly WhyCopy[]
}

/** What is recorded of a file. */
export interface FileFacts {
  readonly id: number
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly createdAt: Micros
  readonly goneAt: Micros | null
  readonly goneReason: 'expired' | 'purged' | null
  readonly copies: readonly CopyRow[]
}

/** SHA-256 of no bytes: the one file whose size is 0. */
const emptyDigest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** The files that `narrow` finds, at most `mostListed`. */
export async function fileFacts(
  db: Kysely<Tables>,
  narrow: (query: SelectQueryBuilder<Tables, 'file', object>) => SelectQueryBuilder<Tables, 'file', object>,
): Promise<FileFacts[]> {
  const files = await narrow(db.selectFrom('file'))
    .select(['file.id', 'file.sha256', 'file.size', 'file.created_at', 'file.gone_at', 'file.gone_reason'])
    .orderBy('file.id')
    .limit(mostListed)
    .execute()
  if (files.length === 0) return []
  const copies = await db
    .selectFrom('file_copy')
    .select(['file_id', 'store_id as storeId', 'generation', 'state', 'kept_at as keptAt', 'used_at as usedAt'])
    .select(['state_at as stateAt', 'verified_at as verifiedAt'])
    .where(
      'file_id',
      'in',
      files.map((file) => file.id),
    )
    .orderBy('store_id')
    .orderBy('generation')
    .execute()
  const copiesOf = Map.groupBy(copies, (copy) => copy.file_id)
  return files.map((file) => ({
    id: file.id,
    // The digest was checked when the row was written.
    sha256: file.sha256 as Sha256,
    sizeBytes: file.size,
    createdAt: file.created_at,
    goneAt: file.gone_at,
    goneReason: file.gone_reason,
    copies: copiesOf.get(file.id) ?? [],
  }))
}

/** The files as the view may see them. */
export async function whyFiles(db: Kysely<Tables>, files: readonly FileFacts[], view: View): Promise<WhyFile[]> {
  if (files.length === 0) return []
  const copies = await copiesSeen(db, files, view)
  return await Promise.all(
    files.map(async ({ id, sha256, sizeBytes, goneAt, goneReason }) => ({
      sha256,
      sizeBytes: sizeBytes === 0 && sha256 !== emptyDigest ? null : sizeBytes,
      gone: goneAt === null || goneReason === null ? null : await goneOf(db, sha256, goneAt, goneReason),
      copies: copies.get(id) ?? [],
    })),
  )
}

async function copiesSeen(
  db: Kysely<Tables>,
  files: readonly FileFacts[],
  view: View,
): Promise<Map<number, WhyCopy[]>> {
  const ids = files.map((file) => file.id)
  let query = db
    .selectFrom('file_copy')
    .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
    .select(['file_copy.file_id', 'file_store.name as store', 'file_copy.state', 'file_copy.generation'])
    .select(['file_copy.state_at', 'file_copy.state_reason', 'file_copy.verified_at'])
    .where('file_copy.file_id', 'in', ids)
    .orderBy('file_store.name')
    .orderBy('file_copy.generation')
  if (view.kind === 'workspace') {
    const { scopeId } = view.workspace
    query = query.where((eb) => eb.or([eb('file_store.scope_id', 'is', null), eb('file_store.scope_id', '=', scopeId)]))
  }
  // What was verified before the workspace had the file would tell that another one had it.
  const since = view.kind === 'workspace' ? await heldSince(db, ids, view.workspace.id) : undefined
  const copies = new Map<number, WhyCopy[]>()
  for (const row of await query.execute()) {
    const mayTell = since === undefined || (row.verified_at ?? 0) >= (since.get(row.file_id) ?? Infinity)
    const copy: WhyCopy = {
      store: row.store,
      state: row.state,
      generation: row.generation,
      since: row.state_at,
      reason: row.state_reason,
      verifiedAt: mayTell ? row.verified_at : null,
    }
    const known = copies.get(row.file_id)
    if (known === undefined) copies.set(row.file_id, [copy])
    else known.push(copy)
  }
  return copies
}

/** Since when artifacts of the workspace have the files. */
async function heldSince(
  db: Kysely<Tables>,
  ids: readonly number[],
  workspaceId: number,
): Promise<Map<number, Micros>> {
  const rows = await db
    .selectFrom('artifact_file')
    .crossJoin('artifact')
    .select('artifact_file.file_id')
    .select((eb) => eb.fn.min<number>('artifact.created_at').as('since'))
    .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
    .where('artifact_file.file_id', 'in', [...ids])
    .where('artifact.workspace_id', '=', workspaceId)
    .groupBy('artifact_file.file_id')
    .execute()
  return new Map(rows.flatMap((row) => (row.file_id === null ? [] : [[row.file_id, row.since]])))
}

async function goneOf(db: Kysely<Tables>, sha256: Sha256, since: Micros, reason: 'expired' | 'purged'): Promise<Gone> {
  if (reason === 'expired') return { since, reason, by: null, said: null }
  const event = await db
    .selectFrom('event')
    .leftJoin('user', 'user.id', 'event.user_id')
    .select(['user.name', 'event.data_json'])
    .where('event.subject', '=', sha256)
    .where('event.kind', '=', 'file.purge')
    .orderBy('event.id')
    .limit(1)
    .executeTakeFirst()
  const { reason: said } = JSON.parse(event?.data_json ?? '{}') as { reason?: string }
  return { since, reason, by: event?.name ?? null, said: said ?? null }
}

/** Whether the workspace has, or had and tells of, the file. What was only announced by its digest is not had. */
export async function isOfWorkspace(db: Kysely<Tables>, fileId: number, workspaceId: number): Promise<boolean> {
  const artifact = db
    .selectFrom('artifact_file')
    .innerJoin('artifact', 'artifact.id', 'artifact_file.artifact_id')
    .select('artifact.id')
    .where('artifact_file.file_id', '=', fileId)
    .where('artifact.workspace_id', '=', workspaceId)
    .limit(1)
  const poolName = db
    .selectFrom('pool_name')
    .innerJoin('archive', 'archive.id', 'pool_name.archive_id')
    .innerJoin('change', 'change.id', 'pool_name.change_id')
    .select('archive.id')
    .where('pool_name.file_id', '=', fileId)
    .where('archive.workspace_id', '=', workspaceId)
    .where('change.state', '=', 'sealed')
    .limit(1)
  const chunk = db
    .selectFrom('chunk')
    .innerJoin('archive', 'archive.id', 'chunk.archive_id')
    .select('archive.id')
    .where('chunk.pack_file_id', '=', fileId)
    .where('archive.workspace_id', '=', workspaceId)
    .limit(1)
  const pack = db
    .selectFrom('revision')
    .innerJoin('archive', 'archive.id', 'revision.archive_id')
    .select('archive.id')
    .where('revision.pack_file_id', '=', fileId)
    .where('archive.workspace_id', '=', workspaceId)
    .limit(1)
  for (const query of [artifact, poolName, chunk, pack]) {
    if ((await query.execute()).length > 0) return true
  }
  return false
}
