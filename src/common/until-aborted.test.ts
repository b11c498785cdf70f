import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untilAborted } from './until-aborted.ts'

async function* endless(): AsyncGenerator<number> {
  yield 1
  await new Promise(() => {})
}

test('without an abort everything passes', async () => {
  assert.deepEqual(await Array.fromAsync(untilAborted([1, 2, 3], undefined)), [1, 2, 3])
  assert.deepEqual(await Array.fromAsync(untilAborted([1, 2, 3], new AbortController().signal)), [1, 2, 3])
})

test('an abort ends the wait for an item that never comes', async () => {
  const controller = new AbortController()
  const items = untilAborted(endless(), controller.signal)
  assert.deepEqual(await items.next(), { done: false, value: 1 })
  const second = items.next()
  controller.abort(new Error('enough'))
  await assert.rejects(second, /enough/)
})

test('an abort while the next item is asked for ends the wait for it', async () => {
  const controller = new AbortController()
  async function* source(): AsyncGenerator<number> {
    controller.abort()
    await new Promise(() => {})
    yield 1
  }
  await assert.rejects(Array.fromAsync(untilAborted(source(), controller.signal)), { name: 'AbortError' })
})

test('a signal that is aborted already lets nothing pass', async () => {
  await assert.rejects(Array.fromAsync(untilAborted([1], AbortSignal.abort())), { name: 'AbortError' })
})

test('a reader that stops early closes the source', async () => {
  let closed = false
  async function* source(): AsyncGenerator<number> {
    try {
      yield 1
      yield 2
    } finally {
      closed = true
    }
  }
  for await (const item of untilAborted(source(), new AbortController().signal)) {
    assert.equal(item, 1)
    break
  }
  assert.ok(closed)
})

test('an error of the source is passed on', async () => {
  async function* source(): AsyncGenerator<number> {
    yield 1
    throw new Error('broken')
  }
  await assert.rejects(Array.fromAsync(untilAborted(source(), new AbortController().signal)), /broken/)
})
