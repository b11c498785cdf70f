/**
 * Files that lie in an upstream HTTP repository, known by digest and path. A store to read from only: what comes is
 * proven by whoever fetches it (remote-fetch.ts), since an upstream may send anything.
 */
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { AshlarError } from '../common/errors.ts'
import type { ByteRange, FileKey, FileStore, OpenedFile, StoredEntry } from './file-store.ts'
import { watchSilence } from './guarded-sockets.ts'
import { steady } from './steady-body.ts'
import { discard, UpstreamClient, upstreamLimits, type UpstreamQuestion } from './upstream-client.ts'

export interface RemoteLocation {
  /** `https://deb.example.org/debian/`, with a slash at its end. */
  readonly url: string
}

/** Where a file lies, as it is recorded. */
export interface RemotePlace {
  /** Below the URL, decoded. */
  readonly path: string
  readonly sizeBytes: number
}

export interface RemoteStoreOptions {
  readonly name: string
  readonly location: RemoteLocation
  readonly locate: (key: FileKey) => Promise<RemotePlace | undefined>
}

/** How often a body that broke off is continued where it stopped. */
const maxResumes = 5

export function openRemoteStore(options: RemoteStoreOptions): FileStore {
  return new RemoteStore(options)
}

class RemoteStore implements FileStore {
  readonly name: string
  readonly #location: RemoteLocation
  readonly #locate: RemoteStoreOptions['locate']
  readonly #client = new UpstreamClient()

  constructor({ name, location, locate }: RemoteStoreOptions) {
    this.name = name
    this.#location = location
    this.#locate = locate
  }

  put(): Promise<void> {
    return Promise.reject(new AshlarError('storage-failed', `The store ${this.name} can only be read from.`))
  }

  async open(key: FileKey, range?: ByteRange): Promise<OpenedFile> {
    if (range !== undefined && range.start === range.end) {
      const sizeBytes = await this.has(key)
      if (sizeBytes === undefined || range.end > sizeBytes) throw outside(range, sizeBytes ?? 0)
      return { stream: Readable.from([]), sizeBytes }
    }
    const source = await this.#find(key)
    const start = range?.start ?? 0
    const part = await this.#request(source, start, range?.end)
    const { sizeBytes } = part
    if (range !== undefined && range.end > sizeBytes) {
      discard(part.body)
      throw outside(range, sizeBytes)
    }
    return { stream: this.#stream({ source, start, end: range?.end ?? sizeBytes, part, isOver: false }), sizeBytes }
  }

  /** Upstream is asked for what it has, and for nothing else. */
  async check(): Promise<void> {}

  async link(): Promise<undefined> {}

  async has(key: FileKey): Promise<number | undefined> {
    const source = await this.#find(key)
    const answer = await this.#ask(source.url, { method: 'HEAD' })
    discard(answer, 'HEAD')
    if (answer.statusCode === 404 || answer.statusCode === 410) return undefined
    if (answer.statusCode !== 200) throw this.#refused(answer, source.url)
    return lengthOf(answer) ?? source.sizeBytes
  }

  /** What upstream has stays there. */
  async delete(): Promise<void> {}

  /** Only upstream knows what it has. */
  async *list(): AsyncGenerator<StoredEntry> {}

  async sweepUnfinished(): Promise<number> {
    return 0
  }

  localPath(): undefined {}

  async #find(key: FileKey): Promise<Source> {
    const place = await this.#locate(key)
    if (place === undefined) {
      throw new AshlarError('file-corrupt', `File ${key.sha256} is not known in the store ${this.name}.`)
    }
    const { href } = new URL(place.path.split('/').map(encodeURIComponent).join('/'), this.#location.url)
    return { url: href, sizeBytes: place.sizeBytes }
  }

  /** The bytes; destroyed, also before it is read, it lets go of the connection at once. */
  #stream(reading: Reading): Readable {
    const bytes = this.#bytes(reading)
    return new Readable({
      read() {
        bytes.next().then(
          ({ value }) => this.push(value ?? null),
          (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
        )
      },
      destroy(error, done) {
        reading.isOver = true
        reading.part.body.destroy()
        done(error)
      },
    })
  }

  /** Where the connection breaks, the bytes are asked for from there on. */
  async *#bytes(reading: Reading): AsyncGenerator<Uint8Array, undefined> {
    const { source, start, end } = reading
    let position = start
    for (let resumes = 0; !reading.isOver; resumes += 1) {
      try {
        for await (const chunk of bytesOf(reading.part)) {
          const wanted = chunk.subarray(0, end - position)
          position += wanted.length
          if (wanted.length > 0) yield wanted
          if (wanted.length < chunk.length) return
        }
      } catch (error) {
        if (position < end && resumes === maxResumes) throw this.#unreachable(error, source.url)
      }
      if (position === end || reading.isOver) return
      if (resumes === maxResumes) {
        throw this.#unreachable(new Error(`it ended after ${position - start} bytes`), source.url)
      }
      reading.part = await this.#request(source, position, end)
    }
    reading.part.body.destroy()
  }

