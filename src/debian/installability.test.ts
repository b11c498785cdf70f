import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkInstallability, usualLimits } from './installability.ts'
import { type InstallReason, InstallReasons, type NeededPackage } from './install-reasons.ts'
import { parseParagraphs } from './deb822.ts'
import { packageFacts } from './package-facts.ts'
import { PackageLedger } from './package-ledger.ts'
import { paragraphSubject } from './package-query-subject.ts'
import { PackageUniverse } from './package-universe.ts'

/** Packages written on a line each: `name version; Field: value; …`. */
function universeOf(lines: readonly string[], architecture = 'amd64'): PackageUniverse {
  const ledger = new PackageLedger()
  const text = lines.map((line) => {
    const [head = '', ...fields] = line.split('; ')
    const [name, version, own = 'amd64'] = head.split(' ')
    return `Package: ${name}\nVersion: ${version}\nArchitecture: ${own}\n${fields.map((field) => `${field}\n`).join('')}`
  })
  const numbers = parseParagraphs(text.join('\n')).map((entry) =>
    ledger.add(packageFacts(paragraphSubject(entry, 'deb'))),
  )
  return new PackageUniverse(ledger, numbers, architecture)
}

/** What is not installable, with the reasons in one line each. */
function broken(lines: readonly string[], limits = usualLimits): Record<string, string[]> {
  const universe = universeOf(lines)
  const { problem, verdicts } = checkInstallability(universe, universe.keys(), limits)
  const reasons = new InstallReasons(problem, limits)
  const found = verdicts.map(({ member, verdict }) => {
    const number = universe.package(member)
    const name = `${universe.ledger.names.text(universe.ledger.name(number))} ${universe.ledger.version(number)}`
    return [name, verdict === 'undecided' ? ['undecided'] : reasons.of(member).map(inWords)] as const
  })
  return Object.fromEntries(found)
}

function inWords(reason: InstallReason): string {
  if (reason.kind === 'missing') return `${chained(reason)} -> ${reason.needs}?`
  if (reason.kind === 'unreadable') return `${chained(reason)}: ${reason.detail}`
  return `${chained(reason.first)} x ${chained(reason.second)} (${reason.relation})`
}

function chained(needed: NeededPackage): string {
  return [...needed.chain.map((step) => `${step.package.name} -> ${step.needs}`), needed.package.name].join(': ')
}

test('what is missing is named with everybody who needs it', () => {
  assert.deepEqual(
    broken([
      'app 1; Depends: lib (>= 2)',
      'lib 2; Depends: data | other',
      'data 1; Depends: gone (>= 3)',
      'other 1; Depends: lost',
      'fine 1',
    ]),
    {
      'app 1': [
        'app -> lib (>= 2): lib -> data | other: data -> gone (>= 3)?',
        'app -> lib (>= 2): lib -> data | other: other -> lost?',
      ],
      'lib 2': ['lib -> data | other: data -> gone (>= 3)?', 'lib -> data | other: other -> lost?'],
      'data 1': ['data -> gone (>= 3)?'],
      'other 1': ['other -> lost?'],
    },
  )
})

test('two that exclude each other are named with their chains', () => {
  assert.deepEqual(
    broken(['app 1; Depends: left, right', 'left 1; Depends: deep', 'deep 1; Conflicts: right (<< 2)', 'right 1']),
    { 'app 1': ['app -> left: left -> deep: deep x app -> right: right (right (<< 2))'] },
  )
})

test('two versions of one package are never there together', () => {
  assert.deepEqual(broken(['app 1; Depends: lib (= 1), lib (= 2)', 'lib 1', 'lib 2']), {
    'app 1': ['app -> lib (= 1): lib x app -> lib (= 2): lib (null)'],
  })
})

test('where every alternative fails there is a reason for each', () => {
  const reasons = broken([
    'app 1; Depends: one | two',
    'one 1; Conflicts: app',
    'two 1; Depends: three',
    'three 1; Breaks: app',
  ])
  assert.deepEqual(reasons['app 1']?.toSorted(), [
    'app -> one | two: one x app (app)',
    'app -> one | two: two -> three: three x app (app)',
  ])
})

test('what does not stand an essential package cannot be installed, nor can anything if these cannot', () => {
  assert.deepEqual(broken(['base 1; Essential: yes; Depends: tool', 'tool 1', 'app 1; Conflicts: tool']), {
    'app 1': ['app x base -> tool: tool (tool)'],
  })
  assert.deepEqual(broken(['base 1; Essential: yes; Depends: gone', 'app 1']), {
    'base 1': ['base -> gone?'],
    'app 1': ['base -> gone?'],
  })
  assert.deepEqual(broken(['base 1; Essential: yes; Conflicts: root', 'root 1; Essential: yes', 'app 1']), {
    'base 1': ['base x root (root)'],
    'root 1': ['base x root (root)'],
    'app 1': ['base x root (root)'],
  })
})

test('a provision meets relations, versioned ones only with a version', () => {
  assert.deepEqual(
    broken([
      'mta 1; Provides: mail, smtp (= 2)',
      'a 1; Depends: mail',
      'b 1; Depends: mail (>= 1)',
      'c 1; Depends: smtp (>= 2)',
      'd 1; Depends: smtp (>> 2)',
    ]),
    { 'b 1': ['b -> mail (>= 1)?'], 'd 1': ['d -> smtp (>> 2)?'] },
  )
})

test('a relation that cannot be read makes its package one that cannot be installed', () => {
  assert.deepEqual(broken(['odd 1; Depends: a b', 'app 1; Depends: odd', 'fine 1']), {
    'odd 1': ["odd: The relation: 'a b' is not a relation."],
    'app 1': ["app -> odd: odd: The relation: 'a b' is not a relation."],
  })
})

test('a search beyond its bound is undecided, not broken', () => {
  // Seven pigeons and six holes: no clever way is known to this kind of search.
  const holes = [0, 1, 2, 3, 4, 5]
  const pigeons = [0, 1, 2, 3, 4, 5, 6]
  const perches = pigeons.flatMap((pigeon) =>
    holes.map((hole) => {
      const others = pigeons.filter((other) => other !== pigeon).map((other) => `p${other}h${hole}`)
      return `p${pigeon}h${hole} 1; Conflicts: ${others.join(', ')}`
    }),
  )
  const wish = pigeons.map((pigeon) => holes.map((hole) => `p${pigeon}h${hole}`).join(' | '))
  const world = [`all 1; Depends: ${wish.join(', ')}`, ...perches]
  assert.deepEqual(broken(world, { ...usualLimits, conflicts: 10 }), { 'all 1': ['undecided'] })
  assert.deepEqual(Object.keys(broken(world)), ['all 1'])
})

test('packages of other architectures are not there', () => {
  const universe = universeOf(['app 1 all; Depends: lib', 'lib 1 arm64'])
  assert.equal(universe.size, 1)
  assert.equal(checkInstallability(universe).verdicts.length, 1)
})
