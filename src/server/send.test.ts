import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import fastify, { type FastifyInstance } from 'fastify'
import { type Opened, type Resource, sendResource } from './send.ts'

const digits: Resource = {
  contentType: 'text/plain',
  etag: '"digits"',
  sizeBytes: 10,
  cache: 'immutable',
  isPrivate: false,
  lastModified: { seconds: 1_795_420_887, honoured: true },
  open: (range) => ({ kind: 'bytes', bytes: Buffer.from('0123456789').subarray(range?.start, range?.end) }),
}

/** A server on a free port that answers /digits, /streamed and whatever else is given. */
async function serve(
  t: TestContext,
  more: Record<string, Resource> = {},
): Promise<{ app: FastifyInstance; port: number }> {
  const app = fastify()
  const streamed: Resource = {
    ...digits,
    open: (range) => ({
      kind: 'stream',
      stream: Readable.from([Buffer.from('0123456789').subarray(range?.start, range?.end)]),
    }),
  }
  for (const [name, resource] of Object.entries({ digits, streamed, ...more })) {
    app.route({
      method: ['GET', 'HEAD'],
      url: `/${name}`,
      handler: async (request, reply) => {
        await sendResource(request, reply, resource)
        return reply
      },
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  return { app, port: (app.server.address() as AddressInfo).port }
}

for (const path of ['digits', 'streamed']) {
  test(`/${path}: whole, in part, not modified, and by HEAD`, async (t) => {
    const { port } = await serve(t)
    const url = `http://127.0.0.1:${port}/${path}`
    const whole = await fetch(url)
    assert.equal(whole.status, 200)
    assert.equal(await whole.text(), '0123456789')
    assert.equal(whole.headers.get('content-length'), '10')
    assert.equal(whole.headers.get('etag'), '"digits"')
    assert.equal(whole.headers.get('accept-ranges'), 'bytes')
    assert.equal(whole.headers.get('last-modified'), 'Mon, 23 Nov 2026 08:01:27 GMT')
    assert.equal(whole.headers.get('cache-control'), 'public, max-age=31536000, immutable')

    const part = await fetch(url, { headers: { range: 'bytes=2-4' } })
    assert.equal(part.status, 206)
    assert.equal(part.headers.get('content-range'), 'bytes 2-4/10')
    assert.equal(part.headers.get('content-length'), '3')
    assert.equal(await part.text(), '234')

    const unchanged = await fetch(url, { headers: { 'if-none-match': '"digits"' } })
    assert.equal(unchanged.status, 304)
    assert.equal(unchanged.headers.get('etag'), '"digits"')
    assert.equal(unchanged.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(await unchanged.text(), '')

    const head = await fetch(url, { method: 'HEAD', headers: { range: 'bytes=2-4' } })
    assert.equal(head.status, 200)
    assert.equal(head.headers.get('content-length'), '10')

    const beyond = await fetch(url, { headers: { range: 'bytes=10-' } })
    assert.equal(beyond.headers.get('content-range'), 'bytes */10')
  })
}

test('private and changing resources are kept out of shared caches and asked for again', async (t) => {
  const { port } = await serve(t, { mine: { ...digits, isPrivate: true, cache: 'revalidate' } })
  const answer = await fetch(`http://127.0.0.1:${port}/mine`)
  assert.equal(answer.headers.get('cache-control'), 'private, no-cache')
})

test('a redirect to a store is never kept', async (t) => {
  const elsewhere = 'https://bucket.example/object?signature=x'
  const { port } = await serve(t, { away: { ...digits, link: () => Promise.resolve(elsewhere) } })
  const answer = await fetch(`http://127.0.0.1:${port}/away`, { redirect: 'manual' })
  assert.equal(answer.status, 302)
  assert.equal(answer.headers.get('location'), elsewhere)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
})

test('ten pipelined requests on one connection are answered in order', async (t) => {
  // The earlier in the row, the slower to open: only the order of the requests can order the answers.
  const slow = (number: number): Resource => ({
    ...digits,
    sizeBytes: 2,
    open: async () => {
      await new Promise((resolve) => {
        setTimeout(resolve, (10 - number) * 5)
      })
      return { kind: 'stream', stream: Readable.from([Buffer.from(`#${number}`)]) }
    },
  })
  const paths = Array.from({ length: 10 }, (_, number) => `slow${number}`)
  const { port } = await serve(t, Object.fromEntries(paths.map((path, number) => [path, slow(number)])))
  const socket = connect(port, '127.0.0.1')
  const request = (path: string, close: boolean): string =>
    `GET /${path} HTTP/1.1\r\nHost: a\r\n${close ? 'Connection: close\r\n' : ''}\r\n`
  socket.write(paths.map((path, index) => request(path, index === 9)).join(''))
  const answers = await text(socket)
  assert.equal(answers.match(/HTTP\/1\.1 200 OK/g)?.length, 10)
  assert.deepEqual(
    answers.match(/#\d/g),
    paths.map((_, number) => `#${number}`),
  )
})

test('a client that goes away in the middle ends the reading, and the server goes on', async (t) => {
  const closed = Promise.withResolvers<number>()
  let read = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    const chunk = Buffer.alloc(64 * 1024)
    try {
      for (;;) {
        read += chunk.length
        yield chunk
      }
    } finally {
      closed.resolve(read)
    }
  }
  const sizeBytes = Number.MAX_SAFE_INTEGER
  const { port } = await serve(t, {
    endless: { ...digits, sizeBytes, open: () => ({ kind: 'stream', stream: endless() }) },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'data')
  socket.pause()
  socket.destroy()
  await closed.promise
  assert.equal((await fetch(`http://127.0.0.1:${port}/digits`)).status, 200)
})

test('a client that reads slowly holds the reading back', async (t) => {
  let read = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 64 * 1024
      yield Buffer.alloc(64 * 1024)
    }
  }
  const sizeBytes = Number.MAX_SAFE_INTEGER
  const { port } = await serve(t, {
    endless: { ...digits, sizeBytes, open: () => ({ kind: 'stream', stream: endless() }) },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(socket, 'readable')
  let before = -1
  while (before !== read) {
    before = read
    await new Promise((resolve) => {
      setTimeout(resolve, 200)
    })
  }
  // Before the server closes, which waits for answers under way.
  socket.destroy()
  assert.ok(read < 64 * 1024 * 1024, `${read} bytes were read for a client that takes none`)
})

test('a client that has gone before the bytes are opened does no harm, and the stream is closed', async (t) => {
  const opening = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<Opened>()
  const resource: Resource = {
    ...digits,
    open: () => {
      opening.resolve()
      return opened.promise
    },
  }
  const { app, port } = await serve(t, { late: resource })
  const gone = Promise.withResolvers<void>()
  app.server.once('connection', (connection) => connection.once('close', () => gone.resolve()))
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /late HTTP/1.1\r\nHost: a\r\n\r\n')
  await opening.promise
  socket.destroy()
  await gone.promise
  const stream = Readable.from([Buffer.from('0123456789')])
  opened.resolve({ kind: 'stream', stream })
  await once(stream, 'close')
  assert.equal((await fetch(`http://127.0.0.1:${port}/digits`)).status, 200)
})

test('a stream that fails midway cuts the connection instead of passing for whole', async (t) => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('01234')
    throw new Error('the disk is broken')
  }
  const { port } = await serve(t, { failing: { ...digits, open: () => ({ kind: 'stream', stream: failing() }) } })
  await assert.rejects(async () => (await fetch(`http://127.0.0.1:${port}/failing`)).text())
})

test('what fails before the first byte becomes an error answer', async (t) => {
  const failing: Resource = { ...digits, open: () => Promise.reject(new Error('missing')) }
  const { port } = await serve(t, { failing })
  assert.equal((await fetch(`http://127.0.0.1:${port}/failing`)).status, 500)
})
