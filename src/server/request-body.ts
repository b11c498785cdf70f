/**
 * Bodies that are streamed, and answers that come before a body has ended.
 *
 * A client may learn from an early 4xx while it still sends. If the server closed the connection then, the client's
 * system would throw away the answer together with the reset. So the rest is read and discarded for a while, and only
 * then the connection is closed (RFC 9112 section 9.6). With `Expect: 100-continue` nothing is sent in vain: the
 * server says 100 only when somebody begins to read.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from './context.ts'

/** How long the rest of an unwanted body is read before the connection is closed. */
const lingerMs = 30_000

/** Makes early answers arrive. */
export function handleEarlyAnswers(app: App): void {
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response))
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (request.routeOptions.config.streamsBody !== true) sendContinue(request, reply)
    done(null)
  })
  app.addHook('onResponse', (request, _reply, done) => {
    const { raw } = request
    if (!raw.complete && !raw.destroyed) {
      const timer = setTimeout(() => raw.socket.destroy(), lingerMs).unref()
      raw.once('close', () => clearTimeout(timer))
      raw.on('error', () => undefined)
      raw.resume()
    }
    done()
  })
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads the body itself, piece by piece. */
    streamsBody?: boolean
  }
}

/** The body as it comes. A consumer that stops early leaves the connection intact for the answer. */
export async function* receiveBody(request: FastifyRequest, reply: FastifyReply): AsyncGenerator<Uint8Array, void> {
  sendContinue(request, reply)
  yield* request.raw.iterator({ destroyOnReturn: false })
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
  if (request.headers.expect?.toLowerCase() === '100-continue' && !reply.raw.headersSent) reply.raw.writeContinue()
}
