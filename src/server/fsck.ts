/** Checking the database against the stores, told while it goes on. */
import { Type } from 'typebox'
import type { FsckEvent } from '../maintenance/maintenance.ts'
import type { App, Context } from './context.ts'
import { sendEvents } from './event-stream.ts'
import { given } from './given.ts'
import { FsckWish } from './maintenance-models.ts'
import { refTo } from './model-parts.ts'
import { operation } from './operation.ts'
import { signalOf } from './request-body.ts'

export function fsckRoutes(app: App, { maintenance }: Context): void {
  app.post('/maintenance/fsck', {
    config: { asks: 'instance:manage' },
    schema: operation('fsck', 'Check the database against the stores, and repair what is bad', {
      tags: ['server'],
      body: refTo(FsckWish),
      response: {
        200: {
          description:
            'What is found as it is found, one JSON document a line; the last is of the kind `end`, or `error` if the ' +
            'check broke off. Ending the request ends the check; a deep one goes on there the next time.',
          content: { 'application/x-ndjson': { schema: Type.String() } },
        },
      },
    }),
    handler: async (request, reply) => {
      const events = maintenance.fsck({ ...given(request.body), signal: signalOf(reply) })
      await sendEvents(request, reply, documents(events))
      return reply
    },
  })
}

async function* documents(events: AsyncIterable<FsckEvent>): AsyncGenerator<object, void, undefined> {
  for await (const event of events) {
    if (event.kind === 'finding') yield { kind: 'finding', ...event.finding }
    else if (event.kind === 'failure') yield failure(event)
    else if (event.kind === 'end') yield { kind: 'end', ...event.summary }
    else yield event
  }
}

function failure({ stage, subject, error }: Extract<FsckEvent, { kind: 'failure' }>): object {
  return { kind: 'failure', stage, subject, code: error.code, detail: error.message }
}
