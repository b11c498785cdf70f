/**
 * The one place where a request's right is decided. Each route says in its `config.asks` what it needs; before anything
 * of the request's body is read or validated, access/ is asked exactly that. A route that says nothing cannot be
 * registered.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Action, Caller, Workspace } from '../access/access.ts'
import { requireUser } from '../access/tokens.ts'
import { secretOf } from './authentication.ts'
import type { App, Context } from './context.ts'

/**
 * `nothing`: open to all, a token is not even looked at. `caller`: open to all, but a token must be good; what the
 * answer holds depends on the caller. `user`: somebody with a token; access/ decides with the deed itself.
 */
export type Question = Action | 'nothing' | 'caller' | 'user'

declare module 'fastify' {
  interface FastifyContextConfig {
    asks?: Question
  }
  interface FastifyRequest {
    /** Set where the route asks for the caller or more. */
    caller: Caller | null
    /** Set where the caller says that the request is of another. */
    recordedFor: number | null
    /** Set where the route asks for an action within a workspace. */
    workspace: Workspace | null
  }
}

/** Names somebody of another origin, to whom the artifacts or the change of a request belong. */
const recordedForHeader = 'ashlar-recorded-for'

/** Asks before every request. */
export function askPermission(app: App, { access }: Context): void {
  app.decorateRequest('caller', null)
  app.decorateRequest('recordedFor', null)
  app.decorateRequest('workspace', null)
  app.addHook('onRoute', (route) => {
    if (route.config?.asks === undefined)
      throw new Error(`${String(route.method)} ${route.url} does not say what it asks`)
  })
  const warned = new Set<string>()
  app.addHook('onRequest', async (request: FastifyRequest, _reply: FastifyReply) => {
    const question = request.routeOptions.config.asks ?? 'nothing'
    if (question === 'nothing') return
    const secret = secretOf(request.raw)
    if (secret !== undefined) warnOfPlainToken(request, warned)
    const caller = await access.callerOf(secret)
    request.caller = caller
    if (question === 'caller') return
    if (question === 'user') {
      requireUser(caller)
      return
    }
    if (question === 'instance:manage') {
      access.require(caller, question)
      return
    }
    const { scope = '', workspace = '' } = request.params as { scope?: string; workspace?: string }
    request.workspace = await access.workspace(caller, scope, workspace, question)
    const other = request.headers[recordedForHeader]
    if (other !== undefined && request.method !== 'GET') {
      request.recordedFor = await access.recordedFor(caller, String(other))
    }
  })
}

/** The workspace that the request's route asked for. */
export function workspaceOf(request: FastifyRequest): Workspace {
  if (request.workspace === null) throw new Error(`${request.url} is used without a workspace`)
  return request.workspace
}

/** Who asks; for routes that ask for the caller or more. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error(`${request.url} is used without a caller`)
  return request.caller
}

/** Who did it, for the record. @throws AshlarError `token-required` for an anonymous caller. */
export function userIdOf(request: FastifyRequest): number {
  return requireUser(callerOf(request)).userId
}

/**
 * Whom an artifact or a change is recorded for: who asks, or somebody whom another program knew (`name~origin`), if an
 * admin says so. @throws AshlarError `token-required` for an anonymous caller.
 */
export function authorIdOf(request: FastifyRequest): number {
  return request.recordedFor ?? userIdOf(request)
}

/** Enough to name every careless client of a network without growing with an attacker's patience. */
const mostWarnings = 1000

function warnOfPlainToken(request: FastifyRequest, warned: Set<string>): void {
  if (request.protocol === 'https' || isLoopback(request.ip) || warned.has(request.ip)) return
  if (warned.size >= mostWarnings) return
  warned.add(request.ip)
  request.log.warn({ address: request.ip }, 'A token came over plain HTTP, where others can read it. Use HTTPS.')
}

function isLoopback(address: string): boolean {
  return /^(?:::ffff:)?127\./.test(address) || address === '::1'
}
