import assert from 'node:assert/strict'
import { test } from 'node:test'
import ajv from '@fastify/ajv-compiler'
import stringifier from '@fastify/fast-json-stringify-compiler'
import type { FastifySchema } from 'fastify'
import { openServer } from '../../test/support/open-server.ts'
import { buildServer } from './app.ts'

interface Described {
  readonly where: string
  readonly schema: FastifySchema
}

test('the schemas of every route compile, which the start of a server does not prove', async (t) => {
  const routes: Described[] = []
  const { rooms } = await openServer(t)
  const app = buildServer(rooms)
  app.addHook('onRoute', ({ method, url, schema }) => {
    if (schema !== undefined) routes.push({ where: `${String(method)} ${url}`, schema })
  })
  await app.ready()
  t.after(() => app.close())
  const models = app.getSchemas()
  type Models = Parameters<ReturnType<typeof ajv>>[0]
  const validators = ajv()(models as Models, { customOptions: { discriminator: true } })
  const serializers = stringifier()(models)
  let compiled = 0
  for (const { where, schema } of routes) {
    const route = { method: 'GET', url: where, httpStatus: '200' }
    for (const part of [schema.body, schema.querystring, schema.params]) {
      if (part === undefined) continue
      assert.doesNotThrow(() => validators({ ...route, schema: part }), where)
      compiled += 1
    }
    // Fastify would look for them as they are written only in lower case.
    assert.equal(schema.headers, undefined, where)
    for (const answer of Object.values(schema.response ?? {})) {
      for (const part of schemasOf(answer)) {
        assert.doesNotThrow(() => serializers({ ...route, schema: part }), where)
        compiled += 1
      }
    }
  }
  assert.ok(compiled > 200, `${compiled}`)
})

function schemasOf(answer: object): object[] {
  const { content } = answer as { content?: Record<string, { schema: object }> }
  return content === undefined ? [answer] : Object.values(content).map((each) => each.schema)
}
