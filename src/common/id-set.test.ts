import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { IdSet } from './id-set.ts'

test('an id set has what was added, and nothing else, however far apart the ids are', () => {
  const id = fc.oneof(fc.nat(70_000), fc.maxSafeNat())
  fc.assert(
    fc.property(fc.array(id), fc.array(id), (added, others) => {
      const ids = new IdSet()
      for (const each of added) ids.add(each)
      for (const each of [...added, ...others]) assert.equal(ids.has(each), added.includes(each))
    }),
  )
})
