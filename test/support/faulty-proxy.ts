/**
 * A proxy on 127.0.0.1 that hands requests of any method on to a server as they are (the signed header Host too), and
 * does to them what a network, a server that is overloaded, or one that dies would do.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What happens to a request. */
export type Fault =
  /** The connection is cut before anything of it is handed on. */
  | { readonly kind: 'refuse' }
  /** The connection is cut, on both sides, when so much of its body has been handed on. */
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** The server does it, and the connection is cut instead of the answer. */
  | { readonly kind: 'lose-answer' }
  /** The connection is cut when so much of the answer's body has been handed on. */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** The answer's body ends in good order after so many bytes, and does not say how long it should have been. */
  | { readonly kind: 'shorten-answer'; readonly afterBytes: number }
  /** Something else than the server answers, and the server hears nothing. */
  | { readonly kind: 'answer'; readonly status: number; readonly code?: string; readonly body?: string }
  /** Nobody answers. */
  | { readonly kind: 'hang' }
  /** The answer's body stops after so many bytes, and the connection stays. */
  | { readonly kind: 'hang-answer'; readonly afterBytes: number }
  /** The answer's body comes byte by byte. */
  | { readonly kind: 'trickle-answer'; readonly everyMs: number }
  | { readonly kind: 'delay'; readonly ms: number }

export interface Proxied {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

/** Decides about each request as it comes. */
export type FaultPlan = (request: Proxied) => Fault | undefined

export interface FaultyProxy extends AsyncDisposable {
  readonly url: string
  /** Replaces the plan for the requests that come from now on. */
  plan: FaultPlan
  /** All that came, in order. */
  readonly requests: readonly Proxied[]
  /** How many of them were harmed. */
  readonly faults: () => number
}

export const noFault: FaultPlan = () => undefined

/** Harms the first requests that match, and no more. */
export function first(count: number, fault: Fault, matches: (request: Proxied) => boolean = () => true): FaultPlan {
  let left = count
  return (request) => {
    if (left === 0 || !matches(request)) return undefined
    left -= 1
    return fault
  }
}

/** Harms every request that matches. */
export function always(fault: Fault, matches: (request: Proxied) => boolean = () => true): FaultPlan {
  return first(Infinity, fault, matches)
}

/** Harms each request with a probability, with one of the faults; the same seed gives the same sequence. */
export function sometimes(seed: number, probability: number, faults: readonly Fault[]): FaultPlan {
  let state = seed >>> 0
  // mulberry32
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return () => {
    const [isHarmed, which] = [random() < probability, Math.floor(random() * faults.length)]
    return isHarmed ? faults[which] : undefined
  }
}

/** @param target such as http://127.0.0.1:9000/ */
export async function faultyProxy(target: string): Promise<FaultyProxy> {
  const requests: Proxied[] = []
  let harmed = 0
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const proxied = { method: incoming.method ?? '', path: incoming.url ?? '', headers: incoming.headers }
    requests.push(proxied)
    const fault = proxy.plan(proxied)
    if (fault !== undefined) harmed += 1
    // Whatever breaks on one side breaks the other.
    pass(target, incoming, response, fault).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${port}/`,
    plan: noFault,
    requests,
    faults: () => harmed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

async function pass(
  target: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'refuse') return void incoming.socket.resetAndDestroy()
  if (fault?.kind === 'hang') return void incoming.resume()
  if (fault?.kind === 'delay') await sleep(fault.ms)
  if (fault?.kind === 'answer') return await answer(incoming, response, fault)
  const { hostname, port } = new URL(target)
  const outgoing = send({
    hostname,
    port,
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
    setHost: false,
    agent: false,
  })
  outgoing.on('error', () => response.destroy())
  response.on('close', () => outgoing.destroy())
  const answering = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve)
    outgoing.once('close', () => reject(new Error('No answer.')))
  })
  answering.catch(() => {})
  let handedOn = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    if (fault?.kind === 'cut-request' && handedOn + chunk.length > fault.afterBytes) {
      outgoing.write(chunk.subarray(0, fault.afterBytes - handedOn), () => outgoing.destroy())
      return void incoming.socket.resetAndDestroy()
    }
    handedOn += chunk.length
    if (!outgoing.write(chunk)) await drained(outgoing)
  }
  if (fault?.kind === 'cut-request') {
    outgoing.destroy()
    return void incoming.socket.resetAndDestroy()
  }
  outgoing.end()
  const answered = await answering
  if (fault?.kind === 'lose-answer') {
    for await (const _chunk of answered) continue
    return void incoming.socket.resetAndDestroy()
  }
  await handBack(incoming, answered, response, fault)
}

async function handBack(
  incoming: IncomingMessage,
  answered: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  const { connection: _, 'content-length': length, ...headers } = answered.headers
  const isShort = fault?.kind === 'shorten-answer'
  // The headers before the first byte, so that a cut after none is one in the body.
  response.writeHead(answered.statusCode ?? 502, {
    ...headers,
    ...(length !== undefined && !isShort && { 'content-length': length }),
  })
  response.flushHeaders()
  let handedBack = 0
  for await (const chunk of answered as AsyncIterable<Buffer>) {
    if (fault !== undefined && 'afterBytes' in fault && handedBack + chunk.length > fault.afterBytes) {
      const part = chunk.subarray(0, fault.afterBytes - handedBack)
      if (fault.kind === 'shorten-answer') return void response.end(part)
      response.write(part)
      if (fault.kind === 'hang-answer') return
      // Not a reset, which would overtake what was sent.
      incoming.socket.destroySoon()
      return
    }
    handedBack += chunk.length
    if (fault?.kind === 'trickle-answer') {
      for (const byte of chunk) {
        if (response.destroyed) return
        response.write(Buffer.of(byte))
        await sleep(fault.everyMs)
      }
      continue
    }
    if (!response.write(chunk)) await drained(response)
  }
  response.end()
}

/** An error as S3 servers word it, or what is given. */
async function answer(
  incoming: IncomingMessage,
  response: ServerResponse,
  { status, code = 'InternalError', body }: Extract<Fault, { kind: 'answer' }>,
): Promise<void> {
  for await (const _chunk of incoming) continue
  response.writeHead(status, { 'content-type': body === undefined ? 'application/xml' : 'text/html' })
  response.end(
    body ?? `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} of the proxy.</Message></Error>`,
  )
}

/** Or closed. */
async function drained(stream: NodeJS.EventEmitter): Promise<void> {
  const done = new AbortController()
  const { signal } = done
  await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).finally(() => done.abort())
}
