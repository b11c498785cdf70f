/**
 * Another repository over HTTP: its small files as they are, and larger ones of which it has said digest and size, which
 * are proven while they come. What breaks off is continued, what fails for a while is tried again.
 */
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { SocketLimits } from '../storage/guarded-sockets.ts'
import type { SpooledFile } from '../storage/file-store.ts'
import type { Spool } from '../storage/spool.ts'
import type { SpoolWriter } from '../storage/spool-writer.ts'
import { steady } from '../storage/steady-body.ts'
import { discard, UpstreamClient, upstreamLimits } from '../storage/upstream-client.ts'
import { UnderWay } from './under-way.ts'

export interface UpstreamOptions {
  /** With a slash at its end. */
  readonly url: string
  readonly spool: Spool
  readonly signal: AbortSignal
  /** Told of what is being fetched. */
  readonly underWay?: UnderWay | undefined
  readonly patience?: Patience | undefined
}

/** How long an upstream is waited for. */
export interface Patience {
  readonly limits: SocketLimits
  /** After what times a request that fails is sent again. */
  readonly retryAfterMs: readonly number[]
}

/** What the bytes at a path have to be. */
export interface Expected {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

const usualPatience: Patience = { limits: upstreamLimits, retryAfterMs: [500, 2000, 5000] }
/** A server may ask for more patience than that, up to so much. */
const longestPauseMs = 60_000

export class Upstream {
  readonly url: string
  readonly #spool: Spool
  readonly #signal: AbortSignal
  readonly #client: UpstreamClient
  readonly #limits: SocketLimits
  readonly #retryAfterMs: readonly number[]
  readonly #underWay: UnderWay

  constructor({ url, spool, signal, underWay = new UnderWay(), patience = usualPatience }: UpstreamOptions) {
    this.url = url
    this.#spool = spool
    this.#signal = signal
    this.#client = new UpstreamClient(patience.limits)
    this.#limits = patience.limits
    this.#retryAfterMs = patience.retryAfterMs
    this.#underWay = underWay
  }

  /** The bytes at a path, or undefined if there is nothing. @throws AshlarError upstream-failed */
  async read(path: string, maximumBytes: number): Promise<Buffer | undefined> {
    return await this.#trying(path, async () => {
      const answer = await this.#client.ask(this.#address(path))
      if (answer.statusCode === 404 || answer.statusCode === 410) {
        discard(answer)
        return undefined
      }
      if (answer.statusCode !== 200) throw refusal(answer)
      // Copied into one buffer, since a server may send its bytes one by one, and each would cost some hundreds.
      let read = Buffer.alloc(0)
      let length = 0
      for await (const chunk of steady(answer as AsyncIterable<Buffer>, this.#limits)) {
        this.#signal.throwIfAborted()
        const end = length + chunk.length
        if (end > maximumBytes) throw this.#failed(path, `it has more than ${maximumBytes} bytes`)
        if (end > read.length) {
          const larger = Buffer.alloc(Math.max(end, Math.min(2 * read.length, maximumBytes)))
          read.copy(larger, 0, 0, length)
          read = larger
        }
        read.set(chunk, length)
        length = end
      }
      return read.subarray(0, length)
    })
  }

