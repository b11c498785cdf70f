/**
 * Asks an upstream over HTTP for the bytes as they lie there. `fetch` will not do: it unpacks what comes with a
 * Content-Encoding (RFC 9110 section 8.4), and servers name one for files that are themselves compressed, as Apache does
 * for `.gz` by its default.
 *
 * Where an upstream may send us: to http and https, a few times, and from the internet never to an address that is not of
 * it, whatever name that has. The host that an administrator has named may be anywhere.
 */
import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
} from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import { httpAgent, httpsAgent, type SocketLimits } from './guarded-sockets.ts'
import { isPublicAddress, type IsPublic, NotPublic, publicLookup } from './public-addresses.ts'

export interface UpstreamQuestion {
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: OutgoingHttpHeaders
}

export const upstreamLimits: SocketLimits = { connectMs: 30_000, silenceMs: 30_000, sockets: 16 }

const maxRedirects = 5
/** How often a socket that waited may turn out to be closed by the server. */
const maxStaleSockets = 3
const redirects = new Set([301, 302, 303, 307, 308])
/** How many times the time of silence a server may take until its answer begins: its headers may trickle. */
const silencesToAnswer = 4
/** A longer body that nobody wants costs its connection rather than being read. */
const smallBytes = 16 << 10

/** Its sockets are kept for further requests, and keep no process running. */
export class UpstreamClient {
  readonly #isPublic: IsPublic
  readonly #answerMs: number
  /** To wherever an administrator has sent us. */
  readonly #named: Agents
  /** To where an upstream on the internet sends us. Sockets are not shared with the others. */
  readonly #public: Agents

  constructor(limits: SocketLimits = upstreamLimits, isPublic: IsPublic = isPublicAddress) {
    this.#isPublic = isPublic
    this.#answerMs = silencesToAnswer * limits.silenceMs
    this.#named = { http: httpAgent(limits), https: httpsAgent(limits) }
    const lookup = publicLookup(isPublic)
    this.#public = { http: httpAgent(limits, lookup), https: httpsAgent(limits, lookup) }
  }

  /**
   * The first answer that is no redirect, whatever its status. Who gets it reads its body to the end or destroys it; its
   * errors are told by the reading, and to nobody before.
   * @throws Error if there is none
   */
  async ask(url: string, question: UpstreamQuestion = {}): Promise<IncomingMessage> {
    let at = new URL(url)
    let agents = this.#named
    for (let followed = 0; ; followed += 1) {
      const answer = await this.#askFresh(at, question, agents)
      const { location } = answer.headers
      if (!redirects.has(answer.statusCode ?? 0) || location === undefined) return answer
      const cameFrom = answer.socket.remoteAddress
      discard(answer, question.method)
      if (followed === maxRedirects) throw new Error(`it redirects more than ${maxRedirects} times`)
      at = redirected(at, location)
      if (cameFrom === undefined || this.#isPublic(cameFrom)) agents = this.#public
      if (agents === this.#public) this.#requirePublic(at)
    }
  }

  /** A socket that was kept may be closed by the server in the same moment, which says nothing of the request. */
  async #askFresh(url: URL, question: UpstreamQuestion, agents: Agents): Promise<IncomingMessage> {
    for (let stale = 0; ; stale += 1) {
      const request = requestTo(url, question, agents)
      try {
        return await answerOf(request, this.#answerMs)
      } catch (error) {
        if (!request.reusedSocket || !isReset(error) || stale === maxStaleSockets) throw error
      }
    }
  }

  /** A host that is written as an address is not looked up. @throws NotPublic */
  #requirePublic({ hostname }: URL): void {
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    if (isIP(host) !== 0 && !this.#isPublic(host)) throw new NotPublic(host, host)
  }
}

interface Agents {
  readonly http: Agent
  readonly https: Agent
}

function requestTo(url: URL, { method = 'GET', headers }: UpstreamQuestion, agents: Agents): ClientRequest {
  const options = { method, headers: { 'user-agent': 'Ashlar', 'accept-encoding': 'identity', ...headers } }
  return url.protocol === 'https:'
    ? requestHttps(url, { ...options, agent: agents.https })
    : requestHttp(url, { ...options, agent: agents.http })
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

function answerOf(request: ClientRequest, answerMs: number): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  // Not while it waits for a socket.
  request.once('socket', () => {
    const late = setTimeout(() => request.destroy(new Error(`no answer in ${answerMs} ms`)), answerMs).unref()
    for (const event of ['response', 'close'] as const) request.once(event, () => clearTimeout(late))
  })
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
