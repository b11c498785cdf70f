/**
 * Maintenance: keeping stores tidy and within policy, proving what they hold, and saying why something is kept or gone.
 * What lives here: the vacuum and its stages, checking and repairing, purging, and the explanation of all of it. What
 * does not: how a store keeps bytes and how a copy comes and goes (storage), when an artifact or a revision expires
 * (artifact, archive), HTTP (server).
 *
 * Words: a scope *needs* a file if something of its refers to it (needs.ts); a copy is *condemned* first and *deleted*
 * after a grace time; a *stage* plans *steps*, each of which is told as lines and can be carried out.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Archives } from '../archive/archives.ts'
import { Bandwidth } from '../common/bandwidth.ts'
import { AshlarError } from '../common/errors.ts'
import { noFaults, type Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { holdLease } from '../database/lease.ts'
import type { Storage } from '../storage/storage.ts'
import { type Ages, type Context, defaultAges, StoreTroubles } from './context.ts'
import { type FsckEvent, Tally } from './finding.ts'
import { type FsckOptions, runFsck } from './fsck.ts'
import { ReportedCopies } from './fsck-context.ts'
import type { Summary } from './plan.ts'
import { purgeFile, type Purged, type PurgeWish } from './purge.ts'
import { dueDeletions } from './stage-deletions.ts'
import { artifactSteps, revisionSteps } from './stage-expiry.ts'
import { figureSteps } from './stage-figures.ts'
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
export type { Finding, FsckEvent, FsckStage, FsckSummary } from './finding.ts'
export type { FsckOptions } from './fsck.ts'
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
  /** Makes lost packs of indexes again. */
  readonly archives?: Pick<Archives, 'rebuildPacks'>
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
const copiesAtOnce = 16
const leaseName = 'maintenance'
const leaseTtlMs = 30_000
/** How long a check under way may take to stop. */
const lastWordsMs = 2000
const dayMs = 24 * 60 * 60 * 1000
/** How often a server looks whether a vacuum is due, and how soon one that failed is tried again. */
const lookEveryMs = 5 * 60 * 1000
const retryMs = 6 * 60 * 60 * 1000

export class Maintenance implements AsyncDisposable {
  readonly #database: Database
  readonly #storage: Storage
  readonly #archives: Pick<Archives, 'rebuildPacks'> | undefined
  readonly #faults: Faults
  readonly #ages: Ages
  readonly #onError: (error: unknown) => void
  readonly #closing = new AbortController()
  /** Checks under way: their ends. */
  readonly #checks = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #daily: Promise<void> | undefined

  constructor(options: MaintenanceOptions) {
    this.#database = options.database
    this.#storage = options.storage
    this.#archives = options.archives
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
      if (!dryRun) await this.#recordVacuum(context, { state, startedAt, summary })
    }
  }

  /**
   * Checks the database against the stores, telling each thing as it is found; the last event is the end. Who stops
   * listening stops the check.
   * @throws AshlarError busy if a vacuum or another check is under way; not-found if there is no such store
   */
  async *fsck(options: FsckOptions = {}): AsyncGenerator<FsckEvent, void, undefined> {
    const { deep = false, rebuild = false, repair = rebuild, store, bytesPerSecond } = options
    this.#storage.stores.forget()
    const only = store === undefined ? undefined : (await this.#storage.stores.map()).named(store)
    if (store !== undefined && only === undefined) {
      throw new AshlarError('not-found', `There is no store named ${store}.`)
    }
    await using hold = await this.#hold()
    const signal = AbortSignal.any([hold.signal, this.#closing.signal, ...(options.signal ? [options.signal] : [])])
    const context = {
      ...this.#context(signal),
      repair: repair || rebuild,
      only,
      bandwidth: bytesPerSecond === undefined ? undefined : new Bandwidth(bytesPerSecond),
      tally: new Tally(),
      reported: new ReportedCopies(),
      lostPacks: [],
    }
    const archives = rebuild ? this.#archives : undefined
    const rebuildLost = archives && ((ids: readonly number[]) => archives.rebuildPacks(ids, signal))
    const ended = Promise.withResolvers<void>()
    this.#checks.add(ended.promise)
    try {
      yield* runFsck(context, { deep, rebuild: rebuildLost })
    } finally {
      this.#checks.delete(ended.promise)
      ended.resolve()
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
    // So that a scrub can write down how far it came; nobody is waited for who has stopped listening without a word.
    await Promise.race([Promise.all(this.#checks), sleep(lastWordsMs, undefined, { ref: false })])
  }

  #context(signal: AbortSignal): Context {
    return {
      database: this.#database,
      storage: this.#storage,
      faults: this.#faults,
      ages: this.#ages,
      signal,
      dryRun: false,
      troubles: new StoreTroubles(),
    }
  }

  async #hold() {
    const hold = await holdLease(this.#database, leaseName, leaseTtlMs)
    if (hold !== undefined) return hold
    throw new AshlarError('busy', 'Another vacuum, check or repair is under way; wait until it has ended.')
  }

  async #recordVacuum(
    { troubles }: Context,
    outcome: { readonly state: 'done' | 'stopped'; readonly startedAt: number; readonly summary: Summary },
  ): Promise<void> {
    const finishedAt = await this.#database.now()
    for (const store of (await this.#storage.stores.map()).all) {
      if (!(await this.#storage.stores.isReachable(store))) continue
      const state = outcome.state === 'done' && troubles.hasFailed(store.name) ? 'failed' : outcome.state
      await recordWork(this.#database, {
        ...outcome,
        state,
        name: workNames.vacuum(store.id),
        finishedAt,
        cursor: null,
      })
    }
  }

  /** Vacuums if a store that this server reaches was not vacuumed for a day. Never rejects. */
  async #vacuumIfDue(): Promise<void> {
    try {
      if (!(await this.#isDue())) return
      for await (const event of this.vacuum())
        if (event.kind === 'failure') this.#onError(new AshlarError(event.code, event.detail))
    } catch (error) {
      const isOurs = this.#closing.signal.aborted || (error instanceof AshlarError && error.code === 'busy')
      if (!isOurs) this.#onError(error)
    }
  }

  async #isDue(): Promise<boolean> {
    const now = await this.#database.now()
    for (const store of (await this.#storage.stores.map()).all) {
      if (!(await this.#storage.stores.isReachable(store))) continue
      const last = await workRecord(this.#database, workNames.vacuum(store.id))
      const ageMs = last?.state === 'failed' ? retryMs : last?.state === 'done' ? dayMs : 0
      if (last === undefined || last.startedAt < now - ageMs * 1000) return true
    }
    return false
  }
}

const vacuumStages: readonly StagePlan[] = [
  { stage: 'spool', steps: spoolSteps, concurrency: 1 },
  { stage: 'revisions', steps: revisionSteps, concurrency: 1 },
  { stage: 'artifacts', steps: artifactSteps, concurrency: 1 },
  { stage: 'files', steps: unneededFiles, concurrency: 1 },
  { stage: 'listing', steps: listingSteps, concurrency: 1 },
  { stage: 'policies', steps: policySteps, concurrency: copiesAtOnce },
  { stage: 'sizes', steps: sizeSteps, concurrency: copiesAtOnce },
  { stage: 'deletions', steps: dueDeletions, concurrency: 1 },
  { stage: 'figures', steps: figureSteps, concurrency: 1 },
]
