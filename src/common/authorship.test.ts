import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authorText, deedText } from './authorship.ts'

const jane = { fingerprint: '0123456789ABCDEF0123456789ABCDEF01234567', userId: 'Jane <jane@example.org>' }
const key = { ...jane, userId: null }

test('an account, a signature, both or neither are told apart', () => {
  assert.equal(authorText({ user: 'ci' }), 'ci')
  assert.equal(authorText({ user: null, signer: jane }), 'signed by Jane <jane@example.org>')
  assert.equal(authorText({ user: null, signer: key }), 'signed by key 89ABCDEF01234567')
  assert.equal(authorText({ user: 'ci', signer: jane }), 'ci (signed by Jane <jane@example.org>)')
  assert.equal(authorText({ user: null }), '')
})

test('a deed names who did it as far as that is known', () => {
  assert.equal(deedText('copy', { user: 'ci', signer: null }), 'copy by ci')
  assert.equal(deedText('upload', { user: null, signer: key }), 'upload signed by key 89ABCDEF01234567')
  assert.equal(deedText('upload', { user: 'ci', signer: jane }), 'upload by ci (signed by Jane <jane@example.org>)')
  assert.equal(deedText('mirror', { user: null }), 'mirror')
})
