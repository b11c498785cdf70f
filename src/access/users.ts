/** Users as they are listed: accounts with their roles, and people of other origins. */
import type { Database } from '../database/database.ts'
import type { Micros } from '../database/schema.ts'
import { AshlarError } from '../common/errors.ts'
import { findPlace, grantsAt, grantsOf, type GrantInfo } from './grants.ts'

export interface UserInfo {
  readonly name: string
  readonly createdAt: Micros
  /** Of `name~origin`: the account that it is, if that is known. */
  readonly attachedTo: string | null
  /** The widest first. */
  readonly grants: readonly GrantInfo[]
}

/** All users by name: accounts, and those of other origins. */
export async function listUsers(database: Database): Promise<UserInfo[]> {
  const users = await selectUsers(database).orderBy('user.name').execute()
  const grants = Map.groupBy(await grantsAt(database.read, await findPlace(database.read, {})), ({ user }) => user)
  return users.map((user) => ({ ...user, grants: grants.get(user.name) ?? [] }))
}

/** @throws AshlarError not-found */
export async function findUser(database: Database, name: string): Promise<UserInfo> {
  const user = await selectUsers(database).where('user.name', '=', name).executeTakeFirst()
  if (user === undefined) throw new AshlarError('not-found', `There is no user '${name.slice(0, 80)}'.`)
  return { ...user, grants: await grantsOf(database.read, name) }
}

function selectUsers(database: Database) {
  return database.read
    .selectFrom('user')
    .leftJoin('user as account', 'account.id', 'user.attached_to')
    .select(['user.name', 'user.created_at as createdAt', 'account.name as attachedTo'])
}
