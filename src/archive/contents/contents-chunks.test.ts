import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { pathOfLine, renderContentsLine } from '../../debian/contents.ts'
import { contentsChunks, type OldChunk } from './contents-chunks.ts'
import type { PathChange } from './contents-runs.ts'

const MAX = 1000

/** Path -> labels. */
type State = ReadonlyMap<string, ReadonlySet<string>>

interface Chunk extends OldChunk {
  readonly text: string
}

/** An index that has been brought to a state, and how many chunks were read for it. */
interface Index {
  readonly chunks: readonly Chunk[]
  readonly kept: number
  readonly read: ReadonlySet<number>
}

const empty: Index = { chunks: [], kept: 0, read: new Set() }

function changed(before: Index, changes: readonly PathChange[], maxBytes = MAX): Index {
  const read = new Set<number>()
  const textOf = (chunk: number): string => {
    read.add(chunk)
    return before.chunks[chunk]?.text ?? ''
  }
  let kept = 0
  const chunks = [...contentsChunks(before.chunks, changes, textOf, maxBytes)].map((chunk): Chunk => {
    const old = typeof chunk === 'number' ? before.chunks[chunk] : undefined
    if (old !== undefined) kept += 1
    if (old !== undefined || typeof chunk === 'number') return old ?? assert.fail()
    const firstKey = pathOfLine(chunk.text.slice(0, chunk.text.indexOf('\n')))
    return { ...chunk, firstKey, textBytes: chunk.text.length }
  })
  return { chunks, kept, read }
}

function difference(from: State, to: State): PathChange[] {
  const paths = [...new Set([...from.keys(), ...to.keys()])].sort()
  return paths.flatMap((path): PathChange[] => {
    const [old, now] = [from.get(path) ?? new Set<string>(), to.get(path) ?? new Set<string>()]
    const [added, gone] = [[...now.difference(old)], [...old.difference(now)]]
    return added.length + gone.length === 0 ? [] : [{ path, added, gone }]
  })
}

function textOf(state: State): string {
  const lines = [...state].sort(([a], [b]) => (a < b ? -1 : 1))
  return lines.map(([path, labels]) => renderContentsLine(path, [...labels].sort())).join('')
}

const path = fc.stringMatching(/^(usr\/|etc\/)[a-c]{1,3}(\/[\xe0-\xff ]{0,3}[a-z]){0,2}$/)
const labels = fc.uniqueArray(fc.constantFrom('a/x', 'b/y', 'b/z'), { minLength: 1 })
const line = fc.tuple(path, labels)
/** A few lines come or change, a few go: those at so many thousandths of the whole. */
const step = fc.record({
  lines: fc.array(line, { maxLength: 5 }),
  gone: fc.array(fc.nat(999), { maxLength: 4 }),
})

it('whatever came before, the text is that of the state, and the chunks are those of an index made at once', () => {
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 100, maxLength: 250 }),
      fc.array(step, { maxLength: 6 }),
      (lines, steps) => {
        let [index, now]: [Index, State] = [empty, new Map()]
        for (const { lines: more, gone } of [{ lines, gone: [] }, ...steps]) {
          const paths = [...now.keys()].sort()
          const going = new Set(gone.map((part) => paths[Math.floor((part * paths.length) / 1000)]))
          const coming = more.map(([name, own]): [string, ReadonlySet<string>] => [name, new Set(own)])
          const next: State = new Map([...[...now].filter(([name]) => !going.has(name)), ...coming])
          index = changed(index, difference(now, next))
          now = next
          assert.equal(index.chunks.map((chunk) => chunk.text).join(''), textOf(now))
          assert.deepEqual(index.chunks, changed(empty, difference(new Map(), now)).chunks)
        }
      },
    ),
    { numRuns: 200 },
  )
})

it('of a long index only the chunks beside a change are read', () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => `usr/share/doc/${String(i).padStart(6, '0')}`)
  const long: State = new Map(lines.map((name) => [name, new Set(['doc/x'])]))
  const index = changed(empty, difference(new Map(), long))
  assert.ok(index.chunks.length > 1000)
  let [read, made] = [0, 0]
  for (const [i, name] of lines.entries()) {
    if (i % 100 !== 0) continue
    const without = changed(index, [{ path: name, added: [], gone: ['doc/x'] }])
    read += without.read.size
    made += without.chunks.length - without.kept
  }
  assert.ok(read / 200 < 2.5, `${read / 200} chunks read for each change`)
  assert.ok(made / 200 < 2, `${made / 200} chunks made for each change`)
})

it('without changes nothing is read', () => {
  const index = changed(empty, difference(new Map(), new Map([['a', new Set(['x'])]])))
  const same = changed(index, [])
  assert.equal(same.read.size, 0)
  assert.deepEqual(same.chunks, index.chunks)
})

it('an index can become empty, and be filled again', () => {
  const one: State = new Map([['a', new Set(['x'])]])
  const index = changed(empty, difference(new Map(), one))
  const emptied = changed(index, difference(one, new Map()))
  assert.deepEqual(emptied.chunks, [])
  assert.deepEqual(changed(emptied, difference(new Map(), one)).chunks, index.chunks)
})
