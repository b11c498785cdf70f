import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c, maskedCrc32c } from './crc32c.ts'
import { unsnappy } from './snappy.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

test('literals and copies are put together, copies that overlap themselves too', () => {
  assert.equal(unsnappy(bytes('00')).toString(), '')
  assert.equal(unsnappy(bytes('03 08 616263')).toString(), 'abc')
  // 61 bytes: the length of a long literal has a byte of its own.
  assert.equal(unsnappy(Buffer.concat([bytes('3d f0 3c'), Buffer.alloc(61, 'x')])).toString(), 'x'.repeat(61))
  // Copies with offsets of one, two and four bytes.
  assert.equal(unsnappy(bytes('0b 08 616263 11 03')).toString(), 'abcabcabcab'.slice(0, 11))
  assert.equal(unsnappy(bytes('0a 00 61 22 0100')).toString(), 'a'.repeat(10))
  assert.equal(unsnappy(bytes('05 00 61 0f 01000000')).toString(), 'a'.repeat(5))
})

test('blocks that do not hold what they promise are refused', () => {
  for (const hex of [
    '',
    '80',
    '03 08 6162',
    '04 08 616263',
    '02 08 616263',
    '05 00 61 0d 02',
    '05 00 61 0d 00',
    'ffffffff7f',
  ]) {
    assert.throws(() => unsnappy(bytes(hex)), RangeError, hex)
  }
})

test('CRC-32C is that of RFC 3720, and is masked as LevelDB does', () => {
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  assert.notEqual(maskedCrc32c(Buffer.from('foo')), crc32c(Buffer.from('foo')))
})
