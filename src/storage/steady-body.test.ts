import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { steady } from './steady-body.ts'

const limits = { silenceMs: 50 }

async function* chunks(count: number, bytes: number, pauseMs: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i += 1) {
    await sleep(pauseMs)
    yield Buffer.alloc(bytes)
  }
}

async function lengthOf(body: AsyncIterable<Uint8Array>, restMs = 0): Promise<number> {
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (restMs > 0) await sleep(restMs)
  }
  return length
}

test('bytes that trickle are an error that tells how few came', async () => {
  await assert.rejects(lengthOf(steady(chunks(1000, 1, 10), limits)), /it stalls: only \d+ bytes came in 0\.\d s/)
})

test('a body that comes in time is given whole, also to a reader who rests', async () => {
  assert.equal(await lengthOf(steady(chunks(20, 10_000, 10), limits)), 200_000)
  assert.equal(await lengthOf(steady(chunks(5, 10, 0), limits), 60), 50)
})
