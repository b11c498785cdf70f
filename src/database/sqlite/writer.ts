/** The calling thread's end of the writer: sends statements to the worker thread and awaits the answers in order. */
import type { SQLInputValue } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { AshlarError, catalogue, type ErrorCode } from '../../common/errors.ts'
import { workerFile, workerLimits } from '../../common/worker-pool.ts'
import { sqliteError, SqliteError } from './errors.ts'
import type { WriterFailure, WriterOptions, WriterReply, WriterRequest, WriterRows } from './writer-protocol.ts'

interface Waiting {
  readonly resolve: (result: WriterRows | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Writer {
  readonly #worker: Worker
  readonly #waiting: Waiting[] = []
  #ended: unknown

  private constructor(options: WriterOptions) {
    this.#worker = new Worker(workerFile(import.meta.url, 'writer-worker'), {
      workerData: options,
      resourceLimits: workerLimits,
    })
    this.#worker.on('message', (reply: WriterReply) => this.#settle(reply))
    this.#worker.on('error', (error) => this.#end(error))
    this.#worker.on('exit', () => this.#end(new Error('The thread that writes the database has ended.')))
  }

  /** Resolves when the database is open for writing. */
  static async open(options: WriterOptions): Promise<Writer> {
    const writer = new Writer(options)
    try {
      await writer.#reply()
      return writer
    } catch (error) {
      await writer.#worker.terminate()
      throw error
    }
  }

  /** @param begin whether this is the first statement of a transaction. */
  async run(sql: string, parameters: readonly SQLInputValue[], { begin }: { begin: boolean }): Promise<WriterRows> {
    const result = await this.#ask({ kind: 'run', begin, sql, parameters: parameters.map(compact) })
    return result ?? { rows: [], changes: undefined }
  }

  async commit(): Promise<void> {
    await this.#ask({ kind: 'commit' })
  }

  async rollback(): Promise<void> {
    await this.#ask({ kind: 'rollback' })
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return
    await this.#ask({ kind: 'close' })
    await this.#worker.terminate()
  }

  async #ask(request: WriterRequest): Promise<WriterRows | undefined> {
    if (this.#ended !== undefined) throw this.#ended
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    this.#worker.postMessage(request)
    return await this.#reply()
  }

  #reply(): Promise<WriterRows | undefined> {
    // An idle writer does not keep the process alive; a statement on its way does.
    this.#worker.ref()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  #settle(reply: WriterReply): void {
    const waiting = this.#waiting.shift()
    if (this.#waiting.length === 0) this.#worker.unref()
    if (waiting === undefined) return
    if (reply.ok) waiting.resolve(reply.result)
    else waiting.reject(revive(reply.failure))
  }

  #end(cause: unknown): void {
    this.#ended ??= new AshlarError('storage-failed', 'The database is closed for writing.', { cause })
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended)
  }
}

/** A view of a few bytes would otherwise be sent together with all of the buffer below it. */
function compact(parameter: SQLInputValue): SQLInputValue {
  if (!(parameter instanceof Uint8Array) || parameter.byteLength === parameter.buffer.byteLength) return parameter
  return Uint8Array.from(parameter)
}

function revive(failure: WriterFailure): unknown {
  if (failure.errcode !== undefined) return sqliteError(new SqliteError(failure.message, failure.errcode))
  if (isErrorCode(failure.code)) return new AshlarError(failure.code, failure.message)
  return new Error(failure.message)
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && code in catalogue
}
