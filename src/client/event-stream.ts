/** Reads what a server tells of long work while it goes on: one JSON document a line (application/x-ndjson). */
import type { Readable } from 'node:stream'
import { AshlarError } from '../common/errors.ts'
import { errorFromAnswer } from './problem.ts'
import { isConnectionFailure } from './retry.ts'
import type { Call, Transport } from './transport.ts'

/** A line is never longer than this: one event, with all that it names. */
const longestLineBytes = 16 * 1024 * 1024

/**
 * The events of a call, up to and with the one of the kind `end`. Who stops listening closes the connection, which stops
 * the work.
 *
 * @throws AshlarError what the server refused, or what ended the work; server-unreachable if the answer breaks off before
 *   its end
 */
export async function* events(transport: Transport, call: Call): AsyncGenerator<unknown, void, undefined> {
  const where = `${call.method} ${call.path}`
  const { body } = await transport.send(call)
  try {
    for await (const line of lines(body)) {
      const event = parsed(line, where)
      if (event.kind === 'alive') continue
      if (event.kind === 'error') throw failureOf(event, where)
      yield event
      if (event.kind === 'end') return
    }
  } catch (error) {
    if (call.signal?.aborted === true) throw call.signal.reason
    throw isConnectionFailure(error) ? brokenOff(where, error) : error
  } finally {
    body.destroy()
  }
  throw brokenOff(where)
}

interface Line {
  readonly kind?: unknown
  readonly problem?: unknown
}

/** Lines without their newlines; what follows the last newline was cut, and is no line. */
async function* lines(body: Readable): AsyncGenerator<string, void, undefined> {
  let pieces: Uint8Array[] = []
  let waitingBytes = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      yield Buffer.concat([...pieces, chunk.subarray(start, end)]).toString('utf8')
      pieces = []
      waitingBytes = 0
      start = end + 1
    }
    pieces.push(chunk.subarray(start))
    waitingBytes += chunk.length - start
    if (waitingBytes > longestLineBytes) {
      throw new AshlarError('too-large', 'A line of the server’s answer is longer than 16 MiB.')
    }
  }
}

function parsed(line: string, where: string): Line {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Said below.
  }
  throw new AshlarError('server-unreachable', `What answers ${where} is no Ashlar server: a line is no JSON object.`)
}

function failureOf({ problem }: Line, where: string): AshlarError {
  const status = typeof problem === 'object' && problem !== null && 'status' in problem ? Number(problem.status) : 500
  return errorFromAnswer(status, JSON.stringify(problem ?? {}), where)
}

function brokenOff(where: string, cause?: unknown): AshlarError {
  return new AshlarError('server-unreachable', `The answer to ${where} broke off before the work had ended.`, { cause })
}
