import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseParagraphs } from './deb822.ts'
import { dependencyClosure } from './dependency-closure.ts'
import { packageFacts } from './package-facts.ts'
import { PackageLedger } from './package-ledger.ts'
import { paragraphSubject } from './package-query-subject.ts'
import { PackageUniverse } from './package-universe.ts'

/** The packages of a Packages index whose entries are written on a line each: `name version: fields`. */
function universeOf(...lines: readonly string[]): PackageUniverse {
  const ledger = new PackageLedger()
  const text = lines.map((line) => {
    const [head = '', ...fields] = line.split('; ')
    const [name, version] = head.split(' ')
    return `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n${fields.map((field) => `${field}\n`).join('')}`
  })
  const numbers = parseParagraphs(text.join('\n')).map((entry) =>
    ledger.add(packageFacts(paragraphSubject(entry, 'deb'))),
  )
  return new PackageUniverse(ledger, numbers, 'amd64')
}

function closure(universe: PackageUniverse, name: string, alternatives: 'first' | 'all') {
  const nameOf = (member: number): string => {
    const number = universe.package(member)
    return `${universe.ledger.names.text(universe.ledger.name(number))} ${universe.ledger.version(number)}`
  }
  const wanted = Array.from({ length: universe.size }, (_, member) => member).filter((member) =>
    nameOf(member).startsWith(`${name} `),
  )
  const { members, unmet } = dependencyClosure(universe, wanted, { alternatives })
  return {
    members: Array.from(members, nameOf),
    unmet: unmet.map(({ member, clause }) => `${nameOf(member)}: ${universe.ledger.clauseText(clause)}`),
  }
}

const universe = universeOf(
  'app 1; Depends: lib (>= 2), awk; Pre-Depends: base',
  'lib 1',
  'lib 2; Depends: app, data | other',
  'lib 3; Depends: other | data, gone | never (>= 1)',
  'base 1',
  'other 1',
  'data 1',
  'gawk 1; Provides: awk; Depends: lib (<< 3)',
  'mawk 1; Provides: awk',
)

test('the first alternative that exists comes along in its newest version, with what it needs', () => {
  assert.deepEqual(closure(universe, 'app', 'first'), {
    members: ['app 1', 'base 1', 'lib 3', 'gawk 1', 'other 1', 'lib 2'],
    unmet: ['lib 3: gone | never (>= 1)'],
  })
})

test('what is there already is enough', () => {
  const small = universeOf('a 1; Depends: b | c', 'b 1', 'c 1', 'd 1; Depends: c, b | c')
  assert.deepEqual(closure(small, 'd', 'first').members, ['d 1', 'c 1'])
})

test('all alternatives are everything that would do', () => {
  assert.deepEqual(closure(universe, 'app', 'all').members.toSorted(), [
    'app 1',
    'base 1',
    'data 1',
    'gawk 1',
    'lib 1',
    'lib 2',
    'lib 3',
    'mawk 1',
    'other 1',
  ])
})
