import { Type } from 'typebox'
import type { Storage } from '../storage/storage.ts'
import type { App, Context } from './context.ts'
import { Health } from './models.ts'
import { refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { callerOf } from './permission.ts'

/** For load balancers and for Prometheus. */
export function healthRoutes(app: App, { access, database, storage, metrics }: Context): void {
  app.get('/healthz', {
    config: { asks: 'nothing' },
    schema: operation('getHealth', 'Whether the database and the store can be used', {
      tags: ['server'],
      response: { 200: refTo(Health), 503: refTo(Health) },
    }),
    handler: async (_request, reply) => {
      const checks = { database: await outcome(database.now()), store: await outcome(checkStore(storage)) }
      const isWell = Object.values(checks).every((result) => result === 'ok')
      void reply.header('cache-control', 'no-store').code(isWell ? 200 : 503)
      return { status: isWell ? ('ok' as const) : ('failing' as const), checks }
    },
  })
  app.get('/metrics', {
    config: { asks: 'caller' },
    schema: operation('getMetrics', 'Measurements in the text format of Prometheus; those of scopes for admins', {
      tags: ['server'],
      response: { 200: { description: 'Measurements', content: { 'text/plain': { schema: Type.String() } } } },
    }),
    handler: async (request, reply) => {
      const isTold = access.may(callerOf(request), 'instance:manage')
      const registries = isTold ? [metrics.registry, metrics.ofScopes] : [metrics.registry]
      const text = (await Promise.all(registries.map((registry) => registry.metrics()))).join('')
      return reply.type(metrics.registry.contentType).header('cache-control', 'no-store').send(text)
    },
  })
}

/** Whether a file can be made in the spool, and a store that takes uploads be reached. */
async function checkStore({ spool, stores }: Storage): Promise<void> {
  const writer = await spool.create()
  await writer.discard()
  await stores.check()
}

async function outcome(check: Promise<unknown>): Promise<string> {
  try {
    await check
    return 'ok'
  } catch (error) {
    return error instanceof Error ? error.message : 'failed'
  }
}
