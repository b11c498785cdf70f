import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { GrantInfo } from '../access/access.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { refTo } from './model-parts.ts'
import { empty, operation } from './operation.ts'
import { callerOf, type Question } from './permission.ts'
import { type Grant, GrantList, GrantWish, RevokedGrant } from './user-models.ts'

const tags = ['access']

/** The three kinds of places at which a role holds. What they are called becomes a part of each operation's name. */
const places = [
  { path: '/grants', name: 'Instance', text: 'on the whole instance', asks: 'instance:manage' },
  { path: '/scopes/:scope/grants', name: 'Scope', text: 'in a scope', asks: 'user' },
  {
    path: '/scopes/:scope/workspaces/:workspace/grants',
    name: 'Workspace',
    text: 'in a workspace',
    asks: 'workspace:manage',
  },
] as const satisfies readonly { path: string; name: string; text: string; asks: Question }[]

const namesOf = {
  Instance: {},
  Scope: { scope: Type.String() },
  Workspace: { scope: Type.String(), workspace: Type.String() },
}

/** Roles: who may do what, where. For those who may give them: owners in what is theirs, admins everywhere. */
export function grantRoutes(app: App, { access }: Context): void {
  for (const { path, name, text, asks } of places) {
    const inPlace = Type.Object(namesOf[name])
    const ofUser = Type.Object({ ...namesOf[name], user: Type.String() })
    app.get(path, {
      config: { asks },
      schema: operation(
        `list${name}Grants`,
        `Every role that holds ${text}, given there or more widely, or in a part`,
        {
          tags,
          params: inPlace,
          response: { 200: refTo(GrantList) },
        },
      ),
      handler: async (request) => {
        const grants = await access.grants(callerOf(request), request.params)
        return { grants: grants.map(grantDocument) }
      },
    })
    app.put(`${path}/:user`, {
      config: { asks },
      schema: operation(`put${name}Grant`, `Give a user a role ${text}, instead of the one that they have there`, {
        tags,
        params: ofUser,
        body: refTo(GrantWish),
        response: { 204: empty('It holds') },
      }),
      handler: async (request, reply) => {
        await access.grant(callerOf(request), { ...request.params, role: request.body.role })
        return reply.code(204).send()
      },
    })
    app.delete(`${path}/:user`, {
      config: { asks },
      schema: operation(`delete${name}Grant`, `Take away the role that a user has ${text}`, {
        tags,
        params: ofUser,
        response: { 200: refTo(RevokedGrant) },
      }),
      handler: async (request) => {
        const { role, left } = await access.revokeGrant(callerOf(request), request.params)
        return { user: request.params.user, role, left: left.map(grantDocument) }
      },
    })
  }
}

export function grantDocument(grant: GrantInfo): Static<typeof Grant> {
  return { ...grant, createdAt: timestamp(grant.createdAt) }
}
