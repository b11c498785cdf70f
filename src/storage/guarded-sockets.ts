/**
 * Sockets to another server that cannot hang us: one that does not connect in time, or over which nothing passes for
 * too long, is destroyed, and the request with it.
 *
 * The SDK for S3 has time limits too, but its limit for connecting also runs while a request waits for a socket, and the one
 * for silence also strikes a download whose reader rests.
 */
import { Agent as HttpAgent, type AgentOptions, type ClientRequest, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { type LookupFunction, Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'

export interface SocketLimits {
  /** Until a connection stands, TLS included. */
  readonly connectMs: number
  /** Without a byte, either way. */
  readonly silenceMs: number
  /** The most at once; further requests wait. */
  readonly sockets: number
}

/** @param lookup finds the addresses of hosts, instead of that of Node */
export function httpAgent(limits: SocketLimits, lookup?: LookupFunction): HttpAgent {
  return new GuardedHttpAgent(limits, lookup)
}

/** As `httpAgent`. */
export function httpsAgent(limits: SocketLimits, lookup?: LookupFunction): HttpsAgent {
  return new GuardedHttpsAgent(limits, lookup)
}

/**
 * Stops the watch over the silence of a body whose reader rests, and starts it again.
 * A body that has arrived whole has given its socket to another request.
 */
export function watchSilence(body: Readable, ms: number): void {
  if (body instanceof IncomingMessage && !body.complete) body.socket.setTimeout(ms)
}

class GuardedHttpAgent extends HttpAgent {
  readonly #limits: SocketLimits

  constructor(limits: SocketLimits, lookup: LookupFunction | undefined) {
    super(optionsOf(limits, lookup))
    this.#limits = limits
  }

  override createConnection(...from: Parameters<HttpAgent['createConnection']>): Duplex | null | undefined {
    return guarded(super.createConnection(...from), 'connect', this.#limits)
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    super.reuseSocket(socket, request)
    restart(socket, this.#limits)
  }
}

class GuardedHttpsAgent extends HttpsAgent {
  readonly #limits: SocketLimits

  constructor(limits: SocketLimits, lookup: LookupFunction | undefined) {
    super(optionsOf(limits, lookup))
    this.#limits = limits
  }

  override createConnection(...from: Parameters<HttpsAgent['createConnection']>): Duplex | null | undefined {
    return guarded(super.createConnection(...from), 'secureConnect', this.#limits)
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    super.reuseSocket(socket, request)
    restart(socket, this.#limits)
  }
}

function optionsOf({ sockets, silenceMs }: SocketLimits, lookup: LookupFunction | undefined): AgentOptions {
  // The agent sets this time again when a socket comes back to it.
  return { keepAlive: true, maxSockets: sockets, timeout: silenceMs, ...(lookup !== undefined && { lookup }) }
}

function guarded<Connection>(socket: Connection, ready: string, { connectMs, silenceMs }: SocketLimits): Connection {
  if (!(socket instanceof Socket)) return socket
  socket.setTimeout(connectMs)
  socket.once(ready, () => {
    socket.setTimeout(silenceMs)
    // Once asked, it is known also when the socket is closed.
    void socket.remoteAddress
  })
  socket.on('timeout', () => {
    const text = socket.connecting ? 'no connection' : 'not a byte'
    socket.destroy(Object.assign(new Error(`${text} in ${socket.timeout} ms`), { code: 'ETIMEDOUT' }))
  })
  return socket
}

/** A server may have asked for a shorter time in which the socket waits unused. */
function restart(socket: Duplex, { silenceMs }: SocketLimits): void {
  if (socket instanceof Socket) socket.setTimeout(silenceMs)
}
