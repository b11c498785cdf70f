import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Bandwidth, type BandwidthClock } from './bandwidth.ts'

/** A clock that stands still but for those who sleep; remembers for how long each did. */
function fakeClock(): BandwidthClock & { readonly slept: number[]; pass(ms: number): void } {
  let now = 1000
  const slept: number[] = []
  return {
    slept,
    pass: (ms) => (now += ms),
    now: () => now,
    async sleep(delayMs, signal) {
      signal?.throwIfAborted()
      slept.push(delayMs)
      now += delayMs
    },
  }
}

test('bytes above the rate wait for as long as they are above it', async () => {
  const clock = fakeClock()
  const bandwidth = new Bandwidth(1000, clock)
  for (let i = 0; i < 10; i += 1) await bandwidth.take(500)
  // 5,000 bytes at 1,000 a second, less the burst of a quarter of a second.
  assert.equal(
    clock.slept.reduce((sum, ms) => sum + ms, 0),
    4750,
  )
})

test('those who take at the same time wait one after the other', async () => {
  const slept: number[] = []
  const clock: BandwidthClock = { now: () => 0, sleep: async (ms) => void slept.push(ms) }
  const bandwidth = new Bandwidth(1000, clock)
  await Promise.all([bandwidth.take(250), bandwidth.take(1000), bandwidth.take(1000)])
  assert.deepEqual(slept, [1000, 2000])
})

test('a pause saves up a quarter of a second, and no more', async () => {
  const clock = fakeClock()
  const bandwidth = new Bandwidth(1000, clock)
  clock.pass(3_600_000)
  await bandwidth.take(250)
  assert.deepEqual(clock.slept, [])
  await bandwidth.take(100)
  assert.deepEqual(clock.slept, [100])
})

test('a piece larger than a second of the rate passes, late', async () => {
  const clock = fakeClock()
  await new Bandwidth(1000, clock).take(10_250)
  assert.deepEqual(clock.slept, [10_000])
})

test('who waits is woken by an abort, with its reason', async () => {
  const abort = new AbortController()
  const taking = new Bandwidth(1).take(1_000_000, abort.signal)
  abort.abort(new Error('enough'))
  await assert.rejects(taking, /enough/)
})

test('no bytes at all is refused as a limit', () => {
  assert.throws(() => new Bandwidth(0), RangeError)
  assert.throws(() => new Bandwidth(Number.NaN), RangeError)
})
