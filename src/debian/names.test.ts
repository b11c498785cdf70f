import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canonicalDebName,
  canonicalDscName,
  isArchitecture,
  isArchitectureWord,
  isComponentName,
  isFileName,
  isPackageName,
  isSuiteName,
  poolPrefix,
} from './names.ts'

test('package names follow policy 5.6.1', () => {
  for (const name of ['hello', 'g++', '0ad', 'libc6.1-dev', 'ab']) assert(isPackageName(name), name)
  for (const name of ['', 'a', 'Hello', '-a', '.a', 'a_b', 'a b', 'a/b', 'a\n', 'ä1'])
    assert(!isPackageName(name), name)
})

test('a binary package has one architecture, a source package may have wildcards', () => {
  for (const name of ['all', 'amd64', 'kfreebsd-amd64', 'x32']) assert(isArchitecture(name), name)
  for (const name of ['any', 'source', 'linux-any', 'any-amd64', '../x', '', 'AMD64'])
    assert(!isArchitecture(name), name)
  for (const name of ['any', 'linux-any', 'any-amd64', 'all']) assert(isArchitectureWord(name), name)
})

test('suites may be deeper than one level but never leave their place', () => {
  for (const name of ['stable', 'bookworm/updates', 'bookworm-security', '12.1']) assert(isSuiteName(name), name)
  const bad = [
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    '.',
    '..',
    'a/../b',
    '.a',
    '-a',
    'by-hash',
    'a/by-hash',
    'a b',
    'a%2f',
    'a\\b',
  ]
  for (const name of bad) assert(!isSuiteName(name), name)
})

test('a component is one level', () => {
  assert(isComponentName('non-free-firmware'))
  for (const name of ['', 'a/b', '..', 'by-hash', '-x']) assert(!isComponentName(name), name)
})

test('file names stay in their directory', () => {
  for (const name of ['a_1.0-1_amd64.deb', 'g++_1~2.dsc', '_x', '7z']) assert(isFileName(name), name)
  for (const name of ['', '.', '..', 'a/b', '.x', '-x', 'a b', 'a%b', 'a?b', 'a\nb']) assert(!isFileName(name), name)
})

test('pool names leave the epoch out', () => {
  assert.equal(canonicalDebName('hello', '2:1.0-3', 'amd64', 'deb'), 'hello_1.0-3_amd64.deb')
  assert.equal(canonicalDebName('hello', '1.0', 'all', 'udeb'), 'hello_1.0_all.udeb')
  assert.equal(canonicalDscName('hello', '2:1.0-3'), 'hello_1.0-3.dsc')
})

test('the pool groups by first letter, libraries by four', () => {
  assert.deepEqual(['hello', 'libhello', 'lib', '0ad'].map(poolPrefix), ['h', 'libh', 'l', '0'])
})
