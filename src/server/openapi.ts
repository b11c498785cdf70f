import swagger from '@fastify/swagger'
import type { FastifySchema } from 'fastify'
import type { App } from './context.ts'
import { models } from './models.ts'

const description = `Artifacts, suites and their history.

Send a token as \`Authorization: Bearer TOKEN\`, or as the password of HTTP Basic. Errors are problem documents
(RFC 9457). Calls that change a suite take an \`Idempotency-Key\`; repeated with the same key and request, they answer
with the same change. An admin who brings in what others have done elsewhere names them in \`Ashlar-Recorded-For\`, as
\`name~origin\`; artifacts and changes are then recorded as theirs.`

/** Collects the routes that are registered after it into the OpenAPI document. */
export function describeApi(app: App): void {
  for (const model of models) app.addSchema(model)
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Ashlar', version: '1', description },
      servers: [{ url: '/' }],
      tags: ['artifacts', 'suites', 'uploads', 'changes', 'mirrors', 'access', 'stores', 'maintenance', 'server'].map(
        (name) => ({
          name,
        }),
      ),
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, basic: { type: 'http', scheme: 'basic' } },
      },
      security: [{ bearer: [] }, { basic: [] }, {}],
    },
    // A wildcard has no name in a route; in the document it needs one.
    transform: ({ schema, url }) => ({ schema: nameWildcard(schema), url: url.replace(/\*$/, ':path') }),
    refResolver: { buildLocalReference: (model) => (typeof model['$id'] === 'string' ? model['$id'] : 'unnamed') },
  })
}

function nameWildcard(schema: FastifySchema): FastifySchema {
  const params = schema.params as { properties?: Record<string, unknown> } | undefined
  const { '*': path, ...properties } = params?.properties ?? {}
  if (path === undefined) return schema
  return {
    ...schema,
    params: { type: 'object', properties: { ...properties, path }, required: [...Object.keys(properties), 'path'] },
  }
}

/** Serves the document. */
export function apiDocument(app: App): void {
  app.get('/openapi.json', {
    config: { asks: 'nothing' },
    schema: { hide: true },
    handler: (_request, reply) => reply.header('cache-control', 'no-cache').send(app.swagger()),
  })
}
