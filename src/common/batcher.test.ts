import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { Batcher } from './batcher.ts'

test('calls made together share a batch, in their order', async () => {
  const batches: number[][] = []
  const batcher = new Batcher<number, number>(10, async (items) => {
    batches.push([...items])
    return items.map((item) => item * 2)
  })
  assert.deepEqual(await Promise.all([1, 2, 3].map((item) => batcher.run(item))), [2, 4, 6])
  assert.deepEqual(batches, [[1, 2, 3]])
})

test('calls that come while a batch is under way form the next one', async () => {
  const batches: number[][] = []
  const gate = Promise.withResolvers<void>()
  const batcher = new Batcher<number, number>(10, async (items) => {
    batches.push([...items])
    await gate.promise
    return items
  })
  const first = batcher.run(1)
  await turn()
  await turn()
  const later = [batcher.run(2), batcher.run(3)]
  gate.resolve()
  await Promise.all([first, ...later])
  assert.deepEqual(batches, [[1], [2, 3]])
})

test('a batch has no more items than allowed', async () => {
  const sizes: number[] = []
  const batcher = new Batcher<number, number>(4, async (items) => {
    sizes.push(items.length)
    return items
  })
  await Promise.all(Array.from({ length: 10 }, (_, index) => batcher.run(index)))
  assert.deepEqual(sizes, [4, 4, 2])
})

test('an error for one item reaches its caller only', async () => {
  const batcher = new Batcher<number, number>(10, async (items) =>
    items.map((item) => (item === 2 ? new Error('two') : item)),
  )
  const outcomes = await Promise.allSettled([1, 2, 3].map((item) => batcher.run(item)))
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('a batch that fails fails for all of it, and the next one runs', async () => {
  let fail = true
  const batcher = new Batcher<number, number>(10, async (items) => {
    if (fail) throw new Error('no')
    return items
  })
  const outcomes = await Promise.allSettled([batcher.run(1), batcher.run(2)])
  assert.ok(outcomes.every((outcome) => outcome.status === 'rejected'))
  fail = false
  assert.equal(await batcher.run(3), 3)
})

test('items that trickle in are gathered until there are enough of them', async () => {
  const batches: number[][] = []
  const gathering = { enough: 3, patienceMs: 60_000 }
  const take = async (items: readonly number[]): Promise<readonly number[]> => {
    batches.push([...items])
    return items
  }
  const batcher = new Batcher<number, number>(10, take, gathering)
  const waiting: Promise<number>[] = []
  for (const item of [1, 2, 3]) {
    waiting.push(batcher.run(item))
    await turn()
  }
  assert.deepEqual(await Promise.all(waiting), [1, 2, 3])
  assert.deepEqual(batches, [[1, 2, 3]])
})

test('an item that stays alone waits no longer than its patience', async () => {
  const batcher = new Batcher<number, number>(10, async (items) => items, { enough: 3, patienceMs: 1 })
  assert.equal(await batcher.run(1), 1)
  assert.equal(await batcher.run(2), 2)
})
