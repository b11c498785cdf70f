import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseSha256 } from '../../common/digest.ts'
import { edScript } from '../../debian/ed-script.ts'
import { differingRuns } from './differing-runs.ts'

/** A chunk that starts at a key and has this text. */
function chunk(firstKey: string, text: string) {
  return { firstKey, text, textSha256: parseSha256(hash('sha256', text)) ?? assert.fail() }
}

type TestChunk = ReturnType<typeof chunk>

function told(before: readonly TestChunk[], after: readonly TestChunk[]): string[] {
  const text = (chunks: readonly TestChunk[]): string => chunks.map((one) => one.text).join('+')
  return differingRuns(before, after).map((run) => `${run.at}: ${text(run.before)} -> ${text(run.after)}`)
}

const [a, b, c, d] = [chunk('a', 'A'), chunk('b', 'B'), chunk('c', 'C'), chunk('d', 'D')]

test('equal states differ nowhere', () => {
  assert.deepEqual(told([a, b, c], [a, b, c]), [])
})

test('a chunk with another text is a run, and one that is cut in two or joined is too', () => {
  assert.deepEqual(told([a, b, c], [a, chunk('b', 'B2'), c]), ['1: B -> B2'])
  assert.deepEqual(told([a, b, c], [a, chunk('b', 'B1'), chunk('bb', 'B2'), c]), ['1: B -> B1+B2'])
  assert.deepEqual(told([a, b, c, d], [a, chunk('b', 'BC'), d]), ['1: B+C -> BC'])
})

test('neighbours that changed are runs of their own where both are cut before the same key', () => {
  const after = [chunk('a', 'A2'), chunk('b', 'B2'), chunk('bb', 'B3'), chunk('d', 'D2')]
  assert.deepEqual(told([a, b, c, d], after), ['0: A -> A2', '1: B+C -> B2+B3', '3: D -> D2'])
})

test('what came or went as a whole is taken chunk by chunk', () => {
  assert.deepEqual(told([a, d], [a, b, c, d]), ['1:  -> B', '1:  -> C'])
  assert.deepEqual(told([a, b, c, d], [a, d]), ['1: B -> ', '2: C -> '])
})

/** Two maps one after the other, so that a key may occur twice; each chunk has some lines. */
const states = fc
  .array(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 6 }), {
    minLength: 2,
    maxLength: 2,
  })
  .chain((maps) => {
    const keys = maps.flatMap((map) => map.toSorted())
    const lines = fc.array(fc.constantFrom('x', 'y', 'z'), { minLength: 1, maxLength: 4 })
    return fc
      .array(lines, { minLength: keys.length, maxLength: keys.length })
      .map((texts) => keys.map((key, i) => chunk(key, (texts[i] ?? []).map((line) => `${line}\n`).join(''))))
  })

test('the scripts of all runs together make the new text of the old one', () => {
  fc.assert(
    fc.property(states, states, (before, after) => {
      const textOf = (chunks: readonly TestChunk[]): string => chunks.map((one) => one.text).join('')
      const lineCount = (chunks: readonly TestChunk[]): number => textOf(chunks).split('\n').length - 1
      const scripts = differingRuns(before, after).map((run) => {
        const firstLine = 1 + lineCount(before.slice(0, run.at))
        return String(edScript(Buffer.from(textOf(run.before)), Buffer.from(textOf(run.after)), firstLine))
      })
      assert.equal(applied(textOf(before), scripts.toReversed().join('')), textOf(after))
    }),
    { numRuns: 2000 },
  )
})

/** What a script makes of a text, by the few rules that ed has for these commands. */
function applied(text: string, script: string): string {
  const lines = text.split('\n').slice(0, -1)
  const commands = script.split('\n').slice(0, -1)
  for (let i = 0; i < commands.length; i += 1) {
    const [, range = '', command] = /^([\d,]+)([acd])$/.exec(commands[i] ?? '') ?? assert.fail(commands[i])
    const [first = 0, last = first] = range.split(',').map(Number)
    const end = command === 'd' ? i : commands.indexOf('.', i)
    const added = commands.slice(i + 1, end)
    lines.splice(command === 'a' ? first : first - 1, command === 'a' ? 0 : last - first + 1, ...added)
    i = end
  }
  return lines.map((line) => `${line}\n`).join('')
}