  async #request(source: Source, start: number, end: number | undefined): Promise<Part> {
    const isPart = start > 0 || end !== undefined
    const range = `bytes=${start}-${end === undefined ? '' : end - 1}`
    const body = await this.#ask(source.url, isPart ? { headers: { range } } : {})
    const sizeBytes = sizeIn(body, start, source.sizeBytes)
    if (sizeBytes === undefined) {
      discard(body)
      throw this.#refused(body, source.url)
    }
    if (start > sizeBytes) {
      discard(body)
      throw outside({ start, end: end ?? start }, sizeBytes)
    }
    return { body, skip: body.statusCode === 200 ? start : 0, sizeBytes }
  }

  async #ask(url: string, question: UpstreamQuestion): Promise<IncomingMessage> {
    try {
      return await this.#client.ask(url, question)
    } catch (error) {
      throw this.#unreachable(error, url)
    }
  }

  #refused({ statusCode }: IncomingMessage, url: string): AshlarError {
    const reason = statusCode === 404 ? 'has it no more (404)' : `answered with status ${statusCode}`
    return new AshlarError('upstream-failed', `The repository of the store ${this.name} ${reason}: ${url}.`, {
      extra: { status: statusCode },
    })
  }

  #unreachable(error: unknown, url: string): AshlarError {
    if (error instanceof AshlarError) return error
    const reason = error instanceof Error ? reasonOf(error) : String(error)
    return new AshlarError('upstream-failed', `The repository of the store ${this.name} failed at ${url}: ${reason}.`, {
      cause: error,
    })
  }
}

interface Source {
  readonly url: string
  /** As recorded; what counts where upstream does not say it. */
  readonly sizeBytes: number
}

interface Part {
  readonly body: IncomingMessage
  /** How many bytes at its beginning were not asked for. */
  readonly skip: number
  /** Of the whole file. */
  readonly sizeBytes: number
}

interface Reading {
  readonly source: Source
  readonly start: number
  readonly end: number
  /** What is being read. */
  part: Part
  /** Nobody reads any more. */
  isOver: boolean
}

/** The size of the whole file, by an answer that has bytes of it from `start` on, or from 0 on. */
function sizeIn(answer: IncomingMessage, start: number, recorded: number): number | undefined {
  if (answer.statusCode === 200) return lengthOf(answer) ?? recorded
  // RFC 9110 section 14.4; the size is `*` if the server does not know it.
  const [, from, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers['content-range'] ?? '') ?? []
  if (answer.statusCode !== 206 || from === undefined || Number(from) !== start) return undefined
  return size === '*' ? recorded : Number(size)
}

/** Undefined if the length shows only when the body ends. */
function lengthOf(answer: IncomingMessage): number | undefined {
  const sizeBytes = Number(answer.headers['content-length'] ?? Number.NaN)
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined
}

/** Leaves out the first bytes, for a server that does not know ranges; a reader who rests is no silence of upstream. */
async function* bytesOf({ body, skip }: Part): AsyncGenerator<Uint8Array> {
  let left = skip
  for await (const chunk of steady(body as AsyncIterable<Uint8Array>, upstreamLimits)) {
    const skipped = Math.min(left, chunk.length)
    left -= skipped
    if (skipped === chunk.length) continue
    watchSilence(body, 0)
    yield chunk.subarray(skipped)
    watchSilence(body, upstreamLimits.silenceMs)
  }
}

/** Several addresses that were tried have no sentence of their own. */
function reasonOf(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return error.message === '' && first instanceof Error ? first.message : error.message
}

function outside(range: ByteRange, sizeBytes: number): AshlarError {
  return new AshlarError('range-not-satisfiable', `Bytes ${range.start} to ${range.end} of a file of ${sizeBytes}.`)
}
