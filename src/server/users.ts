import { Type } from 'typebox'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { AttachedUser, CreatedUser, UserAttachment, UserList, UserWish, refTo } from './models.ts'
import { operation } from './operation.ts'
import { callerOf } from './permission.ts'

const tags = ['access']

/** Users: accounts, and people whom another program knew. For admins. */
export function userRoutes(app: App, { access }: Context): void {
  app.get('/users', {
    config: { asks: 'instance:manage' },
    schema: operation('listUsers', 'The users', { tags, response: { 200: refTo(UserList) } }),
    handler: async (request) => {
      const users = await access.listUsers(callerOf(request))
      return { users: users.map((user) => ({ ...user, createdAt: timestamp(user.createdAt) })) }
    },
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
