import assert from 'node:assert/strict'
import { it } from 'node:test'
import { AshlarError } from '../common/errors.ts'
import { momentName, parseSnapshotName } from './moment.ts'

const seconds = Date.UTC(2026, 10, 23, 8, 1, 27) / 1000

it('a revision is named by its number', () => {
  assert.deepEqual(parseSnapshotName('r17'), { kind: 'revision', number: 17 })
  assert.deepEqual(parseSnapshotName('r0'), { kind: 'revision', number: 0 })
})

it('a moment is a second in UTC, compact or in ISO 8601, and a fraction of it is dropped', () => {
  const moment = { kind: 'moment', seconds }
  for (const text of ['20261123T080127Z', '2026-11-23T08:01:27Z', '2026-11-23T08:01:27.999999Z']) {
    assert.deepEqual(parseSnapshotName(text), moment, text)
  }
})

it('a date alone is its first second', () => {
  const moment = { kind: 'moment', seconds: Date.UTC(2026, 10, 23) / 1000 }
  assert.deepEqual(parseSnapshotName('2026-11-23'), moment)
  assert.deepEqual(parseSnapshotName('20261123'), moment)
})

const nonsense = ['', '17', 'R17', 'r', 'r-1', 'r1.5', 'r01', 'r9999999999999999', 'latest', 'r1/..', ' r1', 'r1\n']
const impossible = ['20260231T000000Z', '20261323T080127Z', '20261123T240000Z', '20261123T080160Z', '20261123T086027Z']
const incomplete = ['20261123T080127', '20261123T0801Z', '2026-11', '20261123T080127+02', '00000101T000000Z']
for (const text of [...nonsense, ...impossible, ...incomplete]) {
  it(`${JSON.stringify(text)} names no snapshot`, () => {
    assert.throws(
      () => parseSnapshotName(text),
      (error) => error instanceof AshlarError && error.code === 'snapshot-unknown',
    )
  })
}

it('the name of a time is the second in which it falls, and means that second', () => {
  assert.equal(momentName(seconds * 1_000_000), '20261123T080127Z')
  assert.equal(momentName(seconds * 1_000_000 + 999_999), '20261123T080127Z')
  assert.deepEqual(parseSnapshotName(momentName(seconds * 1_000_000 + 5)), { kind: 'moment', seconds })
})
