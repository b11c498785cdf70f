import { Type } from 'typebox'
import { parseSha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { timestamp } from '../common/timestamp.ts'
import type { App, Context } from './context.ts'
import { refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { userIdOf } from './permission.ts'
import { Purge, PurgeWish } from './why-models.ts'

/** Removing a file that must not be there. */
export function purgeRoutes(app: App, { maintenance }: Context): void {
  app.delete('/files/:digest', {
    config: { asks: 'instance:manage' },
    schema: operation('purgeFile', 'Remove a file from every store at once, and take it never again', {
      tags: ['maintenance'],
      params: Type.Object({ digest: Type.String({ description: 'SHA-256 in hexadecimal digits' }) }),
      body: refTo(PurgeWish),
      response: { 200: refTo(Purge) },
    }),
    handler: async (request) => {
      const { digest } = request.params
      const sha256 = parseSha256(digest)
      if (sha256 === undefined)
        throw new AshlarError('request-invalid', `${JSON.stringify(digest)} is no SHA-256 digest.`)
      const reason = request.body.reason.trim()
      const { purgedAt, copies, listedIn, ...told } = await maintenance.purge({
        sha256,
        reason,
        userId: userIdOf(request),
      })
      return { ...told, purgedAt: timestamp(purgedAt), copies: [...copies], listedIn: [...listedIn] }
    },
  })
}