  /**
   * The file at a path, in the spool: whole, and what it has to be.
   * @throws AshlarError upstream-failed; storage-full, storage-failed
   */
  async download(path: string, expected: Expected, onBytes: (bytes: number) => void = () => {}): Promise<SpooledFile> {
    const writer = await this.#spool.create()
    try {
      await this.#trying(path, async () => this.#continue(writer, path, expected, onBytes))
      const spooled = await writer.finish()
      if (spooled.sizeBytes === expected.sizeBytes && spooled.sha256 === expected.sha256) return spooled
      throw this.#failed(
        path,
        `it has ${spooled.sizeBytes} bytes with the digest ${spooled.sha256}, ` +
          `but its Release lists ${expected.sizeBytes} bytes with the digest ${expected.sha256}`,
      )
    } catch (error) {
      await writer.discard()
      throw error
    }
  }

  /** Takes what is still missing. */
  async #continue(
    writer: SpoolWriter,
    path: string,
    { sizeBytes }: Expected,
    onBytes: (bytes: number) => void,
  ): Promise<void> {
    const start = writer.offset
    if (start === sizeBytes && start > 0) return
    const headers = start === 0 ? {} : { range: `bytes=${start}-` }
    const answer = await this.#client.ask(this.#address(path), { headers })
    const isPart = answer.statusCode === 206 && answer.headers['content-range']?.startsWith(`bytes ${start}-`) === true
    if (answer.statusCode !== 200 && !isPart) throw refusal(answer)
    try {
      const body = steady(answer as AsyncIterable<Uint8Array>, this.#limits)
      await writer.append(withoutFirst(body, isPart ? 0 : start, onBytes), {
        limitBytes: sizeBytes,
        signal: this.#signal,
      })
    } catch (error) {
      if (!(error instanceof AshlarError) || error.code !== 'too-large') throw error
      throw this.#failed(path, `it has more than the ${sizeBytes} bytes that its Release lists`)
    } finally {
      answer.destroy()
    }
    if (writer.offset < sizeBytes) throw new Error(`it ended after ${writer.offset} of ${sizeBytes} bytes`)
  }

  /** Tries again what may be better in a moment. */
  async #trying<T>(path: string, deed: () => Promise<T>): Promise<T> {
    using _fetching = this.#underWay.begin(this.#address(path))
    for (let attempt = 0; ; attempt += 1) {
      this.#signal.throwIfAborted()
      try {
        return await deed()
      } catch (error) {
        this.#signal.throwIfAborted()
        if (error instanceof AshlarError) throw error
        const pauseMs = this.#retryAfterMs[attempt]
        const isLasting = error instanceof Refusal && !error.isPassing
        if (pauseMs === undefined || isLasting) throw this.#failed(path, reasonOf(error), error)
        await sleep(Math.max(pauseMs, error instanceof Refusal ? error.afterMs : 0), undefined, {
          signal: this.#signal,
        })
      }
    }
  }

  #address(path: string): string {
    return new URL(path.split('/').map(encodeURIComponent).join('/'), this.url).href
  }

  #failed(path: string, reason: string, cause?: unknown): AshlarError {
    const status = cause instanceof Refusal ? { status: cause.status } : {}
    return new AshlarError('upstream-failed', `${this.#address(path)}: ${reason}.`, { cause, extra: status })
  }
}

/** Whether upstream said that it has no such file. */
export function isMissing(error: unknown): boolean {
  const status = error instanceof AshlarError && error.code === 'upstream-failed' ? error.extra['status'] : undefined
  return status === 404 || status === 410
}

/** An answer without what was asked for. */
class Refusal extends Error {
  readonly status: number
  readonly afterMs: number

  constructor(status: number, afterMs: number) {
    super(status === 404 ? 'there is no such file (status 404)' : `the server answered with status ${status}`)
    this.status = status
    this.afterMs = afterMs
  }

  /** RFC 9110 section 15: the server may have recovered in a while. */
  get isPassing(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408
  }
}

function refusal(answer: IncomingMessage): Refusal {
  discard(answer)
  const seconds = Number(answer.headers['retry-after'] ?? 0)
  const afterMs = Number.isFinite(seconds) ? Math.min(Math.max(0, seconds * 1000), longestPauseMs) : 0
  return new Refusal(answer.statusCode ?? 0, afterMs)
}

/** Without the bytes that a server sends again which does not know ranges. */
async function* withoutFirst(
  body: AsyncIterable<Uint8Array>,
  skip: number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let left = skip
  for await (const chunk of body) {
    const skipped = Math.min(left, chunk.length)
    left -= skipped
    if (skipped === chunk.length) continue
    onBytes(chunk.length - skipped)
    yield chunk.subarray(skipped)
  }
}

/** Several addresses that were tried have no sentence of their own. */
function reasonOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : []
  const told = error instanceof Error && error.message === '' && first instanceof Error ? first : error
  return told instanceof Error ? told.message.replace(/\.$/, '') : String(told)
}
