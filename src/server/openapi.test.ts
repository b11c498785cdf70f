import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServer } from '../../test/support/open-server.ts'
import { models } from './models.ts'

interface Operation {
  readonly operationId?: string
  readonly summary?: string
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
  readonly responses: { readonly default: { readonly content: object } }
}

test('the OpenAPI document names every model, and every reference in it leads somewhere', async (t) => {
  const { call } = await openServer(t)
  const { status, body: document } = await call('GET', '/openapi.json', { token: undefined })
  assert.equal(status, 200)
  assert.equal(document.openapi, '3.1.0')
  const names = Object.keys(document.components.schemas).toSorted()
  assert.deepEqual(names, models.map((model) => String(Reflect.get(model, '$id'))).toSorted())
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1])
  assert.ok(references.length > 50)
  for (const reference of new Set(references)) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(reference ?? '')?.[1]
    assert.ok(name !== undefined && names.includes(name), `${reference} leads nowhere`)
  }
})

test('every operation has a name of its own, a summary, its parameters, and a problem document', async (t) => {
  const { call } = await openServer(t)
  const { body: document } = await call('GET', '/openapi.json')
  const seen = new Set<string>()
  for (const [path, operations] of Object.entries<Record<string, Operation>>(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      // HEAD is the GET without a body.
      if (method === 'head') continue
      const where = `${method} ${path}`
      const name = operation.operationId ?? ''
      assert.ok(name !== '' && !seen.has(name), `${where} has no name of its own`)
      seen.add(name)
      assert.ok(operation.summary, where)
      assert.ok('application/problem+json' in operation.responses.default.content, where)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const described = (operation.parameters ?? []).filter((each) => each.in === 'path').map((each) => each.name)
      assert.deepEqual(new Set(described), new Set(inPath), where)
    }
  }
  assert.ok(seen.size >= 25)
})
