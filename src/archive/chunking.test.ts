import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { cut, Cutter } from './chunking.ts'
import { keyHash } from './entry-key.ts'

const MAX = 1000

interface Entry {
  readonly key: string
  readonly hash: number
  readonly bytes: number
}

const entry = fc
  .record({ key: fc.stringMatching(/^[a-z]{1,4} [0-9]$/), bytes: fc.oneof(fc.nat(80), fc.nat(400), fc.nat(2500)) })
  .map(({ key, bytes }): Entry => ({ key, bytes: bytes + 1, hash: keyHash(key) }))

/** In the order of the keys, each key once. */
const map = fc
  .uniqueArray(entry, { selector: (one) => one.key, maxLength: 120 })
  .map((entries) => entries.toSorted((a, b) => (a.key < b.key ? -1 : 1)))

const bytesOf = (chunk: readonly Entry[]): number => chunk.reduce((sum, one) => sum + one.bytes, 0)

/** The rule as it is written: the widest run around an entry in which no hash is smaller is longer than the limit. */
function startsChunk(entries: readonly Entry[], index: number): boolean {
  const own = entries[index]?.hash ?? 0
  let from = index - 1
  while (from > 0 && (entries[from]?.hash ?? 0) > own) from -= 1
  let to = index + 1
  while (to < entries.length && (entries[to]?.hash ?? 0) > own) to += 1
  return bytesOf(entries.slice(from, to)) > MAX
}

it('cuts nothing off and changes no order', () => {
  fc.assert(fc.property(map, (entries) => assert.deepEqual(cut(entries, MAX).flat(), entries)))
})

it('no chunk is empty or too long, unless it is a single entry', () => {
  fc.assert(
    fc.property(map, (entries) => {
      for (const chunk of cut(entries, MAX))
        assert.ok(chunk.length === 1 || (chunk.length > 1 && bytesOf(chunk) <= MAX))
    }),
  )
})

it('cuts exactly before the entries that the rule names', () => {
  fc.assert(
    fc.property(map, (entries) => {
      const starts = new Set(cut(entries, MAX).map((chunk) => chunk[0]?.key))
      for (const [i, { key }] of entries.entries())
        assert.equal(starts.has(key), i === 0 || startsChunk(entries, i), key)
    }),
  )
})

it('a change moves cuts beside itself only', () => {
  const entries = Array.from({ length: 3000 }, (_, i): Entry => {
    const key = `package-${String(i).padStart(5, '0')} 1`
    return { key, hash: keyHash(key), bytes: 20 + (i % 7) }
  })
  const names = (all: readonly Entry[]): Set<string> =>
    new Set(cut(all, MAX).map((chunk) => `${chunk[0]?.key} ${chunk.length} ${bytesOf(chunk)}`))
  const before = names(entries)
  let changed = 0
  for (let i = 0; i < 300; i += 1) {
    const without = entries.filter((_, at) => at !== i * 10)
    changed += [...names(without)].filter((chunk) => !before.has(chunk)).length
  }
  assert.ok(changed / 300 < 1.5, `${changed / 300} chunks on average`)
  assert.ok(before.size > 60 && before.size < 300, `${before.size} chunks`)
})

it('nothing is no chunk', () => {
  assert.deepEqual(cut([]), [])
})

it('no more is kept back than two chunks, in whatever order the hashes come', () => {
  const orders = [(i: number) => i, (i: number) => 1e9 - i, (i: number) => (i * 7919) % 10_007, () => 5]
  for (const [which, hashOf] of orders.entries()) {
    const cutter = new Cutter<Entry>(MAX)
    let waiting = 0
    for (let i = 0; i < 20_000; i += 1) {
      waiting += 10
      for (const chunk of cutter.push({ key: String(i), hash: hashOf(i), bytes: 10 })) waiting -= bytesOf(chunk)
      assert.ok(waiting <= 2 * MAX + 20, `${waiting} bytes wait in order ${which}`)
    }
    assert.equal(
      cutter.end().reduce((sum, chunk) => sum + bytesOf(chunk), 0),
      waiting,
    )
  }
})
