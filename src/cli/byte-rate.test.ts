import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteRate } from './byte-rate.ts'

test('rates are read in the units that people write', () => {
  const rates = ['1', '500K', '50M', '50m', '1.5G', '50MiB', '50MB/s', '50M/s']
  assert.deepEqual(
    rates.map(byteRate),
    [1, 512_000, 52_428_800, 52_428_800, 1_610_612_736, 52_428_800, 52_428_800, 52_428_800],
  )
})

test('what is no rate is refused', () => {
  for (const text of ['', '0', '-1', 'M', '5T', '1,5M', '0.1', '1e9', ' 5']) {
    assert.throws(() => byteRate(text), /such as 50M/, text)
  }
})
