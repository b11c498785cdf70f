/**
 * Roles that users have: giving one, taking it away, listing them. A user has at most one role at a place, since each role
 * includes those below it; wider places come on top.
 */
import type { Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import { forUpdate } from '../database/row-lock.ts'
import type { GrantTable, Micros, Tables } from '../database/schema.ts'
import { requireAccount } from './names.ts'
import { mayIn, mayManageInstance, mayManageScope, type Grant, type Role } from './roles.ts'
import { findScope } from './tenants.ts'

/** Where a role is given: everywhere, in a scope, or in one workspace of it. */
export interface GrantPlace {
  readonly scope?: string
  readonly workspace?: string
}

export interface GrantWish extends GrantPlace {
  readonly user: string
  readonly role: Role
}

export interface GrantInfo {
  readonly user: string
  readonly role: Role
  /** Null: everywhere. */
  readonly scope: string | null
  /** Null: in all workspaces of the scope. */
  readonly workspace: string | null
  readonly createdAt: Micros
}

/** A place that exists. That of a workspace has its scope too. */
export interface Place {
  readonly names: GrantPlace
  readonly scopeId: number | null
  readonly workspaceId: number | null
}

/** @throws AshlarError not-found, request-invalid */
export async function findPlace(db: Kysely<Tables>, { scope, workspace }: GrantPlace): Promise<Place> {
  if (scope === undefined) {
    if (workspace === undefined) return { names: {}, scopeId: null, workspaceId: null }
    throw new AshlarError('request-invalid', 'A role in a workspace needs the name of its scope too.')
  }
  const scopeId = await findScope(db, scope)
  if (scopeId === undefined) throw noScope(scope)
  if (workspace === undefined) return { names: { scope }, scopeId, workspaceId: null }
  const row = await db
    .selectFrom('workspace')
    .select('id')
    .where('scope_id', '=', scopeId)
    .where('name', '=', workspace)
    .executeTakeFirst()
  if (row === undefined) throw new AshlarError('not-found', `There is no workspace ${scope}/${workspace}.`)
  return { names: { scope, workspace }, scopeId, workspaceId: row.id }
}

/** One that does not exist, or of which the caller is no owner. */
export function noScope(name: string): AshlarError {
  return new AshlarError('not-found', `There is no scope ${JSON.stringify(name.slice(0, 80))} of yours.`)
}

/** Whether these grants make their holder one who gives roles there: an owner of the place, or an admin. */
export function mayGiveAt({ scopeId, workspaceId }: Place, grants: readonly Grant[]): boolean {
  if (scopeId === null) return mayManageInstance(grants)
  if (workspaceId === null) return mayManageScope(scopeId, grants)
  return mayIn({ id: workspaceId, scopeId }, grants, 'workspace:manage')
}

/** What somebody may do right now, rather than as it was when their token was last looked up. */
export async function grantsHeldBy(db: Kysely<Tables>, userId: number): Promise<Grant[]> {
  return await db
    .selectFrom('grant')
    .select(['role', 'scope_id as scopeId', 'workspace_id as workspaceId'])
    .where('user_id', '=', userId)
    .execute()
}

/**
 * Gives a user a role at a place, instead of the one that they have there.
 *
 * @throws AshlarError not-found, request-invalid; last-admin if that takes the role away from the last admin
 */
export async function putGrant(
  trx: Transaction<Tables>,
  place: Place,
  wish: { readonly user: string; readonly role: Role; readonly by: number | null },
  now: Micros,
): Promise<void> {
  if (wish.role === 'admin' && place.scopeId !== null) {
    throw new AshlarError(
      'request-invalid',
      'admin is a role on the whole instance; within a scope or a workspace the highest is owner.',
    )
  }
  const { userId, present } = await lockGrantsAt(trx, place, wish.user)
  if (present.length === 1 && present[0] === wish.role) return
  if (present.includes('admin') && wish.role !== 'admin') await requireOtherAdmin(trx, place, wish.user, userId, now)
  await deleteAt(trx, place, userId)
  await trx
    .insertInto('grant')
    .values({ user_id: userId, ...columnsOf(place), role: wish.role, created_at: now })
    .execute()
  await record(
    trx,
    { by: wish.by, kind: 'grant.put', subject: wish.user, data: { ...place.names, role: wish.role } },
    now,
  )
}

/**
 * Takes away the role that a user has at a place, and tells which it was; null if there was none.
 *
 * @throws AshlarError not-found, request-invalid; last-admin
 */
export async function removeGrant(
  trx: Transaction<Tables>,
  place: Place,
  wish: { readonly user: string; readonly by: number },
  now: Micros,
): Promise<Role | null> {
  const { userId, present } = await lockGrantsAt(trx, place, wish.user)
  const [role] = present
  if (role === undefined) return null
  if (present.includes('admin')) await requireOtherAdmin(trx, place, wish.user, userId, now)
  await deleteAt(trx, place, userId)
  await record(trx, { by: wish.by, kind: 'grant.remove', subject: wish.user, data: { ...place.names, role } }, now)
  return role
}

/** Every role that holds at a place or at a part of it, by user, the widest first: who may do something there. */
export async function grantsAt(db: Kysely<Tables>, { scopeId, workspaceId }: Place): Promise<GrantInfo[]> {
  const query = named(db)
  if (scopeId === null) return await query.execute()
  return await query
    .where((eb) =>
      eb.or([
        eb('scope.id', 'is', null),
        workspaceId === null
          ? eb('scope.id', '=', scopeId)
          : eb.or([eb('grant.scope_id', '=', scopeId), eb('grant.workspace_id', '=', workspaceId)]),
      ]),
    )
    .execute()
}

/** The roles of one user, the widest first. */
export async function grantsOf(db: Kysely<Tables>, user: string): Promise<GrantInfo[]> {
  return await named(db).where('user.name', '=', user).execute()
}

function named(db: Kysely<Tables>) {
  return db
    .selectFrom('grant')
    .innerJoin('user', 'user.id', 'grant.user_id')
    .leftJoin('workspace', 'workspace.id', 'grant.workspace_id')
    .leftJoin('scope', (join) =>
      join.on((eb) => eb('scope.id', '=', eb.fn.coalesce('grant.scope_id', 'workspace.scope_id'))),
    )
    .select([
      'user.name as user',
      'grant.role',
      'scope.name as scope',
      'workspace.name as workspace',
      'grant.created_at as createdAt',
    ])
    .orderBy('user.name')
    .orderBy((eb) => eb.fn.coalesce('scope.name', eb.val('')))
    .orderBy((eb) => eb.fn.coalesce('workspace.name', eb.val('')))
}

/** The user, and their roles at the place, which nobody else gives or takes until the transaction ends. */
async function lockGrantsAt(
  trx: Transaction<Tables>,
  place: Place,
  name: string,
): Promise<{ readonly userId: number; readonly present: readonly Role[] }> {
  requireAccount(name, 'no role')
  const user = await forUpdate(trx, trx.selectFrom('user').select('id').where('name', '=', name)).executeTakeFirst()
  if (user === undefined) throw new AshlarError('not-found', `There is no user '${name.slice(0, 80)}'.`)
  const { scope_id, workspace_id } = columnsOf(place)
  const rows = await trx
    .selectFrom('grant')
    .select('role')
    .where('user_id', '=', user.id)
    .where('scope_id', 'is not distinct from', scope_id)
    .where('workspace_id', 'is not distinct from', workspace_id)
    .execute()
  return { userId: user.id, present: rows.map(({ role }) => role) }
}

async function deleteAt(trx: Transaction<Tables>, place: Place, userId: number): Promise<void> {
  const { scope_id, workspace_id } = columnsOf(place)
  await trx
    .deleteFrom('grant')
    .where('user_id', '=', userId)
    .where('scope_id', 'is not distinct from', scope_id)
    .where('workspace_id', 'is not distinct from', workspace_id)
    .execute()
}

/**
 * Somebody else has to be left who can give the role back: an admin of the instance with a token that is good.
 *
 * @throws AshlarError last-admin
 */
async function requireOtherAdmin(
  trx: Transaction<Tables>,
  place: Place,
  name: string,
  userId: number,
  now: Micros,
): Promise<void> {
  if (place.scopeId !== null) return
  const admins = trx
    .selectFrom('grant')
    .select('user_id')
    .where('role', '=', 'admin')
    .where('scope_id', 'is', null)
    .where('workspace_id', 'is', null)
    .orderBy('id')
  // Locked: two admins who take the role from each other at once shall not both succeed.
  const rows = await forUpdate(trx, admins).execute()
  const others = rows.map((row) => row.user_id).filter((id) => id !== userId)
  const able =
    others.length === 0
      ? undefined
      : await trx
          .selectFrom('token')
          .select('id')
          .where('user_id', 'in', others)
          .where('revoked_at', 'is', null)
          .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
          .limit(1)
          .executeTakeFirst()
  if (able !== undefined) return
  throw new AshlarError(
    'last-admin',
    `${name} is the last admin of this instance${others.length > 0 ? ' with a token' : ''}.`,
  )
}

/** A grant in a workspace does not name its scope. */
function columnsOf({ scopeId, workspaceId }: Place): Pick<GrantTable, 'scope_id' | 'workspace_id'> {
  return { scope_id: workspaceId === null ? scopeId : null, workspace_id: workspaceId }
}

async function record(
  trx: Transaction<Tables>,
  event: { readonly by: number | null; readonly kind: string; readonly subject: string; readonly data: object },
  now: Micros,
): Promise<void> {
  const { by, kind, subject, data } = event
  await trx
    .insertInto('event')
    .values({ at: now, user_id: by, kind, subject, data_json: JSON.stringify(data) })
    .execute()
}
