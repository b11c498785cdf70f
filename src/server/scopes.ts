import { Type } from 'typebox'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import {
  Scope,
  ScopeList,
  ScopeWish,
  Workspace,
  WorkspaceChange,
  WorkspaceList,
  WorkspaceSettings,
  WorkspaceWish,
} from './access-models.ts'
import { refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { inWorkspace } from './parameters.ts'
import { callerOf, workspaceOf } from './permission.ts'

const tags = ['access']
const inScope = Type.Object({ scope: Type.String() })

/** Scopes and their workspaces: those that the caller may see. */
export function scopeRoutes(app: App, { access }: Context): void {
  app.get('/scopes', {
    config: { asks: 'caller' },
    schema: operation('listScopes', 'The scopes', { tags, response: { 200: refTo(ScopeList) } }),
    handler: async (request) => ({ scopes: await access.listScopes(callerOf(request)) }),
  })
  app.post('/scopes', {
    config: { asks: 'instance:manage' },
    schema: operation('createScope', 'Make a scope', {
      tags,
      body: refTo(ScopeWish),
      response: { 201: refTo(Scope) },
    }),
    handler: async (request, reply) =>
      reply.code(201).send(await access.createScope(callerOf(request), request.body.name)),
  })
  app.get('/scopes/:scope/workspaces', {
    config: { asks: 'caller' },
    schema: operation('listWorkspaces', 'The workspaces of a scope', {
      tags,
      params: inScope,
      response: { 200: refTo(WorkspaceList) },
    }),
    handler: async (request) => ({
      workspaces: await access.listWorkspaces(callerOf(request), request.params.scope),
    }),
  })
  app.post('/scopes/:scope/workspaces', {
    config: { asks: 'user' },
    schema: operation('createWorkspace', 'Make a workspace; it is private unless it is said to be public', {
      tags,
      params: inScope,
      body: refTo(WorkspaceWish),
      response: { 201: refTo(Workspace) },
    }),
    handler: async (request, reply) => {
      const { name, public: isPublic = false } = request.body
      const workspace = await access.createWorkspace(callerOf(request), request.params.scope, {
        name,
        public: isPublic,
      })
      return reply.code(201).send(workspace)
    },
  })
  const workspace = '/scopes/:scope/workspaces/:workspace'
  app.get(workspace, {
    config: { asks: 'read' },
    schema: operation('getWorkspace', 'A workspace, and how long what it has stays', {
      tags,
      params: inWorkspace,
      response: { 200: refTo(WorkspaceSettings) },
    }),
    handler: async (request) => {
      const found = workspaceOf(request)
      return { scope: found.scope, name: found.name, ...(await access.settings(found)) }
    },
  })
  app.patch(workspace, {
    config: { asks: 'workspace:manage' },
    schema: operation('changeWorkspace', 'Change who may read a workspace, and how long what it has stays', {
      tags,
      params: inWorkspace,
      body: refTo(WorkspaceChange),
      response: { 200: refTo(WorkspaceSettings) },
    }),
    handler: async (request) => {
      const found = workspaceOf(request)
      const settings = await access.changeSettings(found, given(request.body))
      return { scope: found.scope, name: found.name, ...settings }
    },
  })
}
