/**
 * Work on a mirror that is under way in this process. It goes on whoever listens; who comes later is told how far it is.
 */
import type { FillOutcome } from './fill-mirror.ts'
import { type MirrorEvent, mostNotices, type Tell } from './mirror-event.ts'
import type { UpdateOutcome } from './update-mirror.ts'

export type MirrorEnd =
  | ({ readonly kind: 'end'; readonly work: 'update' } & UpdateOutcome)
  | ({ readonly kind: 'end'; readonly work: 'fill' } & FillOutcome)

/** How often it is told how far a stage is. */
const progressMs = 200

export class MirrorJob {
  readonly work: 'update' | 'fill'
  /** Settles with the work. */
  readonly ended: Promise<MirrorEnd>
  readonly #stop = new AbortController()
  /** What who comes later is told first. */
  #stage: MirrorEvent | undefined
  #progress: MirrorEvent | undefined
  readonly #notices: MirrorEvent[] = []
  #toldAt = 0
  readonly #listeners = new Set<Listener>()

  constructor(work: 'update' | 'fill', perform: (tell: Tell, signal: AbortSignal) => Promise<MirrorEnd>) {
    this.work = work
    this.ended = perform((event) => this.#tell(event), this.#stop.signal)
    // Who listens is told; who does not is not.
    this.ended.catch(() => {})
    void this.ended.then(
      () => this.#wake(),
      () => this.#wake(),
    )
  }

  /** Ends it as soon as it can be. */
  stop(reason: unknown): void {
    this.#stop.abort(reason)
  }

  /** What it tells, to its end. @throws what ended it */
  async *follow(): AsyncGenerator<MirrorEvent | MirrorEnd, void, undefined> {
    const listener = new Listener(
      [this.#stage, ...this.#notices, this.#progress].filter((event) => event !== undefined),
    )
    this.#listeners.add(listener)
    let isOver = false
    const over = (): boolean => (isOver = true)
    void this.ended.then(over, over)
    try {
      for (;;) {
        const ended = isOver
        yield* listener.take()
        if (ended) break
        await listener.woken()
      }
      yield await this.ended
    } finally {
      this.#listeners.delete(listener)
    }
  }

  #tell(event: MirrorEvent): void {
    if (event.kind === 'progress') {
      this.#progress = event
      const now = performance.now()
      if (now - this.#toldAt < progressMs) return
      this.#toldAt = now
    }
    if (event.kind === 'stage') {
      this.#stage = event
      this.#progress = undefined
    }
    if (event.kind === 'notice' && this.#notices.length < mostNotices) this.#notices.push(event)
    for (const listener of this.#listeners) listener.put(event)
  }

  #wake(): void {
    for (const listener of this.#listeners) listener.wake()
  }
}

/** What one who listens has not taken yet; of how far it is, only the newest. */
class Listener {
  #events: MirrorEvent[]
  #wakeUp = Promise.withResolvers<void>()

  constructor(events: MirrorEvent[]) {
    this.#events = events
  }

  put(event: MirrorEvent): void {
    if (event.kind === 'progress' && this.#events.at(-1)?.kind === 'progress') this.#events.pop()
    this.#events.push(event)
    this.wake()
  }

  wake(): void {
    this.#wakeUp.resolve()
  }

  take(): MirrorEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  async woken(): Promise<void> {
    await this.#wakeUp.promise
    this.#wakeUp = Promise.withResolvers<void>()
  }
}
