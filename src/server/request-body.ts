/**
 * Bodies that are streamed, and answers that come before a body has ended.
 *
 * Many clients read the answer only when they have sent everything. If the server ended the exchange before, and with
 * it perhaps the connection, the client's system would throw away the answer together with the reset (RFC 9112 section
 * 9.6). So an early answer is written at once, but ended only when the rest of the body has been read and discarded, or
 * after a while. With `Expect: 100-continue` nothing is sent in vain: the server says 100 only when somebody reads.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from './context.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads the body itself, piece by piece. */
    streamsBody?: boolean
  }
  interface FastifyRequest {
    /** The client asked before it sends its body, and was not told to go on yet. */
    awaitsContinue: boolean
  }
}

/** How long the rest of an unwanted body is read before the connection is cut. */
const lingerMs = 30_000

/** Lets clients ask before they send. */
export function handleExpectations(app: App): void {
  app.decorateRequest('awaitsContinue', false)
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response))
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.headers.expect !== undefined) request.awaitsContinue = true
    done()
  })
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (request.routeOptions.config.streamsBody !== true) sendContinue(request, reply)
    done(null)
  })
}

/** The body as it comes. A consumer that stops early leaves the connection intact for the answer. */
export async function* receiveBody(request: FastifyRequest, reply: FastifyReply): AsyncGenerator<Uint8Array, void> {
  sendContinue(request, reply)
  yield* request.raw.iterator({ destroyOnReturn: false })
}

/** Whether the client is still sending, or about to send, what nobody will read. */
export function isBodyComing({ raw, awaitsContinue }: FastifyRequest): boolean {
  if (raw.complete || raw.destroyed || awaitsContinue) return false
  return raw.headers['transfer-encoding'] !== undefined || Number(raw.headers['content-length'] ?? 0) > 0
}

/** Sends an answer with these bytes at once, and ends it when the client has stopped sending. */
export function answerEarly(request: FastifyRequest, reply: FastifyReply, bytes: Uint8Array): void {
  const { raw } = reply.hijack()
  raw.statusCode = reply.statusCode
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value)
  raw.setHeader('content-length', bytes.length)
  raw.write(bytes)
  const timer = setTimeout(() => raw.destroy(), lingerMs).unref()
  const finish = (): void => {
    clearTimeout(timer)
    if (!raw.writableEnded) raw.end()
  }
  request.raw.once('end', finish)
  request.raw.once('close', finish)
  request.raw.on('error', finish)
  request.raw.resume()
}

/** Aborts when the client goes away before it has its answer. */
export function signalOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new Error('The client has gone.'))
  })
  return controller.signal
}

function sendContinue(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.awaitsContinue) return
  request.awaitsContinue = false
  reply.raw.writeContinue()
}
