/** Files as an explanation tells of them: what they are, and why they are gone. */
import type { Kysely, SelectQueryBuilder } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { archivesIndexedIn } from './indexed-in.ts'
import type { Gone } from './fate.ts'
import type { CopyRow } from './file-pages.ts'
import { copiesSeen, type WhyCopy } from './why-copies.ts'
import { mostListed } from './why-holders.ts'
import type { View } from './view.ts'

export type { WhyCopy } from './why-copies.ts'

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
  const copies = await copiesSeen(
    db,
    files.map((file) => file.id),
    view,
  )
  return await Promise.all(
    files.map(async ({ id, sha256, sizeBytes, goneAt, goneReason }) => ({
      sha256,
      sizeBytes: sizeBytes === 0 && sha256 !== emptyDigest ? null : sizeBytes,
      gone: goneAt === null || goneReason === null ? null : await goneOf(db, sha256, goneAt, goneReason),
      copies: copies.get(id) ?? [],
    })),
  )
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
  const indexes = db
    .selectFrom('archive')
    .select('archive.id')
    .where('archive.id', 'in', archivesIndexedIn(db, fileId))
    .where('archive.workspace_id', '=', workspaceId)
    .limit(1)
  const pack = db
    .selectFrom('revision')
    .innerJoin('archive', 'archive.id', 'revision.archive_id')
    .select('archive.id')
    .where('revision.pack_file_id', '=', fileId)
    .where('archive.workspace_id', '=', workspaceId)
    .limit(1)
  const waiting = db
    .selectFrom('incoming_file')
    .innerJoin('suite', 'suite.id', 'incoming_file.suite_id')
    .innerJoin('archive', 'archive.id', 'suite.archive_id')
    .select('archive.id')
    .where('incoming_file.file_id', '=', fileId)
    .where('archive.workspace_id', '=', workspaceId)
    .limit(1)
  for (const query of [artifact, poolName, indexes, pack, waiting]) {
    if ((await query.execute()).length > 0) return true
  }
  return false
}
