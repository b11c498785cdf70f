/** Scopes, workspaces, users, roles and tokens, as a client sees them. */

export interface UserInfo {
  /** Of an account, or `name~origin` of somebody whom another program knew. */
  readonly name: string
  readonly createdAt: string
  /** The account that `name~origin` is. */
  readonly attachedTo: string | null
  /** The widest first. */
  readonly grants: readonly GrantInfo[]
}

export type Role = 'reader' | 'contributor' | 'owner' | 'admin'

/** Where a role holds: everywhere, in a scope, or in one workspace of it. */
export interface GrantPlace {
  readonly scope?: string | undefined
  readonly workspace?: string | undefined
}

export interface GrantInfo {
  readonly user: string
  readonly role: Role
  /** Null: everywhere. */
  readonly scope: string | null
  /** Null: in all workspaces of the scope. */
  readonly workspace: string | null
  readonly createdAt: string
}

export interface RevokedGrant {
  readonly user: string
  /** What was taken away; null: the user had no role there. */
  readonly role: Role | null
  /** The roles that the user still has there. */
  readonly left: readonly GrantInfo[]
}

export interface AttachedUser {
  readonly name: string
  readonly account: string
  /** How many became those of the account. */
  readonly records: number
}

export interface CreatedToken {
  readonly id: number
  readonly name: string
  /** Shown once; the server keeps its digest only. */
  readonly token: string
}

export interface TokenInfo {
  readonly id: number
  readonly name: string
  readonly user: string
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly revokedAt: string | null
}

export interface ScopeInfo {
  readonly name: string
}

export interface WorkspaceInfo {
  readonly scope: string
  readonly name: string
  readonly public: boolean
}

export interface WorkspaceSettings {
  readonly public: boolean
  /** How long artifacts stay that nothing holds and that have no delay of their own; null: for ever. */
  readonly expireAfterSeconds: number | null
  /** How long a revision stays installable after the next one, three days at least; null: for ever. */
  readonly keepRevisionsSeconds: number | null
  /** How long it is known what an expired revision held; null: for ever. */
  readonly keepHistorySeconds: number | null
}
