/** Long work over HTTP: the server's sendEvents and the client's events, on a real connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { events } from '../src/client/event-stream.ts'
import { Transport } from '../src/client/transport.ts'
import { AshlarError } from '../src/common/errors.ts'
import { type EventStreamOptions, sendEvents } from '../src/server/event-stream.ts'
import { sendProblem } from '../src/server/problem.ts'
import { signalOf } from '../src/server/request-body.ts'

const call = { method: 'POST', path: '/work', json: {}, repeatable: false } as const

/** A server whose only route does this work, and a client of it. */
async function working(
  t: TestContext,
  work: (signal: AbortSignal) => AsyncGenerator<object>,
  options: EventStreamOptions = {},
): Promise<{ transport: Transport; url: string }> {
  const app = fastify()
  app.setErrorHandler(sendProblem)
  app.post('/work', async (request, reply) => {
    await sendEvents(request, reply, work(signalOf(reply)), options)
    return reply
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/`
  const transport = new Transport(new URL(url), {})
  t.after(async () => {
    transport.close()
    await app.close()
  })
  return { transport, url }
}

test('events come one by one, the last with the end', async (t) => {
  const { transport } = await working(t, async function* () {
    yield { kind: 'one', text: 'ä\u2028' }
    yield { kind: 'end' }
  })
  assert.deepEqual(await Array.fromAsync(events(transport, call)), [{ kind: 'one', text: 'ä\u2028' }, { kind: 'end' }])
})

test('an error before the first event is a problem document with its status', async (t) => {
  // oxlint-disable-next-line require-yield -- it fails before
  const { transport, url } = await working(t, async function* () {
    throw new AshlarError('busy', 'Another one is under way.')
  })
  const answer = await fetch(`${url}work`, { method: 'POST' })
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  assert.equal(((await answer.json()) as { code: string }).code, 'busy')
  await assert.rejects(Array.fromAsync(events(transport, call)), { code: 'busy', message: 'Another one is under way.' })
})

test('an error after it is told after what was told before', async (t) => {
  const { transport } = await working(t, async function* () {
    yield { kind: 'one' }
    throw new AshlarError('storage-full', 'There is no room.')
  })
  const told: unknown[] = []
  await assert.rejects(
    async () => {
      for await (const event of events(transport, call)) told.push(event)
    },
    { code: 'storage-full', message: 'There is no room.' },
  )
  assert.deepEqual(told, [{ kind: 'one' }])
})

test('work that is silent shows that it is alive, which the client does not pass on', async (t) => {
  const work = async function* () {
    yield { kind: 'one' }
    await sleep(60)
    yield { kind: 'end' }
  }
  const { transport, url } = await working(t, work, { aliveMs: 10 })
  const text = await (await fetch(`${url}work`, { method: 'POST' })).text()
  assert.match(text, /^\{"kind":"one"\}\n(\{"kind":"alive"\}\n)+\{"kind":"end"\}\n$/)
  assert.deepEqual(await Array.fromAsync(events(transport, call)), [{ kind: 'one' }, { kind: 'end' }])
})

test('a client that stops listening stops the work', async (t) => {
  const ended = Promise.withResolvers<string>()
  const { transport } = await working(t, async function* (signal) {
    try {
      yield { kind: 'one' }
      await once(signal, 'abort')
      signal.throwIfAborted()
    } catch (error) {
      ended.resolve(error instanceof Error ? error.message : '')
      throw error
    }
  })
  for await (const _event of events(transport, call)) break
  assert.equal(await ended.promise, 'The client has gone.')
})

test('a client that goes between two events leaves the work returned', async (t) => {
  const ended = Promise.withResolvers<void>()
  const { transport } = await working(t, async function* () {
    try {
      // More than the buffers of a connection hold, so that it waits for the client.
      for (;;) yield { kind: 'many', text: 'x'.repeat(1 << 20) }
    } finally {
      ended.resolve()
    }
  })
  for await (const _event of events(transport, call)) break
  await ended.promise
})

test('a client that stops reading is cut off, and does not hold up the work for ever', async (t) => {
  const ended = Promise.withResolvers<void>()
  const work = async function* () {
    try {
      for (;;) yield { kind: 'many', text: 'x'.repeat(1 << 20) }
    } finally {
      ended.resolve()
    }
  }
  const { url } = await working(t, work, { stuckMs: 100 })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.pause()
  socket.write('POST /work HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n')
  await ended.promise
})

test('a slow client slows the work', async (t) => {
  let made = 0
  const { transport } = await working(t, async function* () {
    for (; made < 200; made += 1) yield { kind: 'many', text: 'x'.repeat(1 << 20) }
    yield { kind: 'end' }
  })
  for await (const _event of events(transport, call)) {
    await sleep(200)
    assert.ok(made < 100, `${made} MiB were made for a client that read one`)
    break
  }
})

test('an answer that breaks off, or is none of ours, is no success', async (t) => {
  const answers = ['{"kind":"one"}\n', '{"kind":"one"}\n{"kind":"e', '<html>\n', '[1]\nnull\n', '']
  for (const answer of answers) {
    const server = createServer((_request, response) => void response.end(answer))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const transport = new Transport(new URL(`http://127.0.0.1:${port}/`), {})
    t.after(() => server.close())
    await assert.rejects(Array.fromAsync(events(transport, call)), { code: 'server-unreachable' }, answer)
    transport.close()
  }
})

test('a server that is killed in the middle is named as such', async (t) => {
  const server = createServer((_request, response) => {
    response.write('{"kind":"one"}\n')
    setTimeout(() => response.destroy(), 20)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const transport = new Transport(new URL(`http://127.0.0.1:${port}/`), {})
  await assert.rejects(Array.fromAsync(events(transport, call)), { code: 'server-unreachable' })
  transport.close()
})
