import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openServer } from '../../test/support/open-server.ts'
import { catalogue } from '../common/errors.ts'

const main = '/workspaces/local/main'
const file = { path: 'a', size: 1, sha256: 'a'.repeat(64) }

interface Case {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly json?: unknown
  readonly text?: string
  readonly headers?: Record<string, string>
  readonly code: keyof typeof catalogue
  /** JSON pointer to what is wrong. */
  readonly field?: string
  readonly detail?: RegExp
}

const wish = (artifact: object): object => ({
  artifacts: [{ category: 'debian:binary-package', files: [], ...artifact }],
})

const cases: Case[] = [
  { name: 'no such address', method: 'GET', path: '/nothing', code: 'not-found', detail: /\/api\/v1\/nothing/ },
  {
    name: 'another method',
    method: 'DELETE',
    path: `${main}/suites`,
    code: 'method-not-allowed',
    detail: /GET, HEAD, POST/,
  },
  { name: 'a bad encoding', method: 'GET', path: '/scopes/%zz/workspaces', code: 'request-invalid' },
  { name: 'broken JSON', method: 'POST', path: `${main}/suites`, text: '{"name":', code: 'request-invalid' },
  { name: 'no JSON at all', method: 'POST', path: `${main}/suites`, text: '', code: 'request-invalid' },
  {
    name: 'a poisoned prototype',
    method: 'POST',
    path: `${main}/suites`,
    text: '{"__proto__":{}}',
    code: 'request-invalid',
  },
  {
    name: 'another media type',
    method: 'POST',
    path: `${main}/suites`,
    text: 'x',
    headers: { 'content-type': 'text/csv' },
    code: 'request-invalid',
    field: '/content-type',
    detail: /text\/csv/,
  },
  {
    name: 'a missing member',
    method: 'POST',
    path: `${main}/suites`,
    json: {},
    code: 'request-invalid',
    field: '/name',
    detail: /name.*missing/,
  },
  {
    name: 'an unknown member',
    method: 'POST',
    path: `${main}/suites`,
    json: { name: 'a', colour: 1 },
    code: 'request-invalid',
    field: '/colour',
    detail: /colour.*not known/,
  },
  {
    name: 'a value that is not allowed',
    method: 'POST',
    path: `${main}/suites`,
    json: { name: 'a', versions: 'some' },
    code: 'request-invalid',
    field: '/versions',
  },
  {
    name: 'a number in quotes',
    method: 'POST',
    path: `${main}/artifacts`,
    json: wish({ files: [{ ...file, size: '1' }] }),
    code: 'request-invalid',
    field: '/artifacts/0/files/0/size',
    detail: /integer/,
  },
  {
    name: 'a negative size',
    method: 'POST',
    path: `${main}/artifacts`,
    json: wish({ files: [{ ...file, size: -1 }] }),
    code: 'request-invalid',
    field: '/artifacts/0/files/0/size',
  },
  {
    name: 'half a digest',
    method: 'POST',
    path: `${main}/artifacts`,
    json: wish({ files: [{ ...file, sha256: 'abc' }] }),
    code: 'request-invalid',
    field: '/artifacts/0/files/0/sha256',
  },
  {
    name: 'no artifact',
    method: 'POST',
    path: `${main}/artifacts`,
    json: { artifacts: [] },
    code: 'request-invalid',
    field: '/artifacts',
  },
  {
    name: 'too many artifacts',
    method: 'POST',
    path: `${main}/artifacts`,
    json: { artifacts: Array.from({ length: 1001 }, () => ({ category: 'x', files: [] })) },
    code: 'request-invalid',
    field: '/artifacts',
  },
  {
    name: 'an unknown category',
    method: 'POST',
    path: `${main}/artifacts`,
    json: wish({ category: 'x' }),
    code: 'category-invalid',
  },
  {
    name: 'a huge body',
    method: 'POST',
    path: `${main}/suites`,
    text: `"${'x'.repeat(9 * 1024 * 1024)}"`,
    code: 'too-large',
  },
  {
    name: 'a misspelt query',
    method: 'GET',
    path: `${main}/artifacts?limt=1`,
    code: 'request-invalid',
    field: '/limt',
  },
  {
    name: 'a word for a number',
    method: 'GET',
    path: `${main}/artifacts?limit=ten`,
    code: 'request-invalid',
    field: '/limit',
  },
  {
    name: 'a number out of bounds',
    method: 'GET',
    path: `${main}/artifacts?limit=0`,
    code: 'request-invalid',
    field: '/limit',
  },
  {
    name: 'a query twice',
    method: 'GET',
    path: `${main}/artifacts?limit=1&limit=2`,
    code: 'request-invalid',
    field: '/limit',
  },
  { name: 'an id that is none', method: 'GET', path: `${main}/artifacts/x`, code: 'request-invalid', field: '/id' },
  { name: 'an id of nothing', method: 'GET', path: `${main}/artifacts/99`, code: 'not-found', detail: /99/ },
  { name: 'an unknown suite', method: 'GET', path: `${main}/suites/nope`, code: 'suite-unknown', detail: /nope/ },
  { name: 'an unknown change', method: 'GET', path: `${main}/changes/99`, code: 'not-found', detail: /99/ },
  {
    name: 'a bad idempotency key',
    method: 'POST',
    path: `${main}/suites`,
    json: { name: 'a' },
    headers: { 'idempotency-key': 'a b' },
    code: 'request-invalid',
    field: '/idempotency-key',
  },
]

