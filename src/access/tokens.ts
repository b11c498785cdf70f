/** Tokens: secrets that act for a user. Only their digests are kept. */
import type { Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { forUpdate } from '../database/row-lock.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { invalidToken, newSecret, secretHash, type Caller, type User } from './callers.ts'
import { requireAccount } from './names.ts'
import { mayManageInstance } from './roles.ts'

export interface TokenWish {
  /** What it is for, in the user's words. */
  readonly name: string
  readonly expiresAt?: Micros
}

export interface CreatedToken {
  readonly id: number
  readonly name: string
  /** The secret itself; it cannot be shown again. */
  readonly token: string
}

export interface TokenInfo {
  readonly id: number
  readonly name: string
  readonly user: string
  readonly createdAt: Micros
  readonly expiresAt: Micros | null
  readonly revokedAt: Micros | null
}

const maxNameLength = 200

/** Makes a token for the user `userName`. @throws AshlarError not-found, request-invalid */
export async function insertToken(
  trx: Transaction<Tables>,
  userName: string,
  wish: TokenWish,
  now: Micros,
): Promise<CreatedToken> {
  if (wish.name === '' || wish.name.length > maxNameLength) {
    throw new AshlarError('request-invalid', `The name of a token has 1 to ${maxNameLength} characters.`)
  }
  requireAccount(userName, 'no token')
  const user = await trx.selectFrom('user').select('id').where('name', '=', userName).executeTakeFirst()
  if (user === undefined) throw new AshlarError('not-found', `There is no user '${userName}'.`)
  const token = newSecret()
  const row = await trx
    .insertInto('token')
    .values({
      user_id: user.id,
      name: wish.name,
      hash: secretHash(token),
      created_at: now,
      expires_at: wish.expiresAt ?? null,
      revoked_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id: row.id, name: wish.name, token }
}

/** The caller's tokens, oldest first; all tokens for an admin of the instance. */
export async function tokensVisibleTo(database: Database, caller: Caller): Promise<TokenInfo[]> {
  const user = requireUser(caller)
  const rows = await database.read
    .selectFrom('token')
    .innerJoin('user', 'user.id', 'token.user_id')
    .select([
      'token.id',
      'token.name',
      'user.name as user',
      'token.created_at as createdAt',
      'token.expires_at as expiresAt',
      'token.revoked_at as revokedAt',
    ])
    .$if(!mayManageInstance(user.grants), (query) => query.where('token.user_id', '=', user.userId))
    .orderBy('token.id')
    .execute()
  return rows
}

/**
 * Ends a token for good; idempotent. To others than its user and admins it does not exist.
 * @throws AshlarError not-found
 */
export async function revokeToken(database: Database, caller: Caller, id: number): Promise<void> {
  const user = requireUser(caller)
  await database.write(async (trx) => {
    const row = await trx.selectFrom('token').select(['user_id']).where('id', '=', id).executeTakeFirst()
    if (row === undefined || (row.user_id !== user.userId && !mayManageInstance(user.grants))) {
      throw new AshlarError('not-found', `There is no token ${id}.`)
    }
    await trx
      .updateTable('token')
      .set({ revoked_at: await database.now(trx) })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .execute()
  })
}

/**
 * Whether a token is good right now, rather than when it was last looked up: one that was revoked makes no other, which
 * would outlive it.
 * @throws AshlarError token-required
 */
export async function requireGoodToken(trx: Transaction<Tables>, id: number, now: Micros): Promise<void> {
  const token = trx
    .selectFrom('token')
    .select('id')
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
  // Locked: it is not revoked either until the other one is there, to be seen by who revokes it.
  if ((await forUpdate(trx, token).executeTakeFirst()) !== undefined) return
  throw invalidToken()
}

/** @throws AshlarError token-required */
export function requireUser(caller: Caller): User {
  if (caller.kind === 'user') return caller
  throw new AshlarError('token-required', 'Only a user can do this.')
}
