import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSize } from './size.ts'

test('sizes are read in powers of 1000, and with an i of 1024', () => {
  const sizes: Readonly<Record<string, number>> = {
    '1': 1,
    '500B': 500,
    '2k': 2000,
    '20MiB': 20 * 1024 * 1024,
    '500G': 500e9,
    '500GB': 500e9,
    '1.5T': 1.5e12,
    '1.5TiB': 1.5 * 1024 ** 4,
  }
  for (const [text, bytes] of Object.entries(sizes)) {
    assert.equal(parseSize(text), bytes, text)
  }
})

test('what is no size is refused', () => {
  for (const text of ['', '0', '-1', 'big', '1X', '1iB', '1.G', 'GiB', '1e3', '0.0001', '8PiB']) {
    assert.throws(() => parseSize(text), /a size such as/, text)
  }
})
