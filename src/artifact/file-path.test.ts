import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileNameOf, pathFault } from './file-path.ts'

for (const path of ['hello.deb', 'a/b/c', 'with space', 'ünïcode', '..a', 'a..', '.hidden', 'x'.repeat(1024)]) {
  test(`${path.slice(0, 30)} is a path`, () => {
    assert.equal(pathFault(path), undefined)
  })
}

for (const path of [
  '',
  '/',
  '/etc/passwd',
  'a//b',
  'a/',
  '.',
  '..',
  'a/../b',
  '../a',
  'a/.',
  'a\0b',
  'a\\b',
  '\ud800',
  'x'.repeat(1025),
  'ü'.repeat(513),
]) {
  test(`${JSON.stringify(path.slice(0, 30))} is no path`, () => {
    assert.equal(typeof pathFault(path), 'string')
  })
}

test('a file name is the last segment', () => {
  assert.equal(fileNameOf('a/b/c.deb'), 'c.deb')
  assert.equal(fileNameOf('c.deb'), 'c.deb')
})
