/**
 * Gets changes sealed: takes the archive's lease while changes wait, seals all that wait together, and tells those who
 * wait what became of theirs. Any number of processes do this; one at a time holds the lease, the others look at the
 * database until their change is decided.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AshlarError, catalogue, type ErrorCode } from '../common/errors.ts'
import { acquireLease, LeaseLost, releaseLease, renewLease } from '../database/lease.ts'
import { type HeldLease, sealLeaseName } from './held-lease.ts'
import { ABANDONED_AFTER_MS, giveUpAbandoned, refuseChange } from './record-change.ts'
import { issuesDue, reissueWhereDue } from './reissue.ts'
import { CHANGES_PER_SEAL, sealChanges, waitingChanges } from './seal.ts'
import type { SealContext } from './seal-context.ts'
import type { WaitingChange } from './seal-plan.ts'

export interface SealerOptions {
  readonly leaseTtlMs: number
  /** Told of what no caller is told: a seal that failed for a reason of ours. */
  readonly onError: (error: unknown) => void
}

/** How often a waiter looks whether another process has sealed its change. */
const POLL_MS = 25
/** How long a caller is kept waiting for its change; the change itself waits on. */
const PATIENCE_MS = 120_000

export class Sealer {
  readonly #context: SealContext
  readonly #options: SealerOptions
  readonly #working = new Map<number, Promise<void>>()
  /** Archives for which work came in while it was going on. */
  readonly #again = new Set<number>()
  #decided = Promise.withResolvers<void>()
  #closed = false

  constructor(context: SealContext, options: SealerOptions) {
    this.#context = context
    this.#options = options
  }

  /** Whether it seals nothing more. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** Waits until a change is sealed. @throws AshlarError the refusal; busy */
  async sealed(archiveId: number, changeId: number, signal?: AbortSignal): Promise<void> {
    const end = performance.now() + PATIENCE_MS
    for (;;) {
      const decided = this.#decided.promise
      if ((await this.#stateOf(changeId)) === 'sealed') return
      signal?.throwIfAborted()
      if (performance.now() > end) {
        throw new AshlarError('busy', `Change ${changeId} waits to be published; it is recorded.`)
      }
      if (this.#closed && !this.#working.has(archiveId)) {
        throw new AshlarError('busy', `Change ${changeId} is recorded; the server is ending before it was published.`)
      }
      this.#start(archiveId)
      await Promise.race([decided, sleep(POLL_MS)])
    }
  }

  /** Waits until a change is sealed or refused. */
  async decided(archiveId: number, changeId: number): Promise<void> {
    await giveUpAbandoned(this.#context.database, archiveId, ABANDONED_AFTER_MS)
    try {
      await this.sealed(archiveId, changeId)
    } catch (error) {
      if (!(error instanceof AshlarError) || error.code === 'busy') throw error
    }
  }

  /** Seals what a process that died had left waiting. */
  resume(archiveId: number): void {
    this.#start(archiveId)
  }

  /** Finishes the seals under way. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.#working.values())
  }

  async #stateOf(changeId: number): Promise<string> {
    const change = await this.#context.database.read
      .selectFrom('change')
      .select(['state', 'refusal_json'])
      .where('id', '=', changeId)
      .executeTakeFirstOrThrow()
    if (change.state === 'refused') throw refusalOf(change.refusal_json)
    return change.state
  }

  /** Starts to seal unless it is being done; the work never rejects. */
  #start(archiveId: number): void {
    if (this.#working.has(archiveId)) {
      this.#again.add(archiveId)
    } else if (!this.#closed) {
      const work = this.#work(archiveId).finally(() => this.#working.delete(archiveId))
      this.#working.set(archiveId, work)
    }
  }

  #notify(): void {
    const decided = this.#decided
    this.#decided = Promise.withResolvers<void>()
    decided.resolve()
  }

  /** Issues the live Releases of an archive again where that is due, after a seal that is under way. */
  async reissue(archiveId: number): Promise<void> {
    const isDue = async (): Promise<boolean> => (await issuesDue(this.#context, archiveId)).length > 0
    while (!this.#closed && (await isDue())) {
      if (await this.#withLease(archiveId, (lease) => reissueWhereDue(this.#context, archiveId, lease))) return
      await sleep(POLL_MS)
    }
  }

  async #work(archiveId: number): Promise<void> {
    await this.#withLease(archiveId, async (lease) => {
      do {
        this.#again.delete(archiveId)
        while ((await this.#sealGroup(archiveId, lease)) > 0) this.#notify()
      } while (this.#again.has(archiveId))
    })
  }

  /** Does work as the only process on an archive, or answers false because another is at it. Never rejects. */
  async #withLease(archiveId: number, work: (lease: HeldLease) => Promise<void>): Promise<boolean> {
    const { database } = this.#context
    const { leaseTtlMs, onError } = this.#options
    const name = sealLeaseName(archiveId)
    try {
      // A name of its own for each piece of work: within a process too, one at a time.
      const holder = `${process.pid}-${randomUUID()}`
      const acquired = await acquireLease(database, name, holder, leaseTtlMs)
      if (acquired === undefined) return false
      const lease = { name, holder, fence: acquired.fence }
      const heartbeat = setInterval(() => {
        renewLease(database, name, holder, lease.fence, leaseTtlMs).catch(onError)
      }, leaseTtlMs / 3)
      try {
        await work(lease)
      } finally {
        clearInterval(heartbeat)
        await releaseLease(database, name, holder, lease.fence)
      }
    } catch (error) {
      // Another process has taken over, or the database is out of reach; those who wait try again.
      if (!(error instanceof LeaseLost)) onError(error)
    }
    return true
  }

  /**
   * Seals what waits, and answers how many changes were decided. If that fails, the changes are refused rather than
   * left to be published after their caller was told of the failure; one that fails by a mistake of ours is first
   * told apart from the others.
   */
  async #sealGroup(archiveId: number, held: HeldLease): Promise<number> {
    const waiting = await waitingChanges(this.#context.database, archiveId, CHANGES_PER_SEAL)
    if (waiting.length === 0) return 0
    try {
      await sealChanges(this.#context, archiveId, held, waiting)
      return waiting.length
    } catch (error) {
      if (error instanceof LeaseLost) throw error
      if (error instanceof AshlarError && error.code !== 'internal') return this.#refuse(waiting, error, held)
      this.#options.onError(error)
      if (waiting.length === 1) return this.#refuse(waiting, internal(error), held)
    }
    const first = waiting.slice(0, 1)
    try {
      await sealChanges(this.#context, archiveId, held, first)
    } catch (error) {
      if (error instanceof LeaseLost) throw error
      this.#options.onError(error)
      await this.#refuse(first, error instanceof AshlarError ? error : internal(error), held)
    }
    return first.length
  }

  /** Those that were sealed all the same, by a commit whose answer was lost, stay sealed. */
  async #refuse(changes: readonly WaitingChange[], error: AshlarError, held: HeldLease): Promise<number> {
    for (const { id } of changes) await refuseChange(this.#context.database, id, error, held)
    return changes.length
  }
}

function internal(cause: unknown): AshlarError {
  return new AshlarError('internal', 'The change could not be published; the log has the reason.', { cause })
}

function refusalOf(json: string | null): AshlarError {
  const { code, detail, ...extra } = JSON.parse(json ?? '{}') as { code?: string; detail?: string; step?: number }
  const known = code !== undefined && Object.hasOwn(catalogue, code) ? (code as ErrorCode) : 'internal'
  return new AshlarError(known, detail ?? 'The change was refused.', { extra })
}
