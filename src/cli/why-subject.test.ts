import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AshlarError } from '../common/errors.ts'
import { parseSubject } from './why-subject.ts'

const digest = 'Ab'.repeat(32)
const path = 'pool/main/g/g++/g++_1.0_amd64.deb'

test('a number, a digest, and a path of the pool in each way it is written', () => {
  assert.deepEqual(parseSubject('17'), { subject: '17' })
  assert.deepEqual(parseSubject(digest), { subject: digest.toLowerCase() })
  assert.deepEqual(parseSubject('1'.repeat(64)), { subject: '1'.repeat(64) })
  for (const text of [path, `/${path}`, `./${path}`, path.slice('pool/'.length)]) {
    assert.deepEqual(parseSubject(text), { subject: path })
  }
})

test('an address names its workspace too, also through a proxy and from a snapshot', () => {
  const place = { subject: path, workspace: 'local/main' }
  assert.deepEqual(
    parseSubject('http://127.0.0.1:8080/apt/local/main/pool/main/g/g%2b%2b/g%2b%2b_1.0_amd64.deb'),
    place,
  )
  assert.deepEqual(parseSubject(`https://example.org/debs/apt/local/main/snapshot/r17/${path}?x=1`), place)
})

test('anything else is not understood', () => {
  for (const text of [
    'hello',
    '',
    '1.5',
    'https://example.org/',
    'http://127.0.0.1/apt/local/main/dists/stable/Release',
  ]) {
    assert.throws(
      () => parseSubject(text),
      (error) => error instanceof AshlarError && error.code === 'usage',
      text,
    )
  }
})
