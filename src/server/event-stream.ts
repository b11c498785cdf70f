/**
 * Work that tells of itself while it goes on: one JSON document a line (application/x-ndjson).
 *
 * What fails before the first event is answered as any other request is, with a problem document. From then on the
 * status is sent, so an error is the last line: `{"kind": "error", "problem": {…}}`. An answer whose last line is neither
 * that nor the work's own last event was cut.
 */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { asAshlarError, logFailure, problemDocument } from './problem.ts'

export interface EventStreamOptions {
  /** After so long without an event a line `{"kind": "alive"}` keeps proxies and the client from giving up. */
  readonly aliveMs?: number
  /** A client that reads nothing for so long, while there is something to send, is taken as gone. */
  readonly stuckMs?: number
}

const usualAliveMs = 15_000
const usualStuckMs = 60_000

const headers = {
  'Content-Type': 'application/x-ndjson',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  // nginx would otherwise hold lines back until its buffer is full.
  'X-Accel-Buffering': 'no',
}

/**
 * Sends events as they come, as fast as the client reads. Resolves when all are sent, or when the client has gone or
 * has stopped reading; then `events` is returned, which takes effect at its next event. So that work without events stops too, give it the
 * request's signal (`signalOf`).
 *
 * @throws what comes before the first event
 */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  events: AsyncIterable<object>,
  options: EventStreamOptions = {},
): Promise<void> {
  const { aliveMs = usualAliveMs, stuckMs = usualStuckMs } = options
  const iterator = events[Symbol.asyncIterator]()
  const first = await iterator.next()
  const { raw } = reply.hijack()
  try {
    if (raw.destroyed) return
    // A connection that breaks is seen by `destroyed`.
    raw.on('error', () => {})
    raw.writeHead(200, headers)
    for (let next = first; next.done !== true; next = await nextOf(iterator, raw, { aliveMs, stuckMs })) {
      if (!(await sendLine(raw, next.value, stuckMs))) return
    }
  } catch (error) {
    // Who is gone is told nothing, and that the work stopped because of it is no error.
    if (raw.destroyed) return
    const problem = asAshlarError(error, request)
    if (problem.entry.status >= 500) logFailure(error, problem, request)
    await sendLine(raw, { kind: 'error', problem: problemDocument(problem, request) }, stuckMs)
  } finally {
    await iterator.return?.()
    if (!raw.destroyed) raw.end()
  }
}

/** The next event; says that the work is alive for as long as it does not come. */
async function nextOf(
  iterator: AsyncIterator<object>,
  raw: ServerResponse,
  { aliveMs, stuckMs }: Required<EventStreamOptions>,
): Promise<IteratorResult<object>> {
  const next = iterator.next()
  // Handled below; until then a rejection is nobody's.
  next.catch(() => {})
  for (;;) {
    const stop = new AbortController()
    const pause = sleep(aliveMs, undefined, { signal: stop.signal }).catch(() => undefined)
    const result = await Promise.race([next, pause]).finally(() => stop.abort())
    if (result !== undefined) return result
    await sendLine(raw, { kind: 'alive' }, stuckMs)
  }
}

/** @returns false if the client has gone, or has been cut off because it read nothing for too long */
async function sendLine(raw: ServerResponse, document: object, stuckMs: number): Promise<boolean> {
  if (raw.destroyed) return false
  if (raw.write(`${JSON.stringify(document)}\n`)) return true
  const settled = new AbortController()
  const { signal } = settled
  // Without a limit who stops reading would hold what the work holds, such as the lease of a vacuum, for ever.
  const stuck = sleep(stuckMs, undefined, { signal }).then(() => raw.destroy())
  // Whichever comes first; the others go with the signal.
  const moved = [once(raw, 'drain', { signal }), once(raw, 'close', { signal }), stuck]
  await Promise.race(moved).finally(() => settled.abort())
  return !raw.destroyed
}
