/** What became of a change. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import { recordedRequest } from './batch-steps.ts'
import type { ChangeRequest, SealedBatch, SealedChange } from './change-request.ts'
import { sealedBatch, sealedChange } from './suite-history.ts'

export type ChangeStatus =
  | { readonly state: 'preparing' | 'pending'; readonly change: number }
  | {
      readonly state: 'refused'
      readonly change: number
      readonly code: string
      readonly detail: string
      /** Of a batch: which step could not be, from 1. */
      readonly step?: number
    }
  | { readonly state: 'sealed'; readonly change: number; readonly result: SealedChange }
  | { readonly state: 'sealed'; readonly change: number; readonly batch: SealedBatch }

/** @throws AshlarError not-found if the workspace has no such change */
export async function changeStatus(db: Kysely<Tables>, workspaceId: number, changeId: number): Promise<ChangeStatus> {
  const row = await changesOf(db, workspaceId)
    .select(['change.state', 'change.refusal_json', 'change.kind'])
    .where('change.id', '=', changeId)
    .executeTakeFirst()
  if (row === undefined) throw new AshlarError('not-found', `There is no change ${changeId} in this workspace.`)
  switch (row.state) {
    case 'sealed':
      if (row.kind === 'batch') return { state: 'sealed', change: changeId, batch: await sealedBatch(db, changeId) }
      return { state: 'sealed', change: changeId, result: await sealedChange(db, changeId) }
    case 'refused': {
      const refusal = JSON.parse(row.refusal_json ?? '{}') as { code: string; detail: string; step?: number }
      return { state: 'refused', change: changeId, ...refusal }
    }
    case 'pending':
    case 'preparing':
      return { state: row.state, change: changeId }
  }
}

/** The change of that idempotency key. @throws AshlarError not-found */
export async function changeOfKey(db: Kysely<Tables>, workspaceId: number, key: string): Promise<ChangeStatus> {
  const row = await changesOf(db, workspaceId)
    .select('change.id')
    .where('change.idempotency_key', '=', key)
    .executeTakeFirst()
  if (row === undefined) throw new AshlarError('not-found', `No change of this workspace has the key '${key}'.`)
  return changeStatus(db, workspaceId, row.id)
}

/** What was asked for under that idempotency key. */
export async function requestOfKey(
  db: Kysely<Tables>,
  workspaceId: number,
  key: string,
): Promise<ChangeRequest | undefined> {
  const row = await changesOf(db, workspaceId)
    .select(['change.id', 'change.request_json'])
    .where('change.idempotency_key', '=', key)
    .executeTakeFirst()
  return row === undefined ? undefined : recordedRequest(db, row)
}

function changesOf(db: Kysely<Tables>, workspaceId: number) {
  return db
    .selectFrom('change')
    .innerJoin('archive', 'archive.id', 'change.archive_id')
    .where('archive.workspace_id', '=', workspaceId)
}
