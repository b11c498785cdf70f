import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentPart } from './content-range.ts'

test('without Content-Range the body is the whole file', () => {
  assert.deepEqual(sentPart(undefined, '10'), { start: 0, length: 10, total: 10 })
  assert.deepEqual(sentPart(undefined, undefined), { start: 0, length: undefined, total: undefined })
})

test('Content-Range says where the body belongs', () => {
  assert.deepEqual(sentPart('bytes 5-9/10', '5'), { start: 5, length: 5, total: 10 })
  assert.deepEqual(sentPart('bytes 5-6/10', undefined), { start: 5, length: 2, total: 10 })
})

const refused: [range: string, length: string | undefined][] = [
  ['bytes 5-9/10', '4'],
  ['bytes 5-10/10', undefined],
  ['bytes 6-5/10', undefined],
  ['bytes */10', undefined],
  ['bytes 0-5/*', undefined],
  ['bytes=0-5/10', undefined],
  ['bytes 0-9999999999999999/99999999999999999', undefined],
]
for (const [range, length] of refused) {
  test(`"${range}" with ${length ?? 'no'} length is refused`, () => {
    assert.throws(() => sentPart(range, length), { code: 'request-invalid' })
  })
}
