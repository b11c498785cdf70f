/** Mirrors as they are recorded. */
import type { Kysely, Transaction } from 'kysely'
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import type { Micros, MirrorTable, Tables } from '../database/schema.ts'
import { type MirrorSettings, usualSettings } from './mirror-settings.ts'
import type { MirrorWork } from './mirror-work.ts'
import type { UpstreamState } from './upstream-state.ts'

export interface Mirror {
  readonly id: number
  readonly archiveId: number
  readonly workspace: Workspace
  readonly name: string
  /** The suite here. */
  readonly suite: string
  readonly storeId: number
  readonly storeName: string
  readonly settings: MirrorSettings
  /** Armored or base64. */
  readonly keyring: string
  readonly nextAt: Micros | null
  readonly state: UpstreamState | null
  readonly work: MirrorWork | null
  readonly createdAt: Micros
}

function mirrors(db: Kysely<Tables>) {
  return db
    .selectFrom('mirror')
    .innerJoin('archive', 'archive.id', 'mirror.archive_id')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .innerJoin('file_store', 'file_store.id', 'mirror.store_id')
    .select(['mirror.id', 'mirror.archive_id', 'mirror.name', 'mirror.suite', 'mirror.store_id'])
    .select(['mirror.settings_json', 'mirror.keyring', 'mirror.next_at', 'mirror.state_json', 'mirror.created_at'])
    .select(['mirror.work_json', 'file_store.name as store_name'])
    .select(['archive.workspace_id', 'workspace.scope_id', 'workspace.name as workspace', 'workspace.public'])
    .select(['scope.name as scope'])
    .where('mirror.removed_at', 'is', null)
}

type MirrorRow = Awaited<ReturnType<ReturnType<typeof mirrors>['executeTakeFirstOrThrow']>>

function asMirror(row: MirrorRow): Mirror {
  return {
    id: row.id,
    archiveId: row.archive_id,
    workspace: {
      id: row.workspace_id,
      scopeId: row.scope_id,
      scope: row.scope,
      name: row.workspace,
      public: row.public === 1,
    },
    name: row.name,
    suite: row.suite,
    storeId: row.store_id,
    storeName: row.store_name,
    // One that was made before there were limits has the usual ones.
    settings: { ...usualSettings, ...(JSON.parse(row.settings_json) as MirrorSettings) },
    keyring: row.keyring,
    nextAt: row.next_at,
    state: row.state_json === null ? null : (JSON.parse(row.state_json) as UpstreamState),
    work: row.work_json === null ? null : (JSON.parse(row.work_json) as MirrorWork),
    createdAt: row.created_at,
  }
}

/** By name. */
export async function mirrorsOf(db: Kysely<Tables>, workspaceId: number): Promise<Mirror[]> {
  const rows = await mirrors(db).where('archive.workspace_id', '=', workspaceId).orderBy('mirror.name').execute()
  return rows.map(asMirror)
}

/** @throws AshlarError not-found */
export async function mirrorNamed(db: Kysely<Tables>, workspace: Workspace, name: string): Promise<Mirror> {
  const row = await mirrors(db)
    .where('archive.workspace_id', '=', workspace.id)
    .where('mirror.name', '=', name)
    .executeTakeFirst()
  if (row !== undefined) return asMirror(row)
  throw new AshlarError('not-found', `There is no mirror '${name.slice(0, 80)}' in this workspace.`)
}

export async function mirrorById(db: Kysely<Tables>, id: number): Promise<Mirror | undefined> {
  const row = await mirrors(db).where('mirror.id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : asMirror(row)
}

/** Those that are updated by themselves and are due, and those on which work goes on, as far as is recorded. */
export async function mirrorsToLookAt(db: Kysely<Tables>, now: Micros): Promise<Mirror[]> {
  const rows = await mirrors(db)
    .where((eb) => eb.or([eb('mirror.next_at', '<=', now), eb('mirror.work_state', '=', 'running')]))
    .orderBy('mirror.id')
    .execute()
  return rows.map(asMirror)
}

export async function insertMirror(
  trx: Transaction<Tables>,
  row: Omit<MirrorTable, 'id' | 'state_json' | 'work_state' | 'work_json' | 'removed_at'>,
): Promise<void> {
  await trx
    .insertInto('mirror')
    .values({ ...row, state_json: null, work_state: null, work_json: null, removed_at: null })
    .execute()
}

export async function saveSettings(
  trx: Transaction<Tables>,
  id: number,
  row: Pick<MirrorTable, 'settings_json' | 'keyring' | 'next_at' | 'state_json'>,
): Promise<void> {
  await trx.updateTable('mirror').set(row).where('id', '=', id).execute()
}

export async function saveState(trx: Transaction<Tables>, id: number, state: UpstreamState): Promise<void> {
  await trx
    .updateTable('mirror')
    .set({ state_json: JSON.stringify(state) })
    .where('id', '=', id)
    .execute()
}

/** Null: not by itself. */
export async function saveNext(trx: Transaction<Tables>, id: number, nextAt: Micros | null): Promise<void> {
  await trx.updateTable('mirror').set({ next_at: nextAt }).where('id', '=', id).execute()
}

export async function saveWork(trx: Transaction<Tables>, id: number, work: MirrorWork): Promise<void> {
  await trx
    .updateTable('mirror')
    .set({ work_state: work.state, work_json: JSON.stringify(work) })
    .where('id', '=', id)
    .execute()
}
