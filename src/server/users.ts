import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { UserInfo } from '../access/access.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { grantDocument } from './grants.ts'
import { refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { callerOf } from './permission.ts'
import { AttachedUser, CreatedUser, User, UserAttachment, UserList, UserWish } from './user-models.ts'

const tags = ['access']

/** Users: accounts with their roles, and people whom another program knew. For admins; everybody sees themselves. */
export function userRoutes(app: App, { access }: Context): void {
  app.get('/users', {
    config: { asks: 'instance:manage' },
    schema: operation('listUsers', 'The users', { tags, response: { 200: refTo(UserList) } }),
    handler: async (request) => {
      const users = await access.listUsers(callerOf(request))
      return { users: users.map(userDocument) }
    },
  })
  app.get('/user', {
    config: { asks: 'user' },
    schema: operation('getCaller', 'Who the token acts for, and what their roles are', {
      tags,
      response: { 200: refTo(User) },
    }),
    handler: async (request) => userDocument(await access.user(callerOf(request))),
  })
  app.get('/users/:name', {
    config: { asks: 'user' },
    schema: operation('getUser', 'A user, and what their roles are', {
      tags,
      params: Type.Object({ name: Type.String() }),
      response: { 200: refTo(User) },
    }),
    handler: async (request) => userDocument(await access.user(callerOf(request), request.params.name)),
  })
  app.post('/users', {
    config: { asks: 'instance:manage' },
    schema: operation('createUser', 'Make an account', {
      tags,
      body: refTo(UserWish),
      response: { 201: refTo(CreatedUser) },
    }),
    handler: async (request, reply) => {
      const { name } = await access.createUser(callerOf(request), request.body.name)
      return reply.code(201).send({ name })
    },
  })
  app.post('/users/:name/attach', {
    config: { asks: 'instance:manage' },
    schema: operation('attachUser', 'Make all records of `name~origin` those of an account', {
      tags,
      params: Type.Object({ name: Type.String() }),
      body: refTo(UserAttachment),
      response: { 200: refTo(AttachedUser) },
    }),
    handler: async (request) => ({
      ...(await access.attachUser(callerOf(request), request.params.name, request.body.account)),
    }),
  })
}

function userDocument({ createdAt, grants, ...user }: UserInfo): Static<typeof User> {
  return { ...user, createdAt: timestamp(createdAt), grants: grants.map(grantDocument) }
}
