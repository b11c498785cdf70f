/**
 * A few threads for work that would block the main one: compression, hashing, reading packages.
 *
 * The worker's file calls `answerRequests(handler)`. Requests wait in order for a free thread; an idle pool does not
 * keep the process alive. An AshlarError keeps its code across the border.
 */
import { getHeapStatistics } from 'node:v8'
import { parentPort, type ResourceLimits, Worker } from 'node:worker_threads'
import { AshlarError, type ErrorCode } from './errors.ts'

/** A thread that passes buffers through needs little room for new objects; the default would grow to 48 MB in each. */
export const workerLimits: ResourceLimits = { maxYoungGenerationSizeMb: 4 }

interface Job<Request, Answer> {
  readonly request: Request
  readonly settle: PromiseWithResolvers<Answer>
}

type Reply<Answer> = { ok: true; answer: Answer } | { ok: false; code?: ErrorCode; message: string; stack?: string }

/** The file of a worker that lies beside a module: TypeScript in a checkout, JavaScript in the package. */
export function workerFile(moduleUrl: string, name: string): URL {
  return new URL(`./${name}.${moduleUrl.endsWith('.ts') ? 'ts' : 'js'}`, moduleUrl)
}

export class WorkerPool<Request, Answer> implements AsyncDisposable {
  readonly #file: URL
  readonly #size: number
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Job<Request, Answer>>()
  readonly #waiting: Job<Request, Answer>[] = []
  #closed = false

  constructor(file: URL, size: number) {
    this.#file = file
    this.#size = size
  }

  run(request: Request): Promise<Answer> {
    if (this.#closed) return Promise.reject(new Error('The worker pool is closed'))
    const job: Job<Request, Answer> = { request, settle: Promise.withResolvers<Answer>() }
    this.#waiting.push(job)
    this.#dispatch()
    return job.settle.promise
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const job of this.#waiting.splice(0)) job.settle.reject(new Error('The worker pool was closed'))
    await Promise.all([...this.#idle, ...this.#busy.keys()].map((worker) => worker.terminate()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.#size ? this.#start() : undefined)
      if (worker === undefined) return
      const job = this.#waiting.shift()
      if (job === undefined) return
      this.#busy.set(worker, job)
      worker.ref()
      worker.postMessage(job.request)
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#file, { resourceLimits: workerLimits })
    worker.on('message', (reply: Reply<Answer>) => {
      const job = this.#busy.get(worker)
      this.#busy.delete(worker)
      worker.unref()
      this.#idle.push(worker)
      if (reply.ok) job?.settle.resolve(reply.answer)
      else job?.settle.reject(errorOf(reply))
      this.#dispatch()
    })
    // A thread that dies (out of memory) takes only its own job with it.
    worker.on('error', (error) => this.#busy.get(worker)?.settle.reject(error))
    worker.on('exit', (status) => {
      this.#busy.get(worker)?.settle.reject(new Error(`A worker thread ended with status ${status}`))
      this.#busy.delete(worker)
      const place = this.#idle.indexOf(worker)
      if (place >= 0) this.#idle.splice(place, 1)
      if (!this.#closed) this.#dispatch()
    })
    return worker
  }
}

/** Called once by a worker's file: answers each request of its pool. `transfer` names buffers to hand over uncopied. */
export function answerRequests(
  handle: (request: never) => Promise<{ answer: unknown; transfer?: ArrayBuffer[] }>,
): void {
  const port = parentPort
  if (port === null) throw new Error('This file runs in a worker thread only')
  const collect = collectorOfBuffers()
  port.on('message', (request: unknown) => {
    void handle(request as never)
      .then(
        ({ answer, transfer }) => port.postMessage({ ok: true, answer } satisfies Reply<unknown>, transfer ?? []),
        (error: unknown) => port.postMessage(replyOf(error)),
      )
      .finally(() => setImmediate(collect))
  })
}

/** Buffers that a thread may leave behind before they are collected. */
const LEFT_BUFFER_BYTES = 8 * 1024 * 1024

/**
 * V8 collects a thread's objects when there are many, not when they hold large buffers, or an encoder of xz with 10 MB
 * that V8 knows nothing of: each thread would keep up to 64 MB and more of what it has done with. Where the process has
 * --expose-gc (bin/ashlar.js) what is young is collected after each answer, which takes less than a millisecond, and all
 * when there is much of it; with a heap as small as a thread's that takes some.
 */
function collectorOfBuffers(): () => void {
  const { gc } = globalThis
  if (gc === undefined) return () => {}
  let kept = getHeapStatistics().external_memory
  return () => {
    gc({ type: 'minor' })
    if (getHeapStatistics().external_memory < kept + LEFT_BUFFER_BYTES) return
    gc()
    kept = getHeapStatistics().external_memory
  }
}

function replyOf(error: unknown): Reply<never> {
  if (!(error instanceof Error)) return { ok: false, message: String(error) }
  const stack = error.stack === undefined ? {} : { stack: error.stack }
  return { ok: false, message: error.message, ...stack, ...(error instanceof AshlarError ? { code: error.code } : {}) }
}

function errorOf(reply: { code?: ErrorCode; message: string; stack?: string }): Error {
  if (reply.code !== undefined) return new AshlarError(reply.code, reply.message)
  const error = new Error(reply.message)
  if (reply.stack !== undefined) error.stack = reply.stack
  return error
}
