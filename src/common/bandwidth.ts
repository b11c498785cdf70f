/** A limit on bytes per second, shared by all who take from it. */
import { setTimeout as sleep } from 'node:timers/promises'

/** What the limit knows of time; tests give one that they move themselves. */
export interface BandwidthClock {
  /** Milliseconds since some moment; never goes back. */
  now(): number
  /** @throws the signal's reason */
  sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void>
}

/** After a pause so much may go at once, in terms of time at the full rate. */
const burstMs = 250

const systemClock: BandwidthClock = {
  now: () => performance.now(),
  async sleep(delayMs, signal) {
    try {
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
}

/**
 * A token bucket that may be overdrawn: who takes more than there is waits until the debt is paid, so that pieces of any
 * size pass and those who take at once wait one after the other.
 *
 * @example
 * const bandwidth = new Bandwidth(50 << 20)
 * for await (const chunk of stream) await bandwidth.take(chunk.length, signal)
 */
export class Bandwidth {
  readonly #bytesPerMs: number
  readonly #clock: BandwidthClock
  #bytes: number
  #filledAt: number

  constructor(bytesPerSecond: number, clock: BandwidthClock = systemClock) {
    if (!(bytesPerSecond > 0)) throw new RangeError(`${bytesPerSecond} bytes per second is no limit to work with`)
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#clock = clock
    this.#bytes = this.#bytesPerMs * burstMs
    this.#filledAt = clock.now()
  }

  /** Resolves when these bytes are within the limit. @throws the signal's reason; the bytes count all the same */
  async take(sizeBytes: number, signal?: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    const filled = this.#bytes + (now - this.#filledAt) * this.#bytesPerMs
    this.#bytes = Math.min(filled, this.#bytesPerMs * burstMs) - sizeBytes
    this.#filledAt = now
    if (this.#bytes >= 0) return
    await this.#clock.sleep(-this.#bytes / this.#bytesPerMs, signal)
  }
}
