/**
 * Asks an upstream over HTTP for the bytes as they lie there. `fetch` will not do: it unpacks what comes with a
 * Content-Encoding (RFC 9110 section 8.4), and servers name one for files that are themselves compressed, as Apache does
 * for `.gz` by its default.
 */
import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http'
import { request as requestHttps } from 'node:https'
import { httpAgent, httpsAgent, type SocketLimits } from './guarded-sockets.ts'

export interface UpstreamQuestion {
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: OutgoingHttpHeaders
}

export const upstreamLimits: SocketLimits = { connectMs: 30_000, silenceMs: 30_000, sockets: 16 }

const maxRedirects = 5
/** How often a socket that waited may turn out to be closed by the server. */
const maxStaleSockets = 3
const redirects = new Set([301, 302, 303, 307, 308])
/** A longer body that nobody wants costs its connection rather than being read. */
const smallBytes = 16 << 10

/** Its sockets are kept for further requests, and keep no process running. */
export class UpstreamClient {
  readonly #http: Agent
  readonly #https: Agent

  constructor(limits: SocketLimits = upstreamLimits) {
    this.#http = httpAgent(limits)
    this.#https = httpsAgent(limits)
  }

  /**
   * The first answer that is no redirect, whatever its status. Who gets it reads its body to the end or destroys it; its
   * errors are told by the reading, and to nobody before.
   * @throws Error if there is none
   */
  async ask(url: string, question: UpstreamQuestion = {}): Promise<IncomingMessage> {
    let at = new URL(url)
    for (let followed = 0; ; followed += 1) {
      const answer = await this.#askFresh(at, question)
      const { location } = answer.headers
      if (!redirects.has(answer.statusCode ?? 0) || location === undefined) return answer
      discard(answer, question.method)
      if (followed === maxRedirects) throw new Error(`it redirects more than ${maxRedirects} times`)
      at = redirected(at, location)
    }
  }

  /** A socket that was kept may be closed by the server in the same moment, which says nothing of the request. */
  async #askFresh(url: URL, question: UpstreamQuestion): Promise<IncomingMessage> {
    for (let stale = 0; ; stale += 1) {
      const request = this.#request(url, question)
      try {
        return await answerOf(request)
      } catch (error) {
        if (!request.reusedSocket || !isReset(error) || stale === maxStaleSockets) throw error
      }
    }
  }

  #request(url: URL, { method = 'GET', headers }: UpstreamQuestion): ClientRequest {
    const options = { method, headers: { 'user-agent': 'Ashlar', 'accept-encoding': 'identity', ...headers } }
    return url.protocol === 'https:'
      ? requestHttps(url, { ...options, agent: this.#https })
      : requestHttp(url, { ...options, agent: this.#http })
  }
}

/**
 * Where a redirect leads. What was asked for over TLS is not then fetched without it.
 * @throws Error if it leads nowhere that we go
 */
export function redirected(from: URL, location: string): URL {
  const to = URL.parse(location, from)
  if (to === null || (to.protocol !== 'http:' && to.protocol !== 'https:')) {
    throw new Error('it redirects to no http or https URL')
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') throw new Error('it redirects from https to http')
  return to
}

/** Gives back the socket of an answer whose body nobody wants. */
export function discard(answer: IncomingMessage, method: UpstreamQuestion['method'] = 'GET'): void {
  if (method === 'HEAD' || Number(answer.headers['content-length']) <= smallBytes) answer.resume()
  else answer.destroy()
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request.once('response', (answer) => {
    answer.on('error', () => {})
    // That the socket fell silent is told here; the answer would only say that it was cut.
    request.on('error', (error) => answer.destroy(error))
    resolve(answer)
  })
  request.on('error', reject)
  request.end()
  return promise
}
