import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { IntList, IntRows, rowsOfPairs } from './int-list.ts'

const numbers = fc.array(fc.nat({ max: 100 }), { maxLength: 100 })

test('a list has what was pushed', () => {
  fc.assert(
    fc.property(numbers, (values) => {
      const list = new IntList(1)
      for (const value of values) list.push(value)
      assert.deepEqual(Array.from(list.view()), values)
      assert.equal(list.length, values.length)
    }),
  )
})

test('rows have what was pushed since they were begun', () => {
  fc.assert(
    fc.property(fc.array(numbers, { maxLength: 10 }), (given) => {
      const rows = new IntRows()
      for (const values of given) {
        rows.begin()
        for (const value of values) rows.push(value)
      }
      assert.deepEqual(
        given.map((_, index) => Array.from(rows.row(index))),
        given,
      )
    }),
  )
})

test('rows of pairs are the values of each row, once and in order', () => {
  const pair = fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 8 }))
  fc.assert(
    fc.property(fc.array(pair), (pairs) => {
      const rows = pairs.map(([row]) => row)
      const values = pairs.map(([, value]) => value)
      const row = rowsOfPairs(6, Int32Array.from(rows), Int32Array.from(values))
      for (let index = 0; index < 6; index += 1) {
        const expected = new Set(pairs.filter(([own]) => own === index).map(([, value]) => value))
        assert.deepEqual(
          Array.from(row(index)),
          [...expected].toSorted((a, b) => a - b),
        )
      }
    }),
  )
})
