import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorFromAnswer } from './problem.ts'

test('a problem document becomes the error that the server raised', () => {
  const document = { type: 'urn:ashlar:error:suite-unknown', code: 'suite-unknown', detail: 'There is no suite “x”.' }
  const error = errorFromAnswer(404, JSON.stringify(document), 'GET /')
  assert.equal(error.code, 'suite-unknown')
  assert.equal(error.message, 'There is no suite “x”.')
})

test('the code is found in the type too', () => {
  const error = errorFromAnswer(409, '{"type":"urn:ashlar:error:pool-name-taken","title":"Taken."}', 'POST /')
  assert.equal(error.code, 'pool-name-taken')
  assert.equal(error.message, 'Taken.')
})

test('a code of a newer server, or a page of a proxy, is named by its status', () => {
  assert.equal(errorFromAnswer(403, '{"code":"never-heard-of"}', 'GET /').code, 'forbidden')
  const error = errorFromAnswer(502, '<html>Bad Gateway</html>', 'GET /api/v1/scopes')
  assert.equal(error.code, 'server-unreachable')
  assert.match(error.message, /502 to GET \/api\/v1\/scopes/)
})
