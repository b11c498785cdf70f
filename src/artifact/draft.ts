/** Writes new artifacts: rows for them, their files and relations, in a number of statements that does not grow with theirs. */
import type { Transaction } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'
import type { ArtifactData } from './categories.ts'
import type { AnnouncedFile, WishedRelation } from './wish.ts'

/** An artifact that is about to be recorded. */
export interface Draft {
  readonly workspaceId: number
  readonly category: string
  readonly data: ArtifactData
  readonly userId: number | null
  readonly complete: boolean
  readonly idempotencyKey: string | null
  /** Its own delay; null: its workspace's; 0: never. */
  readonly expireAfterSeconds: number | null
  /** A file with a `fileId` is proven. */
  readonly files: readonly (AnnouncedFile & { readonly fileId: number | null })[]
  readonly relations: readonly (WishedRelation | { readonly type: 'copied-from'; readonly target: number })[]
}

/** Keeps the parameters of one statement well below the limits of both dialects. */
const rowsAtOnce = 4000

/**
 * Inserts the drafts. @returns their ids, in order; undefined where the idempotency key is taken, of which nothing is
 * written.
 */
export async function insertDrafts(
  trx: Transaction<Tables>,
  drafts: readonly Draft[],
  now: Micros,
): Promise<(number | undefined)[]> {
  if (drafts.length === 0) return []
  const rows = drafts.map((draft) => ({
    workspace_id: draft.workspaceId,
    category: draft.category,
    data_json: JSON.stringify(draft.data),
    created_by: draft.userId,
    created_at: now,
    completed_at: draft.complete ? now : null,
    idempotency_key: draft.idempotencyKey,
    expire_after_seconds: draft.expireAfterSeconds,
  }))
  const inserted = await trx
    .insertInto('artifact')
    .values(rows)
    .onConflict((conflict) => conflict.columns(['workspace_id', 'idempotency_key']).doNothing())
    .returning(['id', 'workspace_id', 'category', 'data_json', 'created_by', 'completed_at', 'idempotency_key'])
    .returning('expire_after_seconds')
    .execute()
  // The order of what is returned is not defined; rows that are alike until they have files can stand for each other.
  const free = Map.groupBy(
    inserted.sort((a, b) => b.id - a.id),
    (row) => likeness(row),
  )
  const ids = rows.map((row) => free.get(likeness(row))?.pop()?.id)
  await insertFiles(trx, drafts, ids)
  await insertRelations(trx, drafts, ids)
  return ids
}

function likeness(row: {
  workspace_id: number
  category: string
  data_json: string
  created_by: number | null
  completed_at: Micros | null
  idempotency_key: string | null
  expire_after_seconds: number | null
}): string {
  const { workspace_id, category, data_json, created_by, completed_at, idempotency_key, expire_after_seconds } = row
  const isComplete = completed_at !== null
  const told = [workspace_id, category, data_json, created_by, isComplete, idempotency_key, expire_after_seconds]
  return JSON.stringify(told)
}

async function insertFiles(
  trx: Transaction<Tables>,
  drafts: readonly Draft[],
  ids: readonly (number | undefined)[],
): Promise<void> {
  const rows = drafts.flatMap((draft, index) => {
    const id = ids[index]
    if (id === undefined) return []
    return draft.files.map((file) => ({
      artifact_id: id,
      path: file.path,
      sha256: file.sha256,
      size: file.sizeBytes,
      file_id: file.fileId,
    }))
  })
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    await trx
      .insertInto('artifact_file')
      .values(rows.slice(start, start + rowsAtOnce))
      .execute()
  }
}

async function insertRelations(
  trx: Transaction<Tables>,
  drafts: readonly Draft[],
  ids: readonly (number | undefined)[],
): Promise<void> {
  const rows = drafts.flatMap((draft, index) => {
    const id = ids[index]
    if (id === undefined) return []
    return draft.relations.map((relation) => ({ artifact_id: id, target_id: relation.target, type: relation.type }))
  })
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    await trx
      .insertInto('artifact_relation')
      .values(rows.slice(start, start + rowsAtOnce))
      .execute()
  }
}
