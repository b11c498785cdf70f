import assert from 'node:assert/strict'
import { test } from 'node:test'
import { boundsOf } from './package-query-bounds.ts'
import { parsePackageQuery } from './package-query.ts'

function bounds(query: string): [names: string[] | null, architectures: string[] | null] {
  const { names, architectures } = boundsOf(parsePackageQuery(query).term)
  return [names && [...names].toSorted(), architectures && [...architectures].toSorted()]
}

test('names and architectures that a query asks for bound what it can mean', () => {
  assert.deepEqual(bounds('hello (>= 1)'), [['hello'], null])
  assert.deepEqual(bounds('hello_1_amd64'), [['hello'], ['amd64']])
  assert.deepEqual(bounds('Name (hello) | bye (= 1) {amd64}'), [['bye', 'hello'], null])
  assert.deepEqual(bounds('Name (hello), $Architecture (arm64), Section (net)'), [['hello'], ['all', 'arm64']])
  assert.deepEqual(bounds('Name (hello), Name (bye)'), [[], null])
  assert.deepEqual(bounds('$PackageType (source)'), [null, ['source']])
})

test('what may be anything bounds nothing', () => {
  for (const query of [
    'hello',
    '!Name (hello)',
    'Name (hello) | Section (net)',
    'Name (% hello*)',
    '$PackageType (deb)',
  ]) {
    assert.deepEqual(bounds(query), [null, null], query)
  }
})
