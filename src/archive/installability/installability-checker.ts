/** Asks the thread that decides which packages can be installed, and tells it what it does not know yet. */
import { AshlarError } from '../../common/errors.ts'
import { workerFile, WorkerPool } from '../../common/worker-pool.ts'
import type { Database } from '../../database/database.ts'
import type {
  InstallabilityAnswer,
  InstallabilityQuestion,
  InstallabilityRequest,
  InstallabilityVerdicts,
} from './installability-worker.ts'

/** Packages that the thread is told of at once. */
const PAGE = 500
/** Questions that wait for the thread at most. */
const WAITING = 8
/** A thread that nobody asked for so long ends, and what it remembered with it. */
const IDLE_MS = 10 * 60_000
/** How often it may have forgotten what it was told before its turn came. */
const ATTEMPTS = 5

export class InstallabilityChecker implements AsyncDisposable {
  readonly #database: Database
  #pool: WorkerPool<InstallabilityRequest, InstallabilityAnswer> | undefined
  #asking = 0
  #idle: NodeJS.Timeout | undefined

  constructor(database: Database) {
    this.#database = database
  }

  /** @throws AshlarError `busy` if too many ask already, except to who is patient */
  async ask(question: InstallabilityQuestion, manner?: 'patient'): Promise<InstallabilityVerdicts> {
    if (manner !== 'patient' && this.#asking >= WAITING) {
      throw new AshlarError('busy', `${WAITING} checks of installability are waiting already.`)
    }
    this.#asking += 1
    clearTimeout(this.#idle)
    try {
      return await this.#ask(question)
    } finally {
      this.#asking -= 1
      if (this.#asking === 0) this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle)
    await this.#end()
  }

  async #end(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.close()
  }

  async #ask(question: InstallabilityQuestion): Promise<InstallabilityVerdicts> {
    this.#pool ??= new WorkerPool(workerFile(import.meta.url, 'installability-worker'), 1)
    const pool = this.#pool
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const answer = await pool.run({ kind: 'ask', question })
      if (answer.kind === 'verdicts') return answer.verdicts
      if (answer.kind === 'unknown') await this.#teach(pool, answer.ids)
    }
    throw new AshlarError('busy', 'Other checks of installability left no room for this one.')
  }

  async #teach(pool: WorkerPool<InstallabilityRequest, InstallabilityAnswer>, ids: Int32Array): Promise<void> {
    let told: Promise<unknown> = Promise.resolve()
    for (let start = 0; start < ids.length; start += PAGE) {
      const rows = await this.#database.read
        .selectFrom('package')
        .select(['id', 'kind', 'name', 'version', 'architecture', 'stanza'])
        .where('id', 'in', Array.from(ids.subarray(start, start + PAGE)))
        .execute()
      // One page is read while the thread takes in the one before.
      await told
      told = pool.run({ kind: 'learn', rows })
      // Awaited with the next page; until then a rejection is nobody's.
      told.catch(() => {})
    }
    await told
  }
}
