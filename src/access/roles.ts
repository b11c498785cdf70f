/** Which role may do what, and where a role holds. */
import type { GrantTable } from '../database/schema.ts'

export type Role = GrantTable['role']

export type Action =
  | 'read'
  | 'artifact:create'
  | 'artifact:delete'
  | 'suite:write'
  | 'suite:manage'
  | 'workspace:manage'
  | 'instance:manage'

/** A role of a user: everywhere (both null), in a scope, or in one workspace. */
export interface Grant {
  readonly role: Role
  readonly scopeId: number | null
  readonly workspaceId: number | null
}

const reader: readonly Action[] = ['read']
const contributor: readonly Action[] = [...reader, 'artifact:create', 'suite:write']
const owner: readonly Action[] = [...contributor, 'artifact:delete', 'suite:manage', 'workspace:manage']
const admin: readonly Action[] = [...owner, 'instance:manage']

const allowed: Readonly<Record<Role, readonly Action[]>> = { reader, contributor, owner, admin }
const orderedRoles: readonly Role[] = ['reader', 'contributor', 'owner', 'admin']

/** The role that is enough for an action, and allows the least beyond it. */
export function leastRole(action: Action): Role {
  return orderedRoles.find((role) => allowed[role].includes(action)) ?? 'admin'
}

/** Whether one of the grants allows the action in the workspace. `instance:manage` is never of a workspace. */
export function mayIn(
  workspace: { readonly id: number; readonly scopeId: number },
  grants: readonly Grant[],
  action: Action,
): boolean {
  if (action === 'instance:manage') return mayManageInstance(grants)
  return grants.some((grant) => covers(grant, workspace) && allowed[grant.role].includes(action))
}

/** Whether one of the grants makes its holder an owner of the whole scope. */
export function mayManageScope(scopeId: number, grants: readonly Grant[]): boolean {
  return grants.some(
    (grant) =>
      grant.workspaceId === null &&
      (grant.scopeId === null || grant.scopeId === scopeId) &&
      allowed[grant.role].includes('suite:manage'),
  )
}

/** An admin of a scope or a workspace has no power over the instance. */
export function mayManageInstance(grants: readonly Grant[]): boolean {
  return grants.some((grant) => grant.role === 'admin' && grant.scopeId === null && grant.workspaceId === null)
}

function covers(grant: Grant, workspace: { readonly id: number; readonly scopeId: number }): boolean {
  if (grant.workspaceId !== null) return grant.workspaceId === workspace.id
  return grant.scopeId === null || grant.scopeId === workspace.scopeId
}
