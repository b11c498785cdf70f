import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as fc from 'fast-check'
import { processorTime } from '../../test/support/processor-time.ts'
import { edScript } from './ed-script.ts'
import { diffLines } from './line-diff.ts'

const directory = mkdtempSync(join(tmpdir(), 'ashlar-ed-'))
after(() => rmSync(directory, { recursive: true }))

/** What ed(1) makes of a text with a script. */
function edited(before: Uint8Array, script: Uint8Array): Buffer {
  const file = join(directory, 'text')
  writeFileSync(file, before)
  const { status, stderr } = spawnSync('ed', ['-s', file], { input: Buffer.concat([script, Buffer.from('w\nq\n')]) })
  assert.equal(status, 0, String(stderr))
  return readFileSync(file)
}

/** As `diff --ed` has it. */
function diffEd(before: Uint8Array, fresh: Uint8Array, ...options: string[]): Buffer {
  writeFileSync(join(directory, 'before'), before)
  writeFileSync(join(directory, 'after'), fresh)
  const diff = spawnSync('diff', ['--ed', ...options, join(directory, 'before'), join(directory, 'after')])
  assert.ok(diff.status === 0 || diff.status === 1, String(diff.stderr))
  return diff.stdout
}

/** How many lines a script takes away and brings. */
function weight(script: Buffer): { removed: number; added: number } {
  let [removed, added] = [0, 0]
  const lines = script.toString('latin1').split('\n')
  for (let i = 0; i < lines.length - 1; i += 1) {
    const [, range = '', command] = /^([\d,]+)([acd])$/.exec(lines[i] ?? '') ?? assert.fail(lines[i])
    const [first = 0, last = first] = range.split(',').map(Number)
    if (command !== 'a') removed += last - first + 1
    if (command === 'd') continue
    while (lines[i + 1] !== '.') {
      i += 1
      added += 1
    }
    i += 1
  }
  return { removed, added }
}

function script(before: Uint8Array, fresh: Uint8Array): Buffer {
  return edScript(before, fresh) ?? assert.fail('ed cannot express it')
}

const texts = fc
  .array(fc.constantFrom('', 'a', 'b', ' .', '..', '.x', 's/.//', 'Größe', '5d'), { maxLength: 25 })
  .map((lines) => Buffer.from(lines.map((line) => `${line}\n`).join('')))

test('ed makes the new text of the old one, with as few lines as diff --minimal', () => {
  fc.assert(
    fc.property(texts, texts, (before, fresh) => {
      const ours = script(before, fresh)
      if (ours.length > 0) assert.deepEqual(edited(before, ours), fresh)
      else assert.deepEqual(before, fresh)
      assert.deepEqual(weight(ours), weight(diffEd(before, fresh, '--minimal')))
    }),
    { numRuns: 60 },
  )
})

test('where only one difference is possible, the script is that of diff --ed to the byte', () => {
  const before = Buffer.from('1\n2\n3\n4\n5\n6\n7\n8\n9\n')
  const fresh = Buffer.from('0\n1\n2\n3\nfour\n5\n8\nend\n')
  assert.equal(script(before, fresh).toString(), diffEd(before, fresh).toString())
  assert.equal(script(before, Buffer.alloc(0)).toString(), '1,9d\n')
  assert.equal(script(Buffer.alloc(0), Buffer.from('x\n')).toString(), '0a\nx\n.\n')
})

test('bytes that are not UTF-8 stay as they are', () => {
  const [before, fresh] = [Buffer.from([0xff, 0x0a, 0x41, 0x0a]), Buffer.from([0xff, 0x0a, 0xe9, 0xc3, 0x0a])]
  assert.deepEqual(edited(before, script(before, fresh)), fresh)
})

test('what ed cannot express gives no script', () => {
  assert.equal(edScript(Buffer.from('a\n'), Buffer.from('a\n.\n')), undefined)
  assert.equal(edScript(Buffer.from('a\n'), Buffer.from('a')), undefined)
  assert.equal(edScript(Buffer.from('a'), Buffer.from('a\n')), undefined)
})

/** A Packages index with stanzas of these versions; a version of 0 is not there. */
function packages(versions: readonly number[]): Buffer {
  const stanza = (version: number, i: number): string =>
    [`Package: package-${i}`, `Version: ${version}.0-1`, 'Architecture: amd64', 'Maintainer: Someone <one@example.org>']
      .concat([`Depends: libc6 (>= 2.36), package-${(i * 7 + version) % 97}`, `Size: ${(i * 7919 * version) % 90_001}`])
      .concat([
        `SHA256: ${`${i * 31 + version}`.padStart(64, '0')}`,
        'Section: misc',
        'Description: some words',
        '',
        '',
      ])
      .join('\n')
  return Buffer.from(versions.map((version, i) => (version === 0 ? '' : stanza(version, i))).join(''))
}

test('scripts of the parts of a text, the last one first, are together one of the whole', () => {
  const parts = [packages([1, 1, 1, 1]), packages([2, 2, 2]), packages([3, 3, 3, 3])] as const
  const fresh = [packages([1, 0, 1, 1]), packages([2, 2, 2]), packages([3, 9, 3, 3, 9])] as const
  const linesOf = (text: Buffer): number => text.toString().split('\n').length - 1
  const last = edScript(parts[2], fresh[2], 1 + linesOf(parts[0]) + linesOf(parts[1]))
  const first = edScript(parts[0], fresh[0])
  assert.ok(last !== undefined && first !== undefined)
  assert.deepEqual(edited(Buffer.concat(parts), Buffer.concat([last, first])), Buffer.concat(fresh))
})

test('texts that differ in thousands of lines give a script about as short as that of diff, in little time', () => {
  const old = Array.from({ length: 9000 }, (_, i) => (i % 13 === 0 ? 0 : 1))
  const fresh = packages(old.map((version, i) => (i % 3 === 0 ? (version + 1) % 2 : i % 4 === 0 ? 5 : version)))
  const before = packages(old)
  const spentMs = processorTime()
  const ours = script(before, fresh)
  assert.ok(spentMs() < 2000)
  assert.deepEqual(edited(before, ours), fresh)
  assert.ok(ours.length < 1.1 * diffEd(before, fresh).length)
})

test('texts that have nothing in common are exchanged as one, in little time', () => {
  const numbers = (from: number): string[] => Array.from({ length: 60_000 }, (_, i) => `${from + i}`)
  const spentMs = processorTime()
  assert.deepEqual(diffLines(numbers(0), numbers(100_000)), [{ at: 0, removed: 60_000, from: 0, added: 60_000 }])
  // Lines that occur often and in another order leave no line to hold on to.
  const repeated = (step: number): string[] => numbers(0).map((_, i) => `${(i * step) % 1009}`)
  const hunks = diffLines(repeated(7), repeated(11))
  assert.equal(hunks.length, 1)
  assert.ok(spentMs() < 2000)
})
