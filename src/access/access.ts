/**
 * Access: who may do what, where. What lives here: scopes, workspaces, users, tokens and grants, and the one question
 * that every request asks (`workspace`). What does not: HTTP, and what a workspace holds.
 *
 * A *caller* is a user known by a token, or anonymous. A *grant* gives a user a role on the instance, in a scope or in
 * one workspace. A caller without the right to read learns nothing: a private workspace and one that does not exist
 * get the same answer.
 */
import type { Kysely } from 'kysely'
import { LRUCache } from 'lru-cache'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { Callers, type Caller } from './callers.ts'
import { isAccessName } from './names.ts'
import {
  findPlace,
  grantsAt,
  grantsHeldBy,
  mayGiveAt,
  noScope,
  putGrant,
  removeGrant,
  type GrantInfo,
  type GrantPlace,
  type GrantWish,
  type Place,
} from './grants.ts'
import { attachUser, originUser, type Attachment } from './origins.ts'
import { leastRole, mayIn, mayManageInstance, mayManageScope, type Action, type Role } from './roles.ts'
import { findScope, insertScope, insertUser, insertWorkspace } from './tenants.ts'
import {
  insertToken,
  requireGoodToken,
  requireUser,
  revokeToken,
  tokensVisibleTo,
  type CreatedToken,
  type TokenInfo,
  type TokenWish,
} from './tokens.ts'
import { findUser, listUsers, type UserInfo } from './users.ts'
import { readSettings, type WorkspaceSettings, writeSettings } from './workspace-settings.ts'

export type { WorkspaceSettings } from './workspace-settings.ts'
export type { Caller, User } from './callers.ts'
export type { Action, Grant, Role } from './roles.ts'
export type { GrantInfo, GrantPlace, GrantWish } from './grants.ts'
export type { Attachment } from './origins.ts'
export type { CreatedToken, TokenInfo, TokenWish } from './tokens.ts'
export type { UserInfo } from './users.ts'

export interface Workspace {
  readonly id: number
  readonly scopeId: number
  readonly scope: string
  readonly name: string
  readonly public: boolean
}

export interface Access {
  /**
   * Who the bearer of the secret is; anonymous without one. What it says of a user is at most a second old.
   * @throws AshlarError token-required if the token is unknown, expired or revoked.
   */
  callerOf(secret: string | undefined): Promise<Caller>

  /**
   * The one question: may the caller do this there? Gives the workspace.
   * @throws AshlarError token-required to the anonymous, whether it is private or does not exist; not-found to a user
   *   who may not read it, likewise; forbidden to one who may read it but not do this.
   */
  workspace(caller: Caller, scope: string, name: string, action: Action): Promise<Workspace>

  /**
   * The workspace of these names, whoever asks: for a decision about something other than a caller's rights. Whoever
   * calls this makes sure that the answer tells a stranger nothing.
   */
  find(scope: string, name: string): Promise<Workspace | undefined>

  /** For answers that hold more for some. */
  may(caller: Caller, action: 'instance:manage'): boolean
  /** @throws AshlarError token-required, forbidden */
  require(caller: Caller, action: 'instance:manage'): void

  /** @throws AshlarError token-required, forbidden, conflict, request-invalid */
  createScope(caller: Caller, name: string): Promise<{ readonly name: string }>
  /** The scopes in which the caller may read something or that are theirs, by name. */
  listScopes(caller: Caller): Promise<{ readonly name: string }[]>

  /** For owners of the scope. @throws AshlarError token-required, not-found, conflict, request-invalid */
  createWorkspace(caller: Caller, scope: string, wish: { name: string; public: boolean }): Promise<Workspace>
  /** For one to whom `workspace` gave it. @throws AshlarError not-found if it is gone */
  settings(workspace: Workspace): Promise<WorkspaceSettings>
  /**
   * Changes what is given, for one who may `workspace:manage`. Other processes know within a second whether it is public.
   * @throws AshlarError request-invalid, not-found if it is gone
   */
  changeSettings(workspace: Workspace, wish: Partial<WorkspaceSettings>): Promise<WorkspaceSettings>
  /** The workspaces of the scope that the caller may read, by name; none if there is no such scope. */
  listWorkspaces(caller: Caller, scope: string): Promise<Workspace[]>

