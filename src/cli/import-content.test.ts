import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OldPackage } from '../import/old-repository.ts'
import { type Content, contentOf, differenceOf, hasSeveralVersions, isNothing } from './import-content.ts'

function old(name: string, version: string, architecture = 'all'): OldPackage {
  return {
    name,
    version,
    architecture,
    files: [{ name, places: [], sizeBytes: 1, sha256: undefined }],
    uploader: undefined,
  }
}

const packages = [old('hello', '1'), old('hello', '2'), old('tool', '1'), old('hello', '1')]
const digests = ['hello-1', 'hello-2', 'tool-1', 'hello-1-rebuilt']

/** What a suite holds that was brought from a group of these packages. */
function held(place: { component: string; section?: string; priority?: string }, ...indexes: number[]): Content {
  return contentOf(packages, [{ packages: indexes, ...place }], digests)
}

const main = { component: 'main' }

test('what a suite holds as it is wanted stays; what is not wanted goes, what is missing comes', () => {
  const wanted = contentOf(packages, [{ packages: [1, 2], ...main }], digests)
  assert.ok(isNothing(differenceOf(held(main, 1, 2), wanted)))
  assert.deepEqual(differenceOf(held(main, 0, 2), wanted), {
    remove: [{ name: 'hello' }],
    add: [{ component: 'main', packages: [1] }],
  })
  // Of a name of which something stays, only what goes is named.
  assert.deepEqual(differenceOf(held(main, 0, 1, 2), wanted).remove, [
    { name: 'hello', version: '1', architecture: 'all' },
  ])
})

test('a package that stands elsewhere, or under another section or priority, comes again to its place', () => {
  const placed = { component: 'main', section: 'net', priority: 'extra' }
  const wanted = contentOf(packages, [{ packages: [0], ...placed }], digests)
  const add = [{ ...placed, packages: [0] }]
  assert.ok(isNothing(differenceOf(held(placed, 0), wanted)))
  for (const other of [{ component: 'contrib' }, { section: 'web' }, { priority: 'optional' }]) {
    assert.deepEqual(differenceOf(held({ ...placed, ...other }, 0), wanted), { remove: [], add })
  }
  // Where the old program says nothing of them, what the suite says stays.
  assert.ok(isNothing(differenceOf(held(placed, 0), contentOf(packages, [{ packages: [0], ...main }], digests))))
})

test('of one name, version and architecture the first stays, and the loss of another is told', () => {
  const told: string[] = []
  const groups = [
    { packages: [0, 3], component: 'main' },
    { packages: [0, 2], component: 'contrib' },
  ]
  const content = contentOf(packages, groups, digests, (sentence) => told.push(sentence))
  assert.deepEqual(
    [...content].map(([digest, { component }]) => [digest, component]),
    [
      ['hello-1', 'main'],
      ['tool-1', 'contrib'],
    ],
  )
  assert.deepEqual(told, [
    'hello 1 all was there twice with different bytes; the first one stays.',
    'hello 1 all was in main and contrib; it stays in main.',
  ])
})

test('a name with two versions is told from one with one', () => {
  assert.equal(hasSeveralVersions(held(main, 0, 1)), true)
  assert.equal(hasSeveralVersions(held(main, 1, 2)), false)
})