test('what is wrong with a request is said in a problem document', async (t) => {
  const { call } = await openServer(t)
  for (const { name, method, path, json, text: body, headers, code, field, detail } of cases) {
    await t.test(`${name} is answered with the problem ${code}`, async () => {
      const wish =
        body === undefined
          ? { json, headers }
          : { body: Buffer.from(body), headers: { 'content-type': 'application/json', ...headers } }
      const answer = await call(method, path, wish as object)
      assert.equal(answer.headers.get('content-type'), 'application/problem+json')
      assert.equal(answer.headers.get('cache-control'), 'no-store')
      const { type, title, status, advice, instance, requestId } = answer.body
      const entry = catalogue[code]
      assert.deepEqual({ type, title, status, advice }, { type: `urn:ashlar:error:${code}`, ...entry })
      assert.equal(answer.status, entry.status)
      assert.equal(instance, `/api/v1${path.split('?')[0]}`)
      assert.match(requestId, /^[0-9a-f]{8}-[0-9a-z]+$/)
      assert.match(answer.body.detail, detail ?? /./)
      assert.equal(answer.body.field, field)
    })
  }
})

test('405 says which methods there are', async (t) => {
  const { call } = await openServer(t)
  assert.equal((await call('DELETE', `${main}/suites`)).headers.get('allow'), 'GET, HEAD, POST')
})

test('a browser gets the same sentences as a page; apt and the API never do', async (t) => {
  const { url } = await openServer(t)
  const browser = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } }
  const page = await fetch(`${url}/apt/local/main/pool/<b>`, browser)
  assert.equal(page.status, 404)
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
  const html = await page.text()
  assert.ok(html.includes(catalogue['not-found'].title))
  assert.ok(!html.includes('<b>'))
  for (const [path, accept] of [
    ['/apt/local/main/dists/x/InRelease', 'text/*'],
    ['/api/v1/nothing', browser.headers.accept],
  ] as const) {
    const answer = await fetch(url + path, { headers: { accept } })
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    await answer.body?.cancel()
  }
})

const malformed: [name: string, bytes: string, status: number][] = [
  ['what is not HTTP', 'hello\r\n\r\n', 400],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
  ['a length and chunks', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['a huge header', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 431],
]
test('what is not even a request is answered as far as possible', async (t) => {
  const { port } = await openServer(t)
  for (const [name, bytes, status] of malformed) {
    await t.test(`${name} gets ${status} and the connection is closed`, async () => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(bytes)
      assert.match(await text(socket), new RegExp(`^HTTP/1\\.1 ${status} `))
    })
  }
})
