/** Who a token's bearer is. */
import { createHash, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Grant } from './roles.ts'

export interface User {
  readonly kind: 'user'
  readonly userId: number
  readonly name: string
  readonly grants: readonly Grant[]
  /** By which they are known. */
  readonly tokenId: number
}

export type Caller = { readonly kind: 'anonymous' } | User

/** How long another process may not yet know of a revocation. */
const cacheMs = 1000
const cacheEntries = 1000

/** `ash_` and 32 random bytes: as secret as a key of that length, so a plain digest of it is safe to keep. */
export function newSecret(): string {
  return `ash_${randomBytes(32).toString('base64url')}`
}

export function secretHash(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

interface Known {
  readonly caller: User
  /** When the database was asked, on the monotonic clock in milliseconds. */
  readonly askedAt: number
  readonly expiresAtMs: number
}

/** The same answer for an unknown, an expired and a revoked token. */
export function invalidToken(): AshlarError {
  return new AshlarError('token-required', 'The token that was sent is not valid here; it may have expired.')
}

export class Callers {
  readonly #database: Database
  #known = new LRUCache<string, Known>({ max: cacheEntries })

  constructor(database: Database) {
    this.#database = database
  }

  /** @throws AshlarError token-required: the same answer for an unknown, an expired and a revoked token. */
  async callerOf(secret: string | undefined): Promise<Caller> {
    if (secret === undefined) return { kind: 'anonymous' }
    const hash = secretHash(secret)
    const known = this.#known.get(hash)
    const found = known !== undefined && performance.now() - known.askedAt < cacheMs ? known : await this.#ask(hash)
    if (found === undefined || found.expiresAtMs <= Date.now()) {
      throw invalidToken()
    }
    return found.caller
  }

  /** Makes this process ask again, after a change of tokens or grants. */
  forget(): void {
    this.#known = new LRUCache({ max: cacheEntries })
  }

  async #ask(hash: string): Promise<Known | undefined> {
    const askedAt = performance.now()
    // Answers to what was asked before a change go where nobody looks any more.
    const known = this.#known
    const rows = await this.#database.read
      .selectFrom('token')
      .innerJoin('user', 'user.id', 'token.user_id')
      .leftJoin('grant', 'grant.user_id', 'user.id')
      .select(['user.id', 'user.name', 'token.id as tokenId', 'token.expires_at'])
      .select(['grant.role', 'grant.scope_id', 'grant.workspace_id'])
      .where('token.hash', '=', hash)
      .where('token.revoked_at', 'is', null)
      .execute()
    const [first] = rows
    if (first === undefined) return undefined
    const grants = rows.flatMap(({ role, scope_id, workspace_id }) =>
      role === null ? [] : [{ role, scopeId: scope_id, workspaceId: workspace_id }],
    )
    const answer: Known = {
      caller: { kind: 'user', userId: first.id, name: first.name, grants, tokenId: first.tokenId },
      askedAt,
      expiresAtMs: first.expires_at === null ? Number.POSITIVE_INFINITY : first.expires_at / 1000,
    }
    known.set(hash, answer)
    return answer
  }
}
