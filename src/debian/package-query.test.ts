import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processorTime } from '../../test/support/processor-time.ts'
import { AshlarError } from '../common/errors.ts'
import { parseParagraph } from './deb822.ts'
import { parsePackageQuery } from './package-query.ts'
import { paragraphSubject, stanzaSubject } from './package-query-subject.ts'

const stanza = `Package: libfoo1
Source: foo (1.0-2)
Version: 1.0-2+b1
Architecture: amd64
Installed-Size: 90
Provides: libfoo (= 1.0), foo-api-1
Depends: libc6 (>= 2.36),
 bar
Size: 1000
Description: the foo
 A long story.
`
const foo = paragraphSubject(parseParagraph(stanza), 'deb')

function matches(query: string): boolean {
  return parsePackageQuery(query).matches(foo)
}

/** What is said of a query, and where. */
function complaint(query: string): [position: unknown, message: string] {
  try {
    parsePackageQuery(query)
  } catch (error) {
    if (error instanceof AshlarError && error.code === 'query-invalid') return [error.extra['position'], error.message]
    throw error
  }
  throw new Error(`${query} was read.`)
}

test('what a package provides counts for its bare name, with a version or not, but never for a condition', () => {
  assert(matches('libfoo') && matches('foo-api-1') && matches('libfoo1'))
  assert(!matches('libfoo (= 1.0)') && !matches('foo-api') && !matches('foo'))
})

test('fields are those of the control file, and names what is made of them', () => {
  assert(matches('Name (libfoo1), Package (libfoo1), $Source (foo), $SourceVersion (1.0-2), $Version (>> 1.0-2)'))
  assert(matches('Depends ("libc6 (>= 2.36), bar"), $PackageType (deb), $Architecture (amd64), Size (1000)'))
  assert(matches('Installed-size') && !matches('Homepage') && !matches('installed-size'))
})

test('numbers in fields are ordered by their value', () => {
  assert(matches('Installed-Size (> 9), Installed-Size (<< 100)') && !matches('Installed-Size (> 100)'))
})

test('a comma binds closer than a bar, and both less than the exclamation mark', () => {
  assert(matches('nothing, nothing | libfoo1'))
  assert(!matches('nothing, (nothing | libfoo1)'))
  assert(matches('!nothing, libfoo1') && !matches('!(nothing | libfoo1)'))
})

test('a parenthesis needs no blank before it', () => {
  assert(matches('libfoo1(>= 1)') && matches('Name(libfoo1)'))
})

test('a version is compared as dpkg does, whose revision begins after the last hyphen', () => {
  const odd = { ...foo, version: '1-2-3' }
  assert(parsePackageQuery('$Version (>> 1)').matches(odd))
  assert(parsePackageQuery('$Version (<< 1.1)').matches(odd))
})

test('a mistake is refused with its place', () => {
  const [position, message] = complaint('Priority (required), hello (>= )')
  assert.equal(position, 32)
  assert.match(message, /at character 32 \(.*hello \(>= ▸\)\): a value is expected, not \)\.$/)
  assert.deepEqual(
    ['', 'hello,', '(a1', 'a1)', 'a1 b1', '"a1', 'a1 (= 1', 'a1 {amd64', '{amd64}', 'Section {amd64}'].map(
      (query) => complaint(query)[0],
    ),
    [1, 7, 4, 3, 4, 1, 8, 10, 1, 9],
  )
})

test('what can match nothing is refused with advice', () => {
  const advice = new Map([
    ['$Sauce (x)', /there is no \$Sauce; there are .*\$Source/],
    ['lib*', /write Name \(% lib\*\)/],
    ['hello_1.0', /NAME_VERSION_ARCHITECTURE/],
    ['libc6:amd64', /NAME \{ARCHITECTURE\}/],
    ['hello (>= 1_2)', /"1_2" is not a version/],
    ['Name (% [a)', /not a pattern/],
    ['Name (~ "(a")', /not a regular expression/],
    ['Name (~ a(b|c))', /in quotes/],
  ])
  for (const [query, expected] of advice) assert.match(complaint(query)[1], expected, query)
})

test('hostile queries are refused or answered at once', () => {
  const spentMs = processorTime()
  assert.equal(complaint('('.repeat(10_000))[0], 101)
  assert.equal(complaint('!'.repeat(10_000))[0], 101)
  assert.match(complaint('a1|'.repeat(30_000))[1], /more than/)
  assert.match(complaint(`Name (~ "${'a'.repeat(2000)}")`)[1], /more than 1000/)
  assert(matches(`${'a1|'.repeat(15_000)}libfoo1`))
  const greedy = parsePackageQuery('Name (~ "^(a+)+$")')
  assert(!greedy.matches({ ...foo, name: `${'a'.repeat(50_000)}b` }))
  assert(spentMs() < 3000)
})

test('a package is asked by the text of its entry as by its fields', () => {
  const whole = { kind: 'deb', name: 'libfoo1', version: '1.0-2+b1', architecture: 'amd64', stanza } as const
  const byText = stanzaSubject(whole)
  for (const name of ['Package', 'depends', 'Description', 'SIZE', 'Provides', 'Homepage', 'Pack', 'long']) {
    assert.equal(byText.field(name), foo.field(name), name)
  }
})
