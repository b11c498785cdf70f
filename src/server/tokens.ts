import { Type } from 'typebox'
import type { Static } from 'typebox'
import type { TokenInfo } from '../access/access.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { given } from './given.ts'
import { CreatedToken, type Token, TokenList, TokenWish } from './access-models.ts'
import { Id, refTo } from './model-parts.ts'
import { empty, operation } from './operation.ts'
import { callerOf } from './permission.ts'

const tags = ['access']

/** Tokens: secrets that act for a user. */
export function tokenRoutes(app: App, { access }: Context): void {
  app.get('/tokens', {
    config: { asks: 'user' },
    schema: operation('listTokens', 'The tokens', { tags, response: { 200: refTo(TokenList) } }),
    handler: async (request) => {
      const tokens = await access.listTokens(callerOf(request))
      return { tokens: tokens.map(tokenDocument) }
    },
  })
  app.post('/tokens', {
    config: { asks: 'user' },
    schema: operation('createToken', 'Make a token; without a user, one that acts for the caller', {
      tags,
      body: refTo(TokenWish),
      response: { 201: refTo(CreatedToken) },
    }),
    handler: async (request, reply) => {
      const { id, name, token } = await access.createToken(callerOf(request), given(request.body))
      return reply.code(201).send({ id, name, token })
    },
  })
  app.delete('/tokens/:id', {
    config: { asks: 'user' },
    schema: operation('revokeToken', 'End a token; it cannot come back', {
      tags,
      params: Type.Object({ id: Id }),
      response: { 204: empty('It is revoked') },
    }),
    handler: async (request, reply) => {
      await access.revokeToken(callerOf(request), request.params.id)
      return reply.code(204).send()
    },
  })
}

function tokenDocument({ id, name, user, createdAt, expiresAt, revokedAt }: TokenInfo): Static<typeof Token> {
  return {
    id,
    name,
    user,
    createdAt: timestamp(createdAt),
    expiresAt: expiresAt === null ? null : timestamp(expiresAt),
    revokedAt: revokedAt === null ? null : timestamp(revokedAt),
  }
}