  /** @throws AshlarError token-required, forbidden, conflict, request-invalid */
  createUser(caller: Caller, name: string): Promise<{ readonly id: number; readonly name: string }>
  /** Accounts and people of other origins. @throws AshlarError token-required, forbidden */
  listUsers(caller: Caller): Promise<UserInfo[]>
  /** The caller, or by an admin another user. @throws AshlarError token-required, forbidden, not-found */
  user(caller: Caller, name?: string): Promise<UserInfo>
  /**
   * The user to record for somebody of another origin (`name~origin`), made if need be; the account, if it is attached
   * to one. For admins, who alone may say that something is of another.
   * @throws AshlarError token-required, forbidden, request-invalid
   */
  recordedFor(caller: Caller, name: string): Promise<number>
  /**
   * Makes all records of `name~origin` those of an account, in one step and for good.
   * @throws AshlarError token-required, forbidden, not-found, conflict, request-invalid
   */
  attachUser(caller: Caller, name: string, account: string): Promise<Attachment>
  /**
   * Every role that holds at the place, given there or more widely, or at a part of it. For who may give one there.
   * @throws AshlarError token-required, forbidden, not-found
   */
  grants(caller: Caller, place: GrantPlace): Promise<GrantInfo[]>
  /**
   * Gives a role, instead of the one that the user has at the place. Owners give roles in what is theirs, and admins
   * everywhere. Other processes know within a second.
   * @throws AshlarError token-required, forbidden, not-found, request-invalid, last-admin
   */
  grant(caller: Caller, wish: GrantWish): Promise<void>
  /**
   * Takes away the role that the user has at the place: which it was (null: none), and what they still have there. For
   * who may give it. Other processes know within a second.
   * @throws AshlarError token-required, forbidden, not-found, request-invalid, last-admin
   */
  revokeGrant(caller: Caller, wish: GrantPlace & { readonly user: string }): Promise<RevokedGrant>

  /** A token for the caller, or by an admin for another user. @throws AshlarError token-required, forbidden, not-found */
  createToken(caller: Caller, wish: TokenWish & { readonly user?: string }): Promise<CreatedToken>
  listTokens(caller: Caller): Promise<TokenInfo[]>
  /** @throws AshlarError token-required, not-found */
  revokeToken(caller: Caller, id: number): Promise<void>

  /** Makes a token and asks nobody: for the one who starts the server. @throws AshlarError not-found */
  issueToken(user: string, wish: TokenWish): Promise<CreatedToken>
  /**
   * On an empty database: the scope `local`, its public workspace `main`, the user `admin` and a token for them. Else,
   * and if another process was first, nothing.
   */
  ensureFirstStart(): Promise<{ readonly adminToken?: string }>
}

export interface RevokedGrant {
  readonly role: Role | null
  readonly left: readonly GrantInfo[]
}

export function openAccess(database: Database): Access {
  return new OpenAccess(database)
}

class OpenAccess implements Access {
  readonly #database: Database
  readonly #callers: Callers
  /** Workspaces as every download asks for them; what is said of one is at most a second old. */
  readonly #found = new LRUCache<string, Workspace>({ max: 1000, ttl: 1000 })

  constructor(database: Database) {
    this.#database = database
    this.#callers = new Callers(database)
  }

  async callerOf(secret: string | undefined): Promise<Caller> {
    return await this.#callers.callerOf(secret)
  }

  async workspace(caller: Caller, scope: string, name: string, action: Action): Promise<Workspace> {
    const found = await this.#find(scope, name)
    const grants = caller.kind === 'user' ? caller.grants : []
    const readable = found !== undefined && (found.public || mayIn(found, grants, 'read'))
    const allowed = readable && (action === 'read' || mayIn(found, grants, action))
    if (allowed) return found
    const place = `${scope.slice(0, 80)}/${name.slice(0, 80)}`
    if (caller.kind === 'anonymous') {
      throw new AshlarError('token-required', `The workspace ${place} asks for a token.`)
    }
    if (!readable) throw new AshlarError('not-found', `There is no workspace ${place}, or you may not read it.`)
    throw new AshlarError(
      'forbidden',
      `${caller.name} may read ${place}, but ${action} takes the role ${leastRole(action)}.`,
    )
  }

  async find(scope: string, name: string): Promise<Workspace | undefined> {
    return await this.#find(scope, name)
  }

