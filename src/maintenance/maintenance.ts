/**
 * Maintenance: keeping stores tidy and within policy, proving what they hold, and saying why something is kept or gone.
 * What lives here: the vacuum and its stages, checking and repairing, purging, and the explanation of all of it. What
 * does not: how a store keeps bytes and how a copy comes and goes (storage), when an artifact or a revision expires
 * (artifact, archive), HTTP (server).
 *
 * Words: a scope *needs* a file if something of its refers to it (needs.ts); a copy is *condemned* first and *deleted*
 * after a grace time; a *stage* plans *steps*, each of which is told as lines and can be carried out.
 */
import { AshlarError } from '../common/errors.ts'
import { noFaults, type Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { holdLease } from '../database/lease.ts'
import type { Storage } from '../storage/storage.ts'
import { type Ages, type Context, defaultAges } from './context.ts'
import type { Summary } from './plan.ts'
import { purgeFile, type Purged, type PurgeWish } from './purge.ts'
import { dueDeletions } from './stage-deletions.ts'
import { unneededFiles } from './stage-files.ts'
import { listingSteps } from './stage-listing.ts'
import { policySteps } from './stage-policies.ts'
import { sizeSteps } from './stage-sizes.ts'
import { spoolSteps } from './stage-spool.ts'
import { runStages, type StagePlan, summed, type VacuumEvent } from './vacuum.ts'
import type { View } from './view.ts'
import { explain, type Explanation } from './why.ts'
import { recordWork, workNames, workRecord } from './work-record.ts'

export type { Ages } from './context.ts'
export type { PlanLine, Stage, StageSummary, StepOutcome, Summary } from './plan.ts'
export type { Purged, PurgedCopy, PurgeWish } from './purge.ts'
export type { VacuumEvent } from './vacuum.ts'
export type { Fate, Gone } from './fate.ts'
export type { Holder } from './why-holders.ts'
export type { WhyCopy, WhyFile } from './why-files.ts'
export type { View } from './view.ts'
export type { Explanation } from './why.ts'

export interface MaintenanceOptions {
  readonly database: Database
  readonly storage: Storage
  readonly faults?: Faults
  readonly ages?: Partial<Ages>
  /** Told of what no caller is told: work that nobody waits for and that failed. */
  readonly onError?: (error: unknown) => void
}

export interface VacuumOptions {
  /** Tells the plan and does nothing. */
  readonly dryRun?: boolean
  readonly signal?: AbortSignal
}

/** The last thing a vacuum tells. */
export interface VacuumEnd {
  readonly kind: 'end'
  readonly dryRun: boolean
  readonly summary: Summary
}

/** How many files are copied at once. */
const copiesAtOnce = 4
const leaseName = 'maintenance'
const leaseTtlMs = 30_000
const dayMs = 24 * 60 * 60 * 1000
/** How often a server looks whether a vacuum is due. */
const lookEveryMs = 30 * 60 * 1000

export class Maintenance implements AsyncDisposable {
  readonly #database: Database
  readonly #storage: Storage
  readonly #faults: Faults
  readonly #ages: Ages
  readonly #onError: (error: unknown) => void
  readonly #closing = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #daily: Promise<void> | undefined

  constructor(options: MaintenanceOptions) {
    this.#database = options.database
    this.#storage = options.storage
    this.#faults = options.faults ?? noFaults
    this.#ages = { ...defaultAges, ...options.ages }
    this.#onError = options.onError ?? (() => {})
  }

  /** Vacuums by itself from now on, once a day. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#daily ??= this.#vacuumIfDue().finally(() => (this.#daily = undefined))
    }, lookEveryMs).unref()
  }

  /**
   * Vacuums, telling each thing as it is done. Who stops listening stops the vacuum: what was done stays done, and the
   * next one goes on.
   * @throws AshlarError busy if another one is under way
   */
  async *vacuum(options: VacuumOptions = {}): AsyncGenerator<VacuumEvent | VacuumEnd, void, undefined> {
    const { dryRun = false } = options
    await using hold = await this.#hold()
    const signal = AbortSignal.any([hold.signal, this.#closing.signal, ...(options.signal ? [options.signal] : [])])
    const context = { ...this.#context(signal), dryRun }
    const startedAt = await this.#database.now()
    let summary: Summary = {}
    let state: 'done' | 'stopped' = 'stopped'
    try {
      for await (const event of runStages(context, vacuumStages)) {
        summary = summed(summary, event)
        yield event
      }
      state = 'done'
      yield { kind: 'end', dryRun, summary }
    } finally {
      if (!dryRun) await this.#recordVacuum({ state, startedAt, summary })
    }
  }

  /**
   * Removes a file from every store at once, whatever holds it, and lets it never come back. Idempotent; beside a vacuum
   * that is under way.
   * @throws AshlarError conflict for a pack of indexes
   */
  async purge(wish: PurgeWish): Promise<Purged> {
    return await purgeFile({ database: this.#database, storage: this.#storage, faults: this.#faults }, wish)
  }

  /**
   * Why an artifact, a file or a pool path is kept, when it goes, or why it is gone; as far as the view goes.
   * @throws AshlarError not-found, request-invalid
   */
  async why(subject: string, view: View): Promise<Explanation> {
    return await explain({ database: this.#database, ages: this.#ages }, subject, view)
  }

  /** Waits for what is under way to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#closing.abort(new AshlarError('busy', 'The server is ending.'))
    await this.#daily
  }

  #context(signal: AbortSignal): Context {
    return {
      database: this.#database,
      storage: this.#storage,
      faults: this.#faults,
      ages: this.#ages,
      signal,
      dryRun: false,
    }
  }

  async #hold() {
    const hold = await holdLease(this.#database, leaseName, leaseTtlMs)
    if (hold !== undefined) return hold
    throw new AshlarError('busy', 'Another vacuum, check or repair is under way; wait until it has ended.')
  }

  async #recordVacuum(outcome: {
    readonly state: 'done' | 'stopped'
    readonly startedAt: number
    readonly summary: Summary
  }): Promise<void> {
    const finishedAt = await this.#database.now()
    for (const store of (await this.#storage.stores.map()).all) {
      if (!(await this.#storage.stores.isReachable(store))) continue
      await recordWork(this.#database, { ...outcome, name: workNames.vacuum(store.id), finishedAt, cursor: null })
    }
  }

  /** Vacuums if a store that this server reaches was not vacuumed for a day. Never rejects. */
  async #vacuumIfDue(): Promise<void> {
    try {
      if (!(await this.#isDue())) return
      for await (const event of this.vacuum()) if (event.kind === 'failure') this.#onError(event.error)
    } catch (error) {
      const isOurs = this.#closing.signal.aborted || (error instanceof AshlarError && error.code === 'busy')
      if (!isOurs) this.#onError(error)
    }
  }

  async #isDue(): Promise<boolean> {
    const before = (await this.#database.now()) - dayMs * 1000
    for (const store of (await this.#storage.stores.map()).all) {
      if (!(await this.#storage.stores.isReachable(store))) continue
      const last = await workRecord(this.#database, workNames.vacuum(store.id))
      if (last === undefined || last.state !== 'done' || last.startedAt < before) return true
    }
    return false
  }
}

const vacuumStages: readonly StagePlan[] = [
  { stage: 'spool', steps: spoolSteps, concurrency: 1 },
  { stage: 'files', steps: unneededFiles, concurrency: 1 },
  { stage: 'listing', steps: listingSteps, concurrency: 1 },
  { stage: 'policies', steps: policySteps, concurrency: copiesAtOnce },
  { stage: 'sizes', steps: sizeSteps, concurrency: copiesAtOnce },
  { stage: 'deletions', steps: dueDeletions, concurrency: 1 },
]
