import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { makeDeb } from '../../test/support/make-deb.ts'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'

const main = '/workspaces/local/main'
const deb = makeDeb({ name: 'hello', version: '1', files: { 'usr/share/hello/noise': randomBytes(100_000) } })

/** Announces one .deb; the address of its file. */
async function announce({ call }: OpenServer, bytes: Uint8Array = deb, path = 'hello_1_all.deb'): Promise<string> {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const artifact = { category: 'debian:binary-package', files: [{ path, size: bytes.length, sha256 }] }
  const answer = await call('POST', `${main}/artifacts`, { json: { artifacts: [artifact] } })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  assert.deepEqual(answer.body.artifacts[0].missing, [path])
  return `${main}/artifacts/${answer.body.artifacts[0].id}/files/${encodeURIComponent(path)}`
}

test('a file sent whole completes its artifact, and comes back whole, in part, and not at all', async (t) => {
  const server = await openServer(t)
  const address = await announce(server)
  const put = await server.call('PUT', address, { body: deb })
  assert.equal(put.status, 200)
  assert.equal(put.body.complete, true)
  assert.match(put.body.completedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  assert.equal(put.body.data.name, 'hello')

  const get = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${server.url}/api/v1${address}`, { headers })
  const whole = await get({})
  assert.deepEqual(Buffer.from(await whole.arrayBuffer()), deb)
  const etag = whole.headers.get('etag') ?? ''
  assert.equal(etag, `"${createHash('sha256').update(deb).digest('hex')}"`)
  assert.match(whole.headers.get('content-security-policy') ?? '', /sandbox/)
  const part = await get({ range: 'bytes=10-19', 'if-range': etag })
  assert.equal(part.status, 206)
  assert.deepEqual(Buffer.from(await part.arrayBuffer()), deb.subarray(10, 20))
  assert.equal((await get({ 'if-none-match': etag })).status, 304)
  const beyond = await get({ range: `bytes=${deb.length}-` })
  assert.equal(beyond.status, 416)
  assert.equal(beyond.headers.get('content-range'), `bytes */${deb.length}`)
  const head = await server.call('HEAD', address)
  assert.equal(head.headers.get('content-length'), String(deb.length))
  assert.equal(head.headers.get('upload-offset'), null)

  const tar = await fetch(`${server.url}/api/v1${address.replace(/\/files\/.*/, '.tar')}`)
  assert.equal(tar.headers.get('content-type'), 'application/x-tar')
  assert.ok(Buffer.from(await tar.arrayBuffer()).includes(deb))
})

test('a file sent in pieces says after each how far it is', async (t) => {
  const server = await openServer(t)
  const address = await announce(server)
  const size = deb.length
  const send = (start: number, end: number): ReturnType<typeof server.call> =>
    server.call('PUT', address, {
      body: deb.subarray(start, end),
      headers: { 'content-range': `bytes ${start}-${end - 1}/${size}` },
    })
  const first = await send(0, 50_000)
  assert.equal(first.status, 202)
  assert.equal(first.headers.get('upload-offset'), '50000')
  const head = await server.call('HEAD', address)
  assert.equal(head.status, 204)
  assert.equal(head.headers.get('upload-offset'), '50000')
  assert.equal((await server.call('GET', address)).body.code, 'artifact-incomplete')

  const gap = await send(60_000, size)
  assert.equal(gap.body.code, 'upload-offset')
  assert.equal(gap.body.offset, 50_000)

  const last = await send(50_000, size)
  assert.equal(last.status, 200)
  assert.equal(last.body.complete, true)
})

test('a body without a length is taken too', async (t) => {
  const server = await openServer(t)
  const address = await announce(server)
  const outgoing = httpRequest(`${server.url}/api/v1${address}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${server.token}`, 'transfer-encoding': 'chunked' },
  })
  outgoing.write(deb.subarray(0, 1000))
  outgoing.end(deb.subarray(1000))
  const [answer] = await once(outgoing, 'response')
  assert.equal(answer.statusCode, 200)
  assert.equal(JSON.parse(await text(answer)).complete, true)
})

test('bytes that are not those announced are refused', async (t) => {
  const server = await openServer(t)
  const address = await announce(server)
  const other = Buffer.from(deb)
  other[100] = (other[100] ?? 0) ^ 1
  assert.equal((await server.call('PUT', address, { body: other })).body.code, 'digest-mismatch')
  assert.ok((await server.call('PUT', address, { body: deb.subarray(1) })).status >= 400)
  assert.equal((await server.call('PUT', address, { body: deb })).status, 200)
})

/** Sends a body of many megabytes as a plain client does: all of it, and then reads the answer. */
async function pour(port: number, head: string, bytes: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const answer = text(socket)
  socket.write(`${head}\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n`)
  const chunk = Buffer.alloc(64 * 1024)
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  return answer
}

for (const [name, path, secret, status] of [
  ['without a token', `${main}/artifacts/1/files/a`, undefined, 401],
  ['for an artifact that does not exist', `${main}/artifacts/99/files/a`, 'admin', 404],
  ['at an address that does not exist', '/nothing', 'admin', 404],
  ['as JSON where it is too large', `${main}/suites`, 'admin', 413],
] as const) {
  test(`a client that pours 64 MiB ${name} gets its ${status} when it is done`, async (t) => {
    const { port, token } = await openServer(t)
    const authorization = secret === undefined ? '' : `\r\nAuthorization: Bearer ${token}`
    const method = path.endsWith('suites') ? 'POST' : 'PUT'
    const head = `${method} /api/v1${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json${authorization}`
    const answer = await pour(port, head, 64 * 1024 * 1024)
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
    assert.match(answer, /"requestId"/)
  })
}

test('bad bytes in the midst of a large body get their answer over the same connection', async (t) => {
  const server = await openServer(t)
  const address = await announce(server, deb, 'a_1_all.deb')
  const head = `PUT /api/v1${address} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${server.token}`
  const answer = await pour(server.port, head, 64 * 1024 * 1024)
  assert.match(answer, /^HTTP\/1\.1 4\d\d /)
})

test('a client that asks before it sends is told to go on only if its bytes are wanted', async (t) => {
  const server = await openServer(t)
  const address = await announce(server)
  const ask = (secret: string): ReturnType<typeof httpRequest> =>
    httpRequest(`${server.url}/api/v1${address}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${secret}`, expect: '100-continue', 'content-length': deb.length },
    })
  const refused = ask('wrong')
  let continued = false
  refused.on('continue', () => {
    continued = true
  })
  refused.flushHeaders()
  const [refusal] = await once(refused, 'response')
  assert.equal(refusal.statusCode, 401)
  assert.equal(continued, false)
  refused.destroy()

  const wanted = ask(server.token)
  wanted.flushHeaders()
  await once(wanted, 'continue')
  wanted.end(deb)
  const [answer] = await once(wanted, 'response')
  assert.equal(answer.statusCode, 200)
  answer.resume()
})

test('a client that goes away while it sends can continue where it was', async (t) => {
  const server = await openServer(t)
  const large = makeDeb({ name: 'large', version: '1', files: { noise: randomBytes(8 * 1024 * 1024) } })
  const address = await announce(server, large, 'large_1_all.deb')
  const socket = connect(server.port, '127.0.0.1')
  socket.write(
    `PUT /api/v1${address} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${server.token}\r\nContent-Length: ${large.length}\r\n\r\n`,
  )
  socket.write(large.subarray(0, 4 * 1024 * 1024), () => socket.destroy())
  await once(socket, 'close')
  let offset = 0
  while (offset === 0) offset = Number((await server.call('HEAD', address)).headers.get('upload-offset'))
  // The first request may still be storing what it got; the server then says where to go on.
  for (;;) {
    const rest = {
      body: large.subarray(offset),
      headers: { 'content-range': `bytes ${offset}-${large.length - 1}/${large.length}` },
    }
    const answer = await server.call('PUT', address, rest)
    if (answer.status === 200) break
    assert.equal(answer.body.code, 'upload-offset')
    offset = answer.body.offset
  }
})

test('paths that would leave their artifact name nothing', async (t) => {
  const server = await openServer(t)
  const address = await announce(server)
  const root = address.slice(0, address.lastIndexOf('/') + 1)
  for (const path of ['..%2F..%2Fetc%2Fpasswd', '%2Fetc%2Fpasswd', 'hello%00', 'hello_1_all.deb%2F']) {
    assert.match(String((await server.call('GET', root + path)).status), /^40[04]$/, path)
    assert.match(String((await server.call('PUT', root + path, { body: deb })).status), /^40[04]$/, path)
  }
})
