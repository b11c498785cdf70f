import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { translationEntry, withShortDescription } from './description.ts'

const text = 'greets\n Says hello to whom\n .\n it meets: often.'
const stanza = `Package: hello\nVersion: 1\nSHA256: ab\nSection: misc\nDescription: ${text}\n`
const md5 = createHash('md5').update(`${text}\n`).digest('hex')

it('the short line stays, with the digest of all of it and its newline', () => {
  assert.equal(
    withShortDescription(stanza),
    `Package: hello\nVersion: 1\nSHA256: ab\nSection: misc\nDescription: greets\nDescription-md5: ${md5}\n`,
  )
  assert.equal(
    translationEntry('hello', stanza),
    `Package: hello\nDescription-md5: ${md5}\nDescription-en: ${text}\n\n`,
  )
})

it('a short line alone is its own long text', () => {
  const short = 'Package: a\nDescription: one\nX-After: it\n'
  const digest = createHash('md5').update('one\n').digest('hex')
  assert.equal(withShortDescription(short), `Package: a\nDescription: one\nDescription-md5: ${digest}\nX-After: it\n`)
  assert.match(translationEntry('a', short) ?? '', /^Description-en: one$/m)
})

it('translations that a package brings stay out, and what they say is never taken for its description', () => {
  const own = `Package: hello\nDescription-de: grüßt\n sagt\nDescription-md5: ${'0'.repeat(32)}\nDescription: ${text}\n`
  assert.equal(withShortDescription(own), `Package: hello\nDescription: greets\nDescription-md5: ${md5}\n`)
  assert.doesNotMatch(translationEntry('hello', own) ?? '', /grüßt/)
})

it('a package without a description has none', () => {
  const none = 'Package: a\nVersion: 1\n'
  assert.equal(withShortDescription(none), none)
  assert.equal(translationEntry('a', none), undefined)
})

it('an entry whose long text lies elsewhere stays as it is', () => {
  const elsewhere = `Package: a\nDescription: one\nDescription-md5: ${'1'.repeat(32)}\n`
  assert.equal(withShortDescription(elsewhere), elsewhere)
  assert.equal(translationEntry('a', elsewhere), undefined)
})
