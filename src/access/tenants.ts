/** Scopes, workspaces and users: making them. */
import type { Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { requireAccessName } from './names.ts'

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

export async function findScope(db: Kysely<Tables>, name: string): Promise<number | undefined> {
  const row = await db.selectFrom('scope').select('id').where('name', '=', name).executeTakeFirst()
  return row?.id
}
