import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseChoice, parseSelector } from './package-selector.ts'

test('a package is named by its name, and narrowed to a version and an architecture', () => {
  assert.deepEqual(parseSelector('hello'), { name: 'hello' })
  assert.deepEqual(parseSelector('hello=2.10-3'), { name: 'hello', version: '2.10-3' })
  assert.deepEqual(parseSelector('hello:arm64'), { name: 'hello', architecture: 'arm64' })
  assert.deepEqual(parseSelector('libc++1=1~rc1+b2:all'), { name: 'libc++1', version: '1~rc1+b2', architecture: 'all' })
})

test('the colon of an epoch is told from that of an architecture', () => {
  assert.deepEqual(parseSelector('hello=1:2.10-3'), { name: 'hello', version: '1:2.10-3' })
  assert.deepEqual(parseSelector('hello=1:2.10-3:amd64'), { name: 'hello', version: '1:2.10-3', architecture: 'amd64' })
  assert.deepEqual(parseSelector('hello=1:amd64'), { name: 'hello', version: '1', architecture: 'amd64' })
})

test('what names no package is refused as a usage error that shows the syntax', () => {
  for (const text of ['', 'Hello', 'hello=', 'hello:', 'hello=1:', 'a', 'hello world', '--all']) {
    assert.throws(() => parseSelector(text), { code: 'usage', message: /NAME\[=VERSION\]\[:ARCH\]/ }, text)
  }
})

test('a source is named by src: and its name, with a version if that matters', () => {
  assert.deepEqual(parseChoice(['src:hello', 'other', 'src:glibc=2.36-9']), {
    packages: [{ name: 'other' }],
    sources: [{ name: 'hello' }, { name: 'glibc', version: '2.36-9' }],
  })
  assert.deepEqual(parseChoice([]), {})
  for (const text of ['src:', 'src:hello:amd64']) assert.throws(() => parseChoice([text]), { code: 'usage' }, text)
})
