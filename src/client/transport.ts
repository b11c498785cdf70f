import * as http from 'node:http'
import * as https from 'node:https'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AshlarError } from '../common/errors.ts'
import { errorFromAnswer } from './problem.ts'
import { backOff, isConnectionFailure, mayPass, usualRetries } from './retry.ts'
import type { RetryPolicy } from './retry.ts'

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the server's URL, encoded, with a leading slash. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  /** Bytes to send, with their exact number. A call with bytes is never repeated here: its stream is used up. */
  readonly bytes?: OutgoingBytes
  /** True if a repeated request does no more than the first: then failures that may pass are tried again. */
  readonly repeatable: boolean
  readonly signal?: AbortSignal | undefined
}

export interface OutgoingBytes {
  readonly stream: Readable
  readonly sizeBytes: number
  /** Sends nothing before the server says that it will take it (Expect: 100-continue, RFC 9110 section 10.1.1). */
  readonly asksFirst?: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Readable
}

/** An answer in JSON is never larger than this; a stream of bytes has no limit here. */
const LONGEST_JSON = 256 * 1024 * 1024
/** A connection that is silent for so long is given up. Sealing a large change is the longest silence there is. */
const SILENCE_MS = 10 * 60_000

/**
 * Carries calls to one server over kept-alive connections.
 *
 * Errors: what the server refuses becomes an AshlarError with its code; a server that does not answer becomes
 * `server-unreachable`; an abort stays the signal's reason.
 */
export class Transport {
  readonly #base: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent: http.Agent
  readonly retries: RetryPolicy
  /** A refused connection is repeated only to a server that has answered before: it restarts. Else it is not there. */
  #hasAnswered = false

  constructor(url: URL, options: { token?: string | undefined; connections?: number; retries?: RetryPolicy }) {
    this.#base = url
    this.#headers = options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }
    const agentOptions = { keepAlive: true, maxSockets: options.connections ?? 16, timeout: SILENCE_MS }
    this.#agent = url.protocol === 'https:' ? new https.Agent(agentOptions) : new http.Agent(agentOptions)
    this.retries = options.retries ?? usualRetries
  }

  /** Closes kept connections. */
  close(): void {
    this.#agent.destroy()
  }

  /** The answer to a call that succeeded (2xx); its body must be read or destroyed. */
  async send(call: Call): Promise<Answer> {
    return this.#repeat(call, async (answer) => answer)
  }

  /** The JSON document that answers a call; undefined if the answer is empty. */
  async json(call: Call): Promise<unknown> {
    const text = await this.text(call)
    if (text === '') return undefined
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new AshlarError('server-unreachable', `${this.#base.href} does not answer like an Ashlar server.`, {
        cause,
      })
    }
  }

  /** The text that answers a call. */
  async text(call: Call): Promise<string> {
    return this.#repeat(call, (answer) => textOf(answer.body))
  }

  async #repeat<T>(call: Call, take: (answer: Answer) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const last = !call.repeatable || call.bytes !== undefined || attempt >= this.retries.attempts
      let retryAfter: string | undefined
      try {
        const answer = await this.#once(call)
        if (answer.status < 300) return await take(answer)
        const error = errorFromAnswer(answer.status, await textOf(answer.body), `${call.method} ${call.path}`)
        if (last || !mayPass(answer.status)) throw error
        retryAfter = answer.headers['retry-after']
      } catch (error) {
        if (last || call.signal?.aborted === true || !this.#worthRepeating(error)) throw this.#explain(error, call)
      }
      await backOff(this.retries, attempt, retryAfter, call.signal)
    }
  }

  #worthRepeating(error: unknown): boolean {
    return this.#hasAnswered && isConnectionFailure(error)
  }

  #explain(error: unknown, call: Call): unknown {
    if (call.signal?.aborted === true) return call.signal.reason
    if (!isConnectionFailure(error)) return error
    const reason = error instanceof Error && error.message !== '' ? error.message : 'no answer'
    return new AshlarError('server-unreachable', `No Ashlar server answers on ${this.#base.href} (${reason}).`, {
      cause: error,
    })
  }

  async #once(call: Call): Promise<Answer> {
    const body = call.json === undefined ? undefined : Buffer.from(JSON.stringify(call.json))
    const sizeBytes = call.bytes?.sizeBytes ?? body?.length
    const type = call.bytes === undefined ? 'application/json' : 'application/octet-stream'
    const answered = Promise.withResolvers<Answer>()
    const outgoing = (this.#base.protocol === 'https:' ? https : http).request(this.#address(call), {
      method: call.method,
      agent: this.#agent,
      headers: {
        accept: 'application/json, */*;q=0.5',
        ...this.#headers,
        ...(sizeBytes === undefined ? {} : { 'content-type': type, 'content-length': String(sizeBytes) }),
        ...(call.bytes?.asksFirst === true ? { expect: '100-continue' } : {}),
        ...call.headers,
      },
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    })
    outgoing.on('error', answered.reject)
    outgoing.on('timeout', () => {
      outgoing.destroy(Object.assign(new Error('the server is silent'), { code: 'ETIMEDOUT' }))
    })
    outgoing.on('response', (incoming) => {
      this.#hasAnswered = true
      // A refusal before all bytes are sent ends the sending.
      if (call.bytes !== undefined) incoming.once('end', () => outgoing.writableFinished || outgoing.destroy())
      answered.resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming })
    })
    if (call.bytes === undefined) outgoing.end(body)
    else sendBytes(call.bytes, outgoing, answered)
    return answered.promise
  }

  #address(call: Call): URL {
    const url = new URL(this.#base.href.replace(/\/$/, '') + call.path)
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value))
    }
    return url
  }
}

/** Some servers and proxies never say 100: after so long the bytes are sent anyway. */
const CONTINUE_AFTER_MS = 2000

function sendBytes(bytes: OutgoingBytes, outgoing: http.ClientRequest, answered: PromiseWithResolvers<Answer>): void {
  let begun = false
  const begin = (): void => {
    if (begun || outgoing.destroyed) return
    begun = true
    pipeline(bytes.stream, outgoing).catch(answered.reject)
  }
  if (bytes.asksFirst !== true) return begin()
  const timer = setTimeout(begin, CONTINUE_AFTER_MS)
  outgoing.once('continue', begin)
  outgoing.once('close', () => clearTimeout(timer))
  // An answer without a 100 before it is a refusal: nothing is sent.
  outgoing.once('response', () => {
    begun = true
    clearTimeout(timer)
  })
}

async function textOf(body: Readable): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    size += piece.length
    if (size > LONGEST_JSON) throw new AshlarError('too-large', 'The answer of the server is longer than 256 MiB.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
