import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { secretOf } from './authentication.ts'

function request(...headers: string[]): IncomingMessage {
  const message = new IncomingMessage(new Socket())
  message.rawHeaders = headers.flatMap((value) => ['Authorization', value])
  if (headers[0] !== undefined) message.headers = { authorization: headers[0] }
  return message
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

const understood: [header: string, secret: string][] = [
  ['Bearer ash_abc-DEF_1', 'ash_abc-DEF_1'],
  ['bearer ash_abc', 'ash_abc'],
  ['BEARER a.b~c+d/e==', 'a.b~c+d/e=='],
  [basic('apt:ash_abc'), 'ash_abc'],
  [basic(':ash_abc'), 'ash_abc'],
  [basic('any one:with:colons'), 'with:colons'],
  [basic('ünï:ash_abc').replace('Basic', 'basic'), 'ash_abc'],
]
for (const [header, secret] of understood) {
  test(`"${header}" carries ${secret}`, () => assert.equal(secretOf(request(header)), secret))
}

test('a request without the header carries nothing', () => assert.equal(secretOf(request()), undefined))

const refused = [
  '',
  'Bearer',
  'Bearer ',
  'Bearer  two-spaces',
  'Bearer a b',
  'Bearer a,Bearer b',
  'Bearer ä',
  'Basic',
  'Basic !!!!',
  'Basic YQ',
  basic('no colon'),
  basic('empty:'),
  `${basic('a:b')} `,
  'Digest username="a"',
  'ash_abc',
]
for (const header of refused) {
  test(`"${header}" is refused rather than taken for anonymous`, () => {
    assert.throws(() => secretOf(request(header)), { code: 'token-required' })
  })
}

test('two Authorization headers are refused, whichever of them is good', () => {
  assert.throws(() => secretOf(request('Bearer a', 'Bearer b')), { code: 'token-required' })
})
