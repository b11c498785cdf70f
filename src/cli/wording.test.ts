import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, localTime, sizeText } from './wording.ts'

test('one is singular, and thousands are set apart', () => {
  assert.equal(counted(1, 'package'), '1 package')
  assert.equal(counted(0, 'package'), '0 packages')
  assert.equal(counted(63_000, 'package'), '63,000 packages')
})

test('sizes are in binary units with one digit', () => {
  assert.equal(sizeText(0), '0 B')
  assert.equal(sizeText(1023), '1023 B')
  assert.equal(sizeText(1536), '1.5 KiB')
  assert.equal(sizeText(3 * 2 ** 40), '3.0 TiB')
})

test('a time is shown in the zone of the reader, to the second', () => {
  const shown = localTime('2026-11-23T08:01:27.123456Z')
  assert.match(shown, /^2026-11-2\d \d\d:01:27$/)
  assert.equal(new Date(shown).getTime(), Date.UTC(2026, 10, 23, 8, 1, 27))
  assert.equal(localTime(null), '')
})