  may(caller: Caller, _action: 'instance:manage'): boolean {
    return caller.kind === 'user' && mayManageInstance(caller.grants)
  }

  require(caller: Caller, action: 'instance:manage'): void {
    const user = requireUser(caller)
    if (!this.may(user, action)) {
      throw new AshlarError('forbidden', `${user.name} lacks the role admin on this instance, which ${action} takes.`)
    }
  }

  async createScope(caller: Caller, name: string): Promise<{ name: string }> {
    this.require(caller, 'instance:manage')
    const database = this.#database
    await database.write(async (trx) => insertScope(trx, name, await database.now(trx)))
    return { name }
  }

  async listScopes(caller: Caller): Promise<{ name: string }[]> {
    const grants = caller.kind === 'user' ? caller.grants : []
    const scopes = await this.#database.read.selectFrom('scope').select(['id', 'name']).orderBy('name').execute()
    const readable = new Set((await this.#readable(caller)).map((workspace) => workspace.scope))
    return scopes
      .filter((scope) => readable.has(scope.name) || mayManageScope(scope.id, grants))
      .map(({ name }) => ({ name }))
  }

  async createWorkspace(caller: Caller, scope: string, wish: { name: string; public: boolean }): Promise<Workspace> {
    const user = requireUser(caller)
    const database = this.#database
    const ids = await database.write(async (trx) => {
      const scopeId = await findScope(trx, scope)
      if (scopeId === undefined || !mayManageScope(scopeId, user.grants)) {
        throw noScope(scope)
      }
      return { id: await insertWorkspace(trx, { ...wish, scopeId }, await database.now(trx)), scopeId }
    })
    return { ...ids, scope, name: wish.name, public: wish.public }
  }

  async settings(workspace: Workspace): Promise<WorkspaceSettings> {
    return await readSettings(this.#database.read, workspace)
  }

  async changeSettings(workspace: Workspace, wish: Partial<WorkspaceSettings>): Promise<WorkspaceSettings> {
    const settings = await this.#database.write(async (trx) => writeSettings(trx, workspace, wish))
    this.#found.delete(`${workspace.scope}/${workspace.name}`)
    return settings
  }

  async listWorkspaces(caller: Caller, scope: string): Promise<Workspace[]> {
    return (await this.#readable(caller)).filter((workspace) => workspace.scope === scope)
  }

  async createUser(caller: Caller, name: string): Promise<{ id: number; name: string }> {
    this.require(caller, 'instance:manage')
    const database = this.#database
    const id = await database.write(async (trx) => insertUser(trx, name, await database.now(trx)))
    return { id, name }
  }

  async listUsers(caller: Caller): Promise<UserInfo[]> {
    this.require(caller, 'instance:manage')
    return await listUsers(this.#database)
  }

  async recordedFor(caller: Caller, name: string): Promise<number> {
    this.require(caller, 'instance:manage')
    return await originUser(this.#database, name)
  }

  async attachUser(caller: Caller, name: string, account: string): Promise<Attachment> {
    this.require(caller, 'instance:manage')
    const by = requireUser(caller).userId
    const database = this.#database
    return await database.write(async (trx) => attachUser(trx, { name, account, by }, await database.now(trx)))
  }

  async user(caller: Caller, name?: string): Promise<UserInfo> {
    const user = requireUser(caller)
    if (name !== undefined && name !== user.name) this.require(caller, 'instance:manage')
    return await findUser(this.#database, name ?? user.name)
  }

  async grants(caller: Caller, place: GrantPlace): Promise<GrantInfo[]> {
    const { read } = this.#database
    return await grantsAt(read, await this.#ownPlace(read, caller, place))
  }

  async grant(caller: Caller, { user, role, ...names }: GrantWish): Promise<void> {
    const by = requireUser(caller).userId
    const database = this.#database
    await database.write(async (trx) => {
      const place = await this.#ownPlace(trx, caller, names)
      await putGrant(trx, place, { user, role, by }, await database.now(trx))
    })
    this.#callers.forget()
  }

  async revokeGrant(caller: Caller, { user, ...names }: GrantPlace & { user: string }): Promise<RevokedGrant> {
    const by = requireUser(caller).userId
    const database = this.#database
    const revoked = await database.write(async (trx) => {
      const place = await this.#ownPlace(trx, caller, names)
      const role = await removeGrant(trx, place, { user, by }, await database.now(trx))
      return { role, left: (await grantsAt(trx, place)).filter((grant) => grant.user === user) }
    })
    this.#callers.forget()
    return revoked
  }

  async createToken(caller: Caller, wish: TokenWish & { user?: string }): Promise<CreatedToken> {
    const user = requireUser(caller)
    const name = wish.user ?? user.name
    if (name !== user.name) this.require(caller, 'instance:manage')
    const database = this.#database
    return await database.write(async (trx) => {
      const now = await database.now(trx)
      await requireGoodToken(trx, user.tokenId, now)
      // Asked anew, as for roles: who has just lost the role makes no token of an admin with it.
      if (name !== user.name) this.require({ ...user, grants: await grantsHeldBy(trx, user.userId) }, 'instance:manage')
      return await insertToken(trx, name, wish, now)
    })
  }

  async listTokens(caller: Caller): Promise<TokenInfo[]> {
    return await tokensVisibleTo(this.#database, caller)
  }

  async revokeToken(caller: Caller, id: number): Promise<void> {
    await revokeToken(this.#database, caller, id)
    this.#callers.forget()
  }

  async issueToken(user: string, wish: TokenWish): Promise<CreatedToken> {
    const database = this.#database
    return await database.write(async (trx) => insertToken(trx, user, wish, await database.now(trx)))
  }

  async ensureFirstStart(): Promise<{ adminToken?: string }> {
    const database = this.#database
    return await database.write(async (trx) => {
      const now = await database.now(trx)
      const scope = await trx
        .insertInto('scope')
        .values({ name: 'local', created_at: now })
        // Another process that does the same right now makes this one wait, and then do nothing.
        .onConflict((conflict) => conflict.column('name').doNothing())
        .returning('id')
        .executeTakeFirst()
      if (scope === undefined) return {}
      const anybody = await trx.selectFrom('user').select('id').limit(1).executeTakeFirst()
      if (anybody !== undefined) return {}
      await insertWorkspace(trx, { scopeId: scope.id, name: 'main', public: true }, now)
      await insertUser(trx, 'admin', now)
      await putGrant(trx, await findPlace(trx, {}), { user: 'admin', role: 'admin', by: null }, now)
      const { token } = await insertToken(trx, 'admin', { name: 'first start' }, now)
      return { adminToken: token }
    })
  }

  /** A place at which the caller gives roles. Their own are asked anew: who has just lost one gives none on. */
  async #ownPlace(db: Kysely<Tables>, caller: Caller, names: GrantPlace): Promise<Place> {
    const { scope, workspace } = names
    if (scope === undefined) this.require(caller, 'instance:manage')
    else if (workspace !== undefined) await this.workspace(caller, scope, workspace, 'workspace:manage')
    const user = requireUser(caller)
    const place = await findPlace(db, names)
    if (mayGiveAt(place, await grantsHeldBy(db, user.userId))) return place
    if (scope !== undefined && workspace === undefined) throw noScope(scope)
    throw new AshlarError('forbidden', `${user.name} may not give roles there any more.`)
  }

  async #find(scope: string, name: string): Promise<Workspace | undefined> {
    if (!isAccessName(scope) || !isAccessName(name)) return undefined
    const known = this.#found.get(`${scope}/${name}`)
    if (known !== undefined) return known
    const row = await this.#workspaces()
      .where('scope.name', '=', scope)
      .where('workspace.name', '=', name)
      .executeTakeFirst()
    if (row === undefined) return undefined
    const found = { ...row, public: row.public === 1 }
    this.#found.set(`${scope}/${name}`, found)
    return found
  }

  async #readable(caller: Caller): Promise<Workspace[]> {
    const grants = caller.kind === 'user' ? caller.grants : []
    const rows = await this.#workspaces().orderBy('scope.name').orderBy('workspace.name').execute()
    return rows
      .filter((row) => row.public === 1 || mayIn(row, grants, 'read'))
      .map((row) => Object.assign(row, { public: row.public === 1 }))
  }

  #workspaces() {
    return this.#database.read
      .selectFrom('workspace')
      .innerJoin('scope', 'scope.id', 'workspace.scope_id')
      .select([
        'workspace.id',
        'workspace.scope_id as scopeId',
        'workspace.name',
        'workspace.public',
        'scope.name as scope',
      ])
  }
}
