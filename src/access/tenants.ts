/** Scopes, workspaces, users and their grants: making them and listing them. */
import type { Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { GrantTable, Micros, Tables } from '../database/schema.ts'
import { requireAccessName, requireAccount } from './names.ts'
import type { Role } from './roles.ts'

/** @throws AshlarError conflict, request-invalid */
export async function insertScope(trx: Transaction<Tables>, name: string, now: Micros): Promise<number> {
  requireAccessName(name, 'scope')
  const row = await trx
    .insertInto('scope')
    .values({ name, created_at: now })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw new AshlarError('conflict', `There is a scope ${name} already.`)
  return row.id
}

/** @throws AshlarError conflict, request-invalid */
export async function insertWorkspace(
  trx: Transaction<Tables>,
  wish: { readonly scopeId: number; readonly name: string; readonly public: boolean },
  now: Micros,
): Promise<number> {
  requireAccessName(wish.name, 'workspace')
  const row = await trx
    .insertInto('workspace')
    .values({ scope_id: wish.scopeId, name: wish.name, public: wish.public ? 1 : 0, created_at: now })
    .onConflict((conflict) => conflict.columns(['scope_id', 'name']).doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw new AshlarError('conflict', `There is a workspace ${wish.name} already.`)
  return row.id
}

/** @throws AshlarError conflict, request-invalid */
export async function insertUser(trx: Transaction<Tables>, name: string, now: Micros): Promise<number> {
  requireAccessName(name, 'user')
  const row = await trx
    .insertInto('user')
    .values({ name, created_at: now, attached_to: null })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) throw new AshlarError('conflict', `There is a user '${name}' already.`)
  return row.id
}

/** Where a role is given: everywhere, in a scope, or in one workspace of it. */
export interface GrantWish {
  readonly user: string
  readonly role: Role
  readonly scope?: string
  readonly workspace?: string
}

/** Gives a role; one that the user has there already stays as it is. @throws AshlarError not-found, request-invalid */
export async function insertGrant(trx: Transaction<Tables>, wish: GrantWish, now: Micros): Promise<void> {
  const place = await findPlace(trx, wish)
  const present = await trx
    .selectFrom('grant')
    .select('id')
    .where('user_id', '=', place.user_id)
    .where('role', '=', wish.role)
    .where('scope_id', 'is not distinct from', place.scope_id)
    .where('workspace_id', 'is not distinct from', place.workspace_id)
    .executeTakeFirst()
  if (present !== undefined) return
  await trx
    .insertInto('grant')
    .values({ ...place, role: wish.role, created_at: now })
    .execute()
}

/** Takes a role away; idempotent. @throws AshlarError not-found, request-invalid */
export async function deleteGrant(trx: Transaction<Tables>, wish: GrantWish): Promise<void> {
  const place = await findPlace(trx, wish)
  await trx
    .deleteFrom('grant')
    .where('user_id', '=', place.user_id)
    .where('role', '=', wish.role)
    .where('scope_id', 'is not distinct from', place.scope_id)
    .where('workspace_id', 'is not distinct from', place.workspace_id)
    .execute()
}

/** The columns of a grant that say whose it is and where. A grant in a workspace does not name its scope. */
async function findPlace(
  trx: Transaction<Tables>,
  wish: GrantWish,
): Promise<Pick<GrantTable, 'user_id' | 'scope_id' | 'workspace_id'>> {
  if (wish.workspace !== undefined && wish.scope === undefined) {
    throw new AshlarError('request-invalid', 'A role in a workspace needs the name of its scope too.')
  }
  requireAccount(wish.user, 'no role')
  const user = await trx.selectFrom('user').select('id').where('name', '=', wish.user).executeTakeFirst()
  if (user === undefined) throw new AshlarError('not-found', `There is no user '${wish.user}'.`)
  if (wish.scope === undefined) return { user_id: user.id, scope_id: null, workspace_id: null }

  const scopeId = await findScope(trx, wish.scope)
  if (scopeId === undefined) throw new AshlarError('not-found', `There is no scope ${JSON.stringify(wish.scope)}.`)
  if (wish.workspace === undefined) return { user_id: user.id, scope_id: scopeId, workspace_id: null }

  const workspace = await trx
    .selectFrom('workspace')
    .select('id')
    .where('scope_id', '=', scopeId)
    .where('name', '=', wish.workspace)
    .executeTakeFirst()
  if (workspace === undefined) {
    throw new AshlarError('not-found', `There is no workspace ${JSON.stringify(wish.workspace)}.`)
  }
  return { user_id: user.id, scope_id: null, workspace_id: workspace.id }
}

export async function findScope(trx: Transaction<Tables>, name: string): Promise<number | undefined> {
  const row = await trx.selectFrom('scope').select('id').where('name', '=', name).executeTakeFirst()
  return row?.id
}
