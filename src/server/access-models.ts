/** The models of scopes, workspaces and tokens. */
import { type TSchema, Type } from 'typebox'
import { Name, Time, closed, open, refTo } from './model-parts.ts'

export const ScopeWish = closed('ScopeWish', { name: Name })
export const Scope = open('Scope', { name: Type.String() })
export const ScopeList = open('ScopeList', { scopes: Type.Array(refTo(Scope)) })
export const WorkspaceWish = closed('WorkspaceWish', { name: Name, public: Type.Optional(Type.Boolean()) })
export const Workspace = open('Workspace', { scope: Type.String(), name: Type.String(), public: Type.Boolean() })
const orForEver = (least: number, description: string) =>
  Type.Union([Type.Integer({ minimum: least, maximum: 100 * 366 * 86_400 }), Type.Null()], { description })
const workspaceSettings = {
  public: Type.Boolean({ description: 'Whether everybody may read it' }),
  expireAfterSeconds: orForEver(1, 'How long artifacts stay that nothing holds; null: for ever'),
  keepRevisionsSeconds: orForEver(0, 'How long a revision stays after the next one, 3 days at least; null: for ever'),
  keepHistorySeconds: orForEver(0, 'How long it is known what an expired revision held; null: for ever'),
}
export const WorkspaceChange = closed('WorkspaceChange', Type.Partial(Type.Object(workspaceSettings)).properties)
export const WorkspaceSettings = open('WorkspaceSettings', {
  scope: Type.String(),
  name: Type.String(),
  ...workspaceSettings,
})
export const WorkspaceList = open('WorkspaceList', { workspaces: Type.Array(refTo(Workspace)) })
export const TokenWish = closed('TokenWish', { name: Name, user: Type.Optional(Name) })
export const CreatedToken = open('CreatedToken', {
  id: Type.Integer(),
  name: Type.String(),
  token: Type.String({ description: 'Shown once: the server keeps only its digest' }),
})
export const Token = open('Token', {
  id: Type.Integer(),
  name: Type.String(),
  user: Type.String(),
  createdAt: Time,
  expiresAt: Type.Union([Time, Type.Null()]),
  revokedAt: Type.Union([Time, Type.Null()]),
})
export const TokenList = open('TokenList', { tokens: Type.Array(refTo(Token)) })

export const accessModels: readonly TSchema[] = [
  ScopeWish,
  Scope,
  ScopeList,
  WorkspaceWish,
  Workspace,
  WorkspaceChange,
  WorkspaceSettings,
  WorkspaceList,
  TokenWish,
  CreatedToken,
  Token,
  TokenList,
]
