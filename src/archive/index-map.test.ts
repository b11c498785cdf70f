import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import type { Chunk } from './chunk-table.ts'
import { type EntrySource, planChunks } from './index-map.ts'
import type { Entry } from './map-entries.ts'

/** A map as a whole, and how much of it was read. */
class Entries {
  readonly #texts: ReadonlyMap<string, string | readonly string[]>
  read = 0

  /** @param texts by their keys; several of one key, as an upstream may list a version twice */
  constructor(texts: ReadonlyMap<string, string | readonly string[]>) {
    this.#texts = texts
  }

  get source(): EntrySource {
    return (from, to) => this.#between(from, to)
  }

  async *#between(from: string | undefined, to: string | undefined): AsyncGenerator<Entry> {
    for (const key of [...this.#texts.keys()].toSorted()) {
      if ((from !== undefined && key < from) || (to !== undefined && key >= to)) continue
      this.read += 1
      for (const text of [this.#texts.get(key) ?? ''].flat()) yield { key, text }
    }
  }
}

function digestOf(text: Buffer): Sha256 {
  const digest = parseSha256(hash('sha256', text))
  if (digest === undefined) throw new Error('no digest')
  return digest
}

/** Plans the chunks of a map, and makes them. */
async function build(
  before: readonly Chunk[],
  touched: Iterable<string>,
  entries: Entries,
): Promise<{ chunks: Chunk[]; made: number }> {
  let made = 0
  const chunks: Chunk[] = []
  for (const planned of await planChunks(before, touched, entries.source)) {
    if (planned.kind === 'kept') {
      chunks.push(planned.chunk)
      continue
    }
    made += 1
    const text = await planned.text()
    assert.equal(text.length, planned.textBytes)
    chunks.push({
      id: made,
      firstKey: planned.firstKey,
      textSha256: digestOf(text),
      textBytes: text.length,
      textLines: undefined,
      entries: planned.entries,
      pack: { id: 1, sha256: digestOf(text), sizeBytes: 0, scopeId: 1 },
      packOffset: 0,
      xzBytes: 0,
      xzUnpaddedBytes: 0,
      gzBytes: 0,
      zstBytes: 0,
    })
  }
  return { chunks, made }
}

const essence = (chunks: readonly Chunk[]) =>
  chunks.map(({ firstKey, textSha256, textBytes, entries }) => ({ firstKey, textSha256, textBytes, entries }))

/** Long enough that few of them are a chunk; some are longer than a chunk may be. */
const textOf = (key: string, size: number): string => `${key}\n`.padEnd(size * 1024, '.')

const key = fc.integer({ min: 0, max: 59 }).map((number) => `key-${String(number).padStart(2, '0')} 1`)
const size = fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 90 }), fc.constant(500))
const steps = fc.array(fc.array(fc.tuple(key, fc.option(size)), { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 8,
})

it('whatever is added, removed and changed, the chunks are those that the content is cut into at once', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const texts = new Map<string, string>()
      let chunks: Chunk[] = []
      for (const step of history) {
        const touched = new Set<string>()
        for (const [name, sizeKib] of step) {
          touched.add(name)
          if (sizeKib === null) texts.delete(name)
          else texts.set(name, textOf(name, sizeKib))
        }
        chunks = (await build(chunks, touched, new Entries(texts))).chunks
        const fresh = await build([], texts.keys(), new Entries(texts))
        assert.deepEqual(essence(chunks), essence(fresh.chunks))
      }
    }),
    { numRuns: 60 },
  )
})

const many = new Map(
  Array.from({ length: 900 }, (_, i) => `key-${String(i).padStart(4, '0')} 1`).map((name) => [name, textOf(name, 15)]),
)

it('of a long map only the chunks beside a change are read and made', async () => {
  const { chunks } = await build([], many.keys(), new Entries(many))
  assert.ok(chunks.length > 30)
  let [read, made] = [0, 0]
  const touched = [...many.keys()].filter((_, i) => i % 90 === 0)
  for (const gone of touched) {
    const entries = new Entries(new Map([...many].filter(([name]) => name !== gone)))
    made += (await build(chunks, [gone], entries)).made
    read += entries.read
  }
  assert.ok(made / touched.length < 2, `${made / touched.length} chunks`)
  assert.ok(read / touched.length < 90, `${read / touched.length} entries of 900`)
})

it('a key that starts a chunk may go, and the first and the last of the map', async () => {
  const { chunks } = await build([], many.keys(), new Entries(many))
  const gone = [...chunks.slice(0, 6).map((chunk) => chunk.firstKey), 'key-0899 1']
  const left = new Map([...many].filter(([name]) => !gone.includes(name)))
  const { chunks: after } = await build(chunks, gone, new Entries(left))
  assert.deepEqual(essence(after), essence((await build([], left.keys(), new Entries(left))).chunks))
})

it('a map that becomes empty has no chunk, and can be filled again', async () => {
  const { chunks } = await build([], many.keys(), new Entries(many))
  const empty = await build(chunks, many.keys(), new Entries(new Map()))
  assert.deepEqual(empty.chunks, [])
  const again = await build(empty.chunks, many.keys(), new Entries(many))
  assert.deepEqual(essence(again.chunks), essence(chunks))
})

it('text beyond what is kept in memory is read a second time, and is the same', async () => {
  const long = new Map([...many].map(([name]) => [name, textOf(name, 40)]))
  const { chunks } = await build([], long.keys(), new Entries(long))
  const entries = new Entries(long)
  const parts: Buffer[] = []
  for (const planned of await planChunks([], long.keys(), entries.source)) {
    if (planned.kind === 'new') parts.push(await planned.text())
  }
  assert.ok(entries.read > long.size)
  assert.equal(Buffer.concat(parts).toString(), [...long.values()].join(''))
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.textBytes, 0),
    900 * 40 * 1024,
  )
})

it('entries of one key are never cut apart, also if one of them comes to start a chunk, or goes', async () => {
  const starts = (await build([], many.keys(), new Entries(many))).chunks.slice(1, 4).map((chunk) => chunk.firstKey)
  const twins = new Map(
    [...many].map(([name, text]) => [name, starts.includes(name) ? [text, textOf(`${name} again`, 15)] : [text]]),
  )
  const { chunks } = await build([], twins.keys(), new Entries(twins))
  assert.deepEqual(
    chunks.map((chunk) => chunk.firstKey),
    [...new Set(chunks.map((chunk) => chunk.firstKey))],
  )
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.entries, 0),
    many.size + starts.length,
  )
  const one = new Map(twins).set(starts[1] ?? '', [textOf('another', 15)])
  const { chunks: after } = await build(chunks, [starts[1] ?? ''], new Entries(one))
  assert.deepEqual(essence(after), essence((await build([], one.keys(), new Entries(one))).chunks))
})

it('entries of one key that were cut apart by an older version are joined when that key is touched', async () => {
  const { chunks } = await build([], many.keys(), new Entries(many))
  const key = chunks[2]?.firstKey ?? ''
  const { chunks: twin } = await build([], [key], new Entries(new Map([[key, textOf('twin', 380)]])))
  const before = [...chunks.slice(0, 2), ...twin, ...chunks.slice(2)]
  const now = new Map(many).set(key, textOf('only', 15))
  const { chunks: after } = await build(before, [key], new Entries(now))
  assert.deepEqual(essence(after), essence((await build([], now.keys(), new Entries(now))).chunks))
})
