import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processorTime } from '../../test/support/processor-time.ts'
import { formatInRelease, stripClearsign } from './clearsign.ts'

const signature = '-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n-----END PGP SIGNATURE-----\n'
const text = 'Source: hello\n-dash\n- item\n-----BEGIN\n'

test('the frame comes off as it was put on', () => {
  assert.deepEqual(stripClearsign(formatInRelease(text, signature), 'x'), { text, signed: true })
})

test('a text without a frame stays as it is', () => {
  assert.deepEqual(stripClearsign('A: b', 'x'), { text: 'A: b', signed: false })
})

test('nothing may stand around the signed message, and the frame must be whole', () => {
  const signed = formatInRelease(text, signature)
  const bad = [
    `Evil: 1\n${signed}`,
    `\n${signed}`,
    `${signed}Evil: 1\n`,
    `${signed}\n\nEvil: 1\n`,
    `${signed}${signed}`,
    signed.replace('Hash: SHA512', 'Evil: 1'),
    signed.replace('Hash: SHA512\n\n', ''),
    signed.replace('- -dash', '-dash'),
    signed.slice(0, signed.indexOf('-----BEGIN PGP SIGNATURE')),
    signed.slice(0, signed.indexOf('-----END PGP SIGNATURE')),
    signature,
    '-----BEGIN PGP SIGNED MESSAGE-----\n',
  ]
  for (const input of bad) {
    assert.throws(() => stripClearsign(input, 'x'), { code: 'signature-invalid' }, JSON.stringify(input))
  }
})

test('long runs of line ends cost no more than other texts', () => {
  const spentMs = processorTime()
  const long = `A: b${'\n'.repeat(2 ** 17)}x\n`
  assert.deepEqual(stripClearsign(formatInRelease(long, signature), 'x'), { text: long, signed: true })
  assert.ok(spentMs() < 5000)
})
