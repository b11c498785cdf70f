/**
 * Files that lie in an upstream HTTP repository, known by digest and path. A store to read from only: what comes is
 * proven by whoever fetches it (remote-fetch.ts), since an upstream may send anything.
 */
import { Readable } from 'node:stream'
import { AshlarError } from '../common/errors.ts'
import type { ByteRange, FileKey, FileStore, OpenedFile, StoredEntry } from './file-store.ts'

export interface RemoteLocation {
  /** `https://deb.example.org/debian/`, with a slash at its end. */
  readonly url: string
}

export interface RemoteStoreOptions {
  readonly name: string
  readonly location: RemoteLocation
  /** The path of a file below the URL, as it is recorded. */
  readonly pathOf: (key: FileKey) => Promise<string | undefined>
}

/** How long an upstream may take to answer, and how long it may be silent in the middle of a body. */
const silenceMs = 30_000
/** How often a body that broke off is continued where it stopped. */
const maxResumes = 5

export function openRemoteStore(options: RemoteStoreOptions): FileStore {
  return new RemoteStore(options)
}

class RemoteStore implements FileStore {
  readonly name: string
  readonly #location: RemoteLocation
  readonly #pathOf: RemoteStoreOptions['pathOf']

  constructor({ name, location, pathOf }: RemoteStoreOptions) {
    this.name = name
    this.#location = location
    this.#pathOf = pathOf
  }

  put(): Promise<void> {
    return Promise.reject(new AshlarError('storage-failed', `The store ${this.name} can only be read from.`))
  }

  async open(key: FileKey, range?: ByteRange): Promise<OpenedFile> {
    const url = await this.#url(key)
    if (range !== undefined && range.start === range.end) {
      const sizeBytes = await this.has(key)
      if (sizeBytes === undefined || range.end > sizeBytes) throw outside(range, sizeBytes ?? 0)
      return { stream: Readable.from([]), sizeBytes }
    }
    const first = await this.#request(url, range?.start ?? 0, range?.end)
    if (range !== undefined && range.end > first.sizeBytes) {
      await first.body.cancel()
      throw outside(range, first.sizeBytes)
    }
    const end = range?.end ?? first.sizeBytes
    const bytes = this.#resumed(url, first, range?.start ?? 0, end)
    return { stream: Readable.from(bytes, { objectMode: false }), sizeBytes: first.sizeBytes }
  }

  /** Upstream is asked for what it has, and for nothing else. */
  async check(): Promise<void> {}

  async link(): Promise<undefined> {}

  async has(key: FileKey): Promise<number | undefined> {
    const answer = await this.#fetch(await this.#url(key), { method: 'HEAD' })
    if (answer.status === 404 || answer.status === 410) return undefined
    const sizeBytes = Number(answer.headers.get('content-length') ?? Number.NaN)
    if (!answer.ok || !Number.isSafeInteger(sizeBytes)) throw this.#refused(answer.status)
    return sizeBytes
  }

  /** What upstream has stays there. */
  async delete(): Promise<void> {}

  /** Only upstream knows what it has. */
  async *list(): AsyncGenerator<StoredEntry> {}

  async sweepUnfinished(): Promise<number> {
    return 0
  }

  localPath(): undefined {}

  async #url(key: FileKey): Promise<string> {
    const path = await this.#pathOf(key)
    if (path === undefined) {
      throw new AshlarError('file-corrupt', `File ${key.sha256} is not known in the store ${this.name}.`)
    }
    return new URL(path.split('/').map(encodeURIComponent).join('/'), this.#location.url).href
  }

  /** The bytes; where the connection breaks they are asked for from there on. */
  async *#resumed(url: string, first: Part, start: number, end: number): AsyncGenerator<Uint8Array> {
    let position = start
    let part = first
    for (let resumes = 0; ; resumes += 1) {
      try {
        for await (const chunk of part.body as AsyncIterable<Uint8Array>) {
          const wanted = chunk.subarray(0, end - position)
          position += wanted.length
          yield wanted
          if (position === end) return
        }
      } catch (error) {
        if (resumes === maxResumes) throw this.#unreachable(error)
      }
      if (position === end) return
      if (resumes === maxResumes) throw this.#unreachable(new Error(`it ended after ${position - start} bytes`))
      part = await this.#request(url, position, end)
    }
  }

  async #request(url: string, start: number, end: number | undefined): Promise<Part> {
    const isPart = start > 0 || end !== undefined
    const range = `bytes=${start}-${end === undefined ? '' : end - 1}`
    const answer = await this.#fetch(url, isPart ? { headers: { range } } : {})
    const { body } = answer
    if (!answer.ok || body === null) {
      await body?.cancel()
      throw this.#refused(answer.status)
    }
    if (answer.status === 206) {
      const size = /^bytes \d+-\d+\/(\d+)$/.exec(answer.headers.get('content-range') ?? '')?.[1]
      if (size === undefined) throw this.#refused(answer.status)
      return { body, sizeBytes: Number(size) }
    }
    const sizeBytes = Number(answer.headers.get('content-length') ?? Number.NaN)
    if (!Number.isSafeInteger(sizeBytes)) throw this.#refused(answer.status)
    if (start > sizeBytes) {
      await body.cancel()
      throw outside({ start, end: end ?? start }, sizeBytes)
    }
    return { body: start === 0 ? body : body.pipeThrough(without(start)), sizeBytes }
  }

  async #fetch(url: string, init: { method?: string; headers?: Readonly<Record<string, string>> }): Promise<Response> {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(new Error('it did not answer')), silenceMs)
    try {
      const answer = await fetch(url, {
        ...init,
        signal: silence.signal,
        headers: { 'user-agent': 'Ashlar', 'accept-encoding': 'identity', ...init.headers },
      })
      return new Response(answer.body === null ? null : watched(answer.body, silence), answer)
    } catch (error) {
      throw this.#unreachable(error)
    } finally {
      clearTimeout(timer)
    }
  }

  #refused(status: number): AshlarError {
    const reason = status === 404 ? 'has it no more (404)' : `answered with status ${status}`
    return new AshlarError('upstream-failed', `The repository of the store ${this.name} ${reason}.`)
  }

  #unreachable(error: unknown): AshlarError {
    if (error instanceof AshlarError) return error
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new AshlarError('upstream-failed', `The repository of the store ${this.name} failed: ${reason}.`, {
      cause: error,
    })
  }
}

interface Part {
  readonly body: ReadableStream<Uint8Array>
  /** Of the whole file. */
  readonly sizeBytes: number
}

function outside(range: ByteRange, sizeBytes: number): AshlarError {
  return new AshlarError('range-not-satisfiable', `Bytes ${range.start} to ${range.end} of a file of ${sizeBytes}.`)
}

/** Leaves out the first bytes, for a server that does not know ranges. */
function without(count: number): TransformStream<Uint8Array, Uint8Array> {
  let left = count
  return new TransformStream({
    transform(chunk, controller) {
      const skipped = Math.min(left, chunk.length)
      left -= skipped
      if (skipped < chunk.length) controller.enqueue(chunk.subarray(skipped))
    },
  })
}

/** Aborts a body on which nothing comes. */
function watched(body: ReadableStream<Uint8Array>, silence: AbortController): ReadableStream<Uint8Array> {
  let timer: NodeJS.Timeout | undefined
  const restart = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(new Error('it fell silent')), silenceMs).unref()
  }
  restart()
  return body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        restart()
        controller.enqueue(chunk)
      },
      flush: () => clearTimeout(timer),
    }),
  )
}
