/** Keeping stores tidy. What is checked and repaired is in fsck.ts. */
import type { App, Context } from './context.ts'
import { sendEvents } from './event-stream.ts'
import { VacuumWish } from './maintenance-models.ts'
import { refTo } from './model-parts.ts'
import { bytesOf, operation } from './operation.ts'
import { signalOf } from './request-body.ts'

export function maintenanceRoutes(app: App, { maintenance }: Context): void {
  app.post('/maintenance/vacuum', {
    config: { asks: 'instance:manage' },
    schema: operation('vacuum', 'Tidy up the stores, or with dryRun tell what would be done, one JSON event a line', {
      tags: ['maintenance'],
      body: refTo(VacuumWish),
      response: { 200: bytesOf('application/x-ndjson', 'Events; the last one has the kind `end` or `error`') },
    }),
    handler: async (request, reply) => {
      const { dryRun = false } = request.body
      await sendEvents(request, reply, maintenance.vacuum({ dryRun, signal: signalOf(reply) }))
      return reply
    },
  })
}
