import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Extension, type Packed, unpack } from './msgpack.ts'

/** The examples of the specification, and values at the limits of each form. */
const examples: [hex: string, value: unknown][] = [
  ['c0', null],
  ['c2', false],
  ['c3', true],
  ['00', 0],
  ['7f', 127],
  ['cc80', 128],
  ['cd0100', 256],
  ['ce00010000', 65_536],
  ['cf0000000100000000', 2 ** 32],
  ['ff', -1],
  ['e0', -32],
  ['d0df', -33],
  ['d1ff00', -256],
  ['d2ffff0000', -65_536],
  ['d3ffffffff00000000', -(2 ** 32)],
  ['ca3fc00000', 1.5],
  ['cb3ff8000000000000', 1.5],
  ['a3616263', 'abc'],
  ['d903616263', 'abc'],
  ['c403616263', 'abc'],
  ['da0003616263', 'abc'],
  ['db00000003616263', 'abc'],
  ['9301a16102', [1, 'a', 2]],
  ['dc000101', [1]],
  ['dd0000000101', [1]],
  ['82a16101a16202', { a: 1, b: 2 }],
  ['de0001a16101', { a: 1 }],
  ['df00000001a16101', { a: 1 }],
  ['d6ff00000001', { extension: -1, bytes: '00000001' }],
  ['c70305010203', { extension: 5, bytes: '010203' }],
]

function plain(value: Packed): unknown {
  if (Buffer.isBuffer(value)) return value.toString('utf8')
  if (value instanceof Extension) return { extension: value.type, bytes: value.bytes.toString('hex') }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}

test('values are read in every form that the specification has', () => {
  for (const [hex, value] of examples) assert.deepEqual(plain(unpack(Buffer.from(hex, 'hex'))), value, hex)
})

test('what is cut off, nested without end or no value is refused', () => {
  for (const [hex] of examples.filter(([each]) => each.length > 2)) {
    assert.throws(() => unpack(Buffer.from(hex, 'hex').subarray(0, -1)), RangeError, hex)
  }
  assert.throws(() => unpack(Buffer.alloc(1000, 0x91)), RangeError)
  assert.throws(() => unpack(Buffer.from('c1', 'hex')), RangeError)
  // A list that says it has four thousand million values, and has none.
  assert.throws(() => unpack(Buffer.from('ddffffffff', 'hex')), RangeError)
})
