import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processorTime } from '../../test/support/processor-time.ts'
import { parseShellPattern } from './shell-pattern.ts'

function matching(text: string, candidates: readonly string[]): string[] {
  const pattern = parseShellPattern(text)
  if (typeof pattern === 'string') throw new Error(pattern)
  return candidates.filter((candidate) => pattern.matches(candidate))
}

test('a star is any text without a slash, a question mark one character', () => {
  assert.deepEqual(matching('a*b*', ['ab', 'axxbyy', 'a/b', 'ba', 'abx/']), ['ab', 'axxbyy'])
  assert.deepEqual(matching('a?c', ['abc', 'ac', 'a/c', 'aäc']), ['abc', 'aäc'])
  assert.deepEqual(matching('*', ['', 'a', 'a/b']), ['', 'a'])
  assert.deepEqual(matching('*a*a*b', ['aaaab', 'ab', 'xaxaxb']), ['aaaab', 'xaxaxb'])
})

test('a class is a set of characters, perhaps of those it has not', () => {
  assert.deepEqual(matching('lib[a-cx]1', ['libb1', 'libx1', 'libd1', 'lib-1']), ['libb1', 'libx1'])
  assert.deepEqual(matching('lib[^a-c]1', ['libb1', 'libd1']), ['libd1'])
  assert.deepEqual(matching('[\\]]', [']', '\\']), [']'])
})

test('a backslash takes the next character as it is', () => {
  assert.deepEqual(matching('a\\*', ['a*', 'ab']), ['a*'])
})

test('what is no pattern is refused with the reason', () => {
  for (const bad of ['[', '[]', '[a', '[a-', '[a-]', '[-a]', '[^]', 'a\\', '[]a]']) {
    assert.equal(typeof parseShellPattern(bad), 'string', bad)
  }
})

test('a pattern knows what its texts begin with', () => {
  const facts = ['lib*', 'hello', 'a\\*b?', '*'].map((text) => {
    const pattern = parseShellPattern(text)
    return typeof pattern === 'string' ? pattern : [pattern.prefix, pattern.exact]
  })
  assert.deepEqual(facts, [
    ['lib', false],
    ['hello', true],
    ['a*b', false],
    ['', false],
  ])
})

test('many stars take no long time', () => {
  const spentMs = processorTime()
  assert.deepEqual(matching('a*'.repeat(50) + 'b', ['a'.repeat(5000)]), [])
  assert(spentMs() < 2000)
})
