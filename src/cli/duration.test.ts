import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import { duration, durationOr, endOf } from './duration.ts'

for (const [text, seconds] of [
  ['90s', 90],
  ['15m', 900],
  ['36h', 129_600],
  ['30d', 2_592_000],
  ['2w', 1_209_600],
  ['1y', 31_536_000],
  ['100y', 3_153_600_000],
] as const) {
  test(`${text} is ${seconds} seconds`, () => {
    assert.equal(duration(text), seconds)
    assert.equal(durationOr('never')(text), seconds)
  })
}

for (const text of ['', '30', 'd', '30 d', '-1d', '1.5d', '1month', '30D', '0d', '101y', '9999999999999d', 'forever']) {
  test(`'${text}' is no duration`, () => {
    assert.throws(() => duration(text), InvalidArgumentError)
  })
}

test('what has no end is said with a word', () => {
  assert.equal(durationOr('forever')('forever'), 'forever')
  assert.equal(endOf('forever'), null)
  assert.equal(endOf(5), 5)
  assert.throws(() => durationOr('forever')('never'), /such as 30d, or forever\.$/)
})
