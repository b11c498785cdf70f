import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { processorTime } from '../../test/support/processor-time.ts'
import { httpDate, parseHttpDate, parseRange, select } from './byte-range.ts'

const seconds = Date.UTC(2026, 10, 23, 8, 1, 27) / 1000
const date = 'Mon, 23 Nov 2026 08:01:27 GMT'
const representation = { etag: '"abc"', sizeBytes: 10, lastModified: { seconds, honoured: true } }
const twoInOneSecond = { ...representation, lastModified: { seconds, honoured: false } }

const ranges: [header: string, expected: ReturnType<typeof parseRange>][] = [
  ['bytes=0-0', { start: 0, end: 1 }],
  ['bytes=2-4', { start: 2, end: 5 }],
  ['bytes=4-', { start: 4, end: 10 }],
  ['bytes=4-99', { start: 4, end: 10 }],
  ['bytes=4-99999999999999999999999', { start: 4, end: 10 }],
  ['bytes=-3', { start: 7, end: 10 }],
  ['bytes=-99', { start: 0, end: 10 }],
  ['BYTES=1-2', { start: 1, end: 3 }],
  ['bytes= 1-2 ,', { start: 1, end: 3 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=10-12', 'unsatisfiable'],
  ['bytes=99999999999999999999999-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=4-2', 'ignore'],
  ['bytes=0-1,5-6', 'ignore'],
  ['bytes=-', 'ignore'],
  ['bytes=', 'ignore'],
  ['bytes=a-b', 'ignore'],
  ['bytes=+1-2', 'ignore'],
  ['bytes 1-2', 'ignore'],
  ['lines=1-2', 'ignore'],
]
for (const [header, expected] of ranges) {
  test(`Range: ${header} of 10 bytes is ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(parseRange(header, 10), expected)
  })
}

test('no part of an empty file can be named', () => {
  assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable')
  assert.equal(parseRange('bytes=-5', 0), 'ignore')
})

test('a range that is given lies within the file and is not empty', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.nat(), fc.nat(1000), (noise, first, last, size) => {
      for (const header of [`bytes=${noise}`, `bytes=${first}-${last}`, `bytes=${first}-`, `bytes=-${last}`]) {
        const range = parseRange(header, size)
        if (typeof range === 'object') assert.ok(0 <= range.start && range.start < range.end && range.end <= size)
      }
    }),
  )
})

const conditions: [name: string, headers: Record<string, string>, status: number, of?: typeof representation][] = [
  ['no condition', {}, 200],
  ['the same tag', { 'if-none-match': '"abc"' }, 304],
  ['the same tag, weakened by a proxy', { 'if-none-match': 'W/"abc"' }, 304],
  ['one tag of a list', { 'if-none-match': '"x", W/"y" , "abc"' }, 304],
  ['any tag', { 'if-none-match': '*' }, 304],
  ['another tag', { 'if-none-match': '"abcd"' }, 200],
  ['a tag without quotes', { 'if-none-match': 'abc' }, 200],
  ['the same date', { 'if-modified-since': date }, 304],
  ['the same date as RFC 850 wrote it', { 'if-modified-since': 'Monday, 23-Nov-26 08:01:27 GMT' }, 304],
  ['the same date as asctime writes it', { 'if-modified-since': 'Mon Nov 23 08:01:27 2026' }, 304],
  ['a later date', { 'if-modified-since': 'Mon, 23 Nov 2026 08:01:28 GMT' }, 304],
  ['an earlier date', { 'if-modified-since': 'Mon, 23 Nov 2026 08:01:26 GMT' }, 200],
  ['a date in another zone, which is none', { 'if-modified-since': 'Mon, 23 Nov 2026 08:01:27 +0000' }, 200],
  ['a second that two revisions share', { 'if-modified-since': date }, 200, twoInOneSecond],
  ['another tag, which silences the date', { 'if-none-match': '"x"', 'if-modified-since': date }, 200],
  ['the same tag and an older date', { 'if-none-match': '"abc"', 'if-modified-since': httpDate(0) }, 304],
  ['a tag that must match and does', { 'if-match': '"abc"' }, 200],
  ['a tag that must match and does not', { 'if-match': '"x"' }, 412],
  ['a weak tag that must match', { 'if-match': 'W/"abc"' }, 412],
  ['unchanged since then', { 'if-unmodified-since': date }, 200],
  ['changed since then', { 'if-unmodified-since': httpDate(0) }, 412],
  ['a range', { range: 'bytes=1-2' }, 206],
  ['a range of a tag', { range: 'bytes=1-2', 'if-range': '"abc"' }, 206],
  ['a range of another tag', { range: 'bytes=1-2', 'if-range': '"x"' }, 200],
  ['a range of a weak tag', { range: 'bytes=1-2', 'if-range': 'W/"abc"' }, 200],
  ['a range of the date', { range: 'bytes=1-2', 'if-range': date }, 206],
  ['a range of an earlier date', { range: 'bytes=1-2', 'if-range': httpDate(seconds - 1) }, 200],
  ['a range of a later date', { range: 'bytes=1-2', 'if-range': httpDate(seconds + 1) }, 200],
  ['a range of a date that two share', { range: 'bytes=1-2', 'if-range': date }, 200, twoInOneSecond],
  ['a range of a tag where two share a date', { range: 'bytes=1-2', 'if-range': '"abc"' }, 206, twoInOneSecond],
  ['a range beyond the end', { range: 'bytes=10-' }, 416],
  ['a range beyond the end of another tag', { range: 'bytes=10-', 'if-range': '"x"' }, 200],
  ['a range of what the client has', { range: 'bytes=1-2', 'if-none-match': '"abc"' }, 304],
]
for (const [name, headers, status, of = representation] of conditions) {
  test(`GET with ${name} gets ${status}`, () => {
    assert.equal(select('GET', headers, of).status, status)
  })
}

test('HEAD ignores ranges and honours conditions', () => {
  assert.equal(select('HEAD', { range: 'bytes=10-' }, representation).status, 200)
  assert.equal(select('HEAD', { 'if-none-match': '"abc"' }, representation).status, 304)
})

test('without a Last-Modified dates mean nothing', () => {
  const undated = { etag: '"abc"', sizeBytes: 10 }
  assert.equal(select('GET', { 'if-modified-since': date }, undated).status, 200)
  assert.equal(select('GET', { range: 'bytes=1-2', 'if-range': date }, undated).status, 200)
})

test('an HTTP-date is read back as it was written', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e9 }), (time) => assert.equal(parseHttpDate(httpDate(time)), time)))
})

test('a day that does not exist is no date', () => {
  assert.equal(parseHttpDate('Mon, 31 Feb 2026 08:01:27 GMT'), undefined)
  assert.equal(parseHttpDate('Mon, 23 Nov 2026 24:01:27 GMT'), undefined)
})

test('long runs of blanks in a Range cost no more than other headers', () => {
  const spentMs = processorTime()
  assert.equal(parseRange(`bytes=0-${' '.repeat(60_000)}0`, 10), 'ignore')
  assert.ok(spentMs() < 1000)
})
