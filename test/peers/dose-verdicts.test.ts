/** Whether packages can be installed is what dose-debcheck says. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { findPackagesList } from '../../bench/support/debian-packages.ts'
import { parseParagraph, parseParagraphs } from '../../src/debian/deb822.ts'
import { dependencyClosure } from '../../src/debian/dependency-closure.ts'
import { checkInstallability } from '../../src/debian/installability.ts'
import { packageFacts } from '../../src/debian/package-facts.ts'
import { PackageLedger } from '../../src/debian/package-ledger.ts'
import { paragraphSubject } from '../../src/debian/package-query-subject.ts'
import { PackageUniverse } from '../../src/debian/package-universe.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const run = promisify(execFile)
const skip =
  spawnSync('dose-debcheck', ['--help']).error === undefined ? false : 'dose-debcheck (dose-distcheck) is not installed'

/** The packages of an index that dose-debcheck calls broken, as `name version architecture`. */
async function doseBroken(index: string): Promise<string[]> {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'Packages')
  await writeFile(file, index)
  // It fails with 1 where something is broken.
  const { stdout } = await run('dose-debcheck', ['--deb-native-arch=amd64', '--failures', file], {
    maxBuffer: 2 ** 30,
  }).catch((error: unknown) => {
    const failed = error as { code?: unknown; stdout: string }
    if (typeof failed.code !== 'number' || failed.code > 63) throw error
    return failed
  })
  const found = stdout.matchAll(
    /^ {2}package: (.*)\n {2}version: (.*)\n {2}architecture: (.*)\n(?: {2}essential: true\n)? {2}status: broken$/gm,
  )
  return Array.from(found, ([, name, version, architecture]) => `${name} ${version} ${architecture}`).toSorted()
}

function ourBroken(index: string): string[] {
  const ledger = new PackageLedger()
  const numbers = parseParagraphs(index).map((entry) => ledger.add(packageFacts(paragraphSubject(entry, 'deb'))))
  const universe = new PackageUniverse(ledger, numbers, 'amd64')
  return checkInstallability(universe)
    .verdicts.map(({ member, verdict }) => {
      assert.equal(verdict, 'broken')
      const number = universe.package(member)
      return `${ledger.names.text(ledger.name(number))} ${ledger.version(number)} ${ledger.architecture(number)}`
    })
    .toSorted()
}

interface SmallPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly fields: Readonly<Record<string, string>>
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const
const versions = ['1', '2', '2.0', '3~x', '3'] as const
const name = fc.constantFrom(...names)
const condition = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('=', '<<', '<=', '>=', '>>'), fc.constantFrom(...versions))
      .map(([operator, version]) => ` (${operator} ${version})`),
  },
)
const qualifier = fc.oneof(
  { weight: 12, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(':any', ':native', ':amd64', ':i386') },
)
const atom = fc.tuple(name, qualifier, condition).map((parts) => parts.join(''))
const clause = fc.array(atom, { minLength: 1, maxLength: 3 }).map((atoms) => atoms.join(' | '))
const list = (item: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.array(item, { maxLength }).map((items) => items.join(', '))
const provision = fc
  .tuple(name, fc.option(fc.constantFrom(...versions)))
  .map(([provided, version]) => (version === null ? provided : `${provided} (= ${version})`))

const smallPackage: fc.Arbitrary<SmallPackage> = fc.record(
  {
    name,
    version: fc.constantFrom(...versions),
    architecture: fc.constantFrom('amd64', 'amd64', 'all'),
    fields: fc.record(
      {
        Depends: list(clause, 3),
        'Pre-Depends': list(clause, 1),
        Conflicts: list(atom, 2),
        Breaks: list(atom, 1),
        Provides: list(provision, 2),
        'Multi-Arch': fc.constantFrom('no', 'no', 'same', 'foreign', 'allowed'),
      },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
)
// dose-debcheck keeps one package of a name and version, whatever their architectures.
const universe = fc.uniqueArray(smallPackage, {
  minLength: 4,
  maxLength: 14,
  selector: (each) => `${each.name} ${each.version}`,
})

/** The index of a universe whose names begin with a prefix, so that many universes can stand in one index. */
function indexOf(packages: readonly SmallPackage[], prefix: string): string {
  const own = (text: string): string => text.replaceAll(/(?<=^|[,|] )([a-g])(?![a-z0-9])/g, `${prefix}$1`)
  return packages
    .map(({ name: plain, version, architecture, fields }) => {
      const lines = Object.entries(fields)
        .filter(([, value]) => value !== '')
        .map(([field, value]) => `${field}: ${field === 'Multi-Arch' || field === 'Essential' ? value : own(value)}\n`)
      return `Package: ${prefix}${plain}\nVersion: ${version}\nArchitecture: ${architecture}\n${lines.join('')}`
    })
    .join('\n')
}

/** Compares many universes in one run of dose-debcheck; shows the first one with a difference. */
async function compare(worlds: readonly (readonly SmallPackage[])[]): Promise<number> {
  const indexes = worlds.map((packages, number) => indexOf(packages, `u${number}-`))
  const [theirs, ours] = [await doseBroken(indexes.join('\n')), ourBroken(indexes.join('\n'))]
  indexes.forEach((index, number) => {
    const own = (broken: readonly string[]): string[] => broken.filter((each) => each.startsWith(`u${number}-`))
    assert.deepEqual(own(ours), own(theirs), index)
  })
  return theirs.length
}

test('packages of random universes can be installed where dose-debcheck says so', { skip }, async () => {
  const broken = await compare(fc.sample(universe, { numRuns: 1000 }))
  assert(broken > 800, `only ${broken} are broken`)
})

test('so can they where conflicts leave few ways', { skip }, async () => {
  // No dependency is missing: every name is there in several versions.
  const dense = fc.array(
    fc.record({
      depends: fc.array(fc.tuple(name, fc.constantFrom('1', '2', '3'), name, fc.constantFrom('1', '2', '3')), {
        maxLength: 4,
      }),
      conflicts: fc.array(fc.tuple(name, fc.constantFrom('1', '2', '3')), { maxLength: 4 }),
    }),
    { minLength: 21, maxLength: 21 },
  )
  const worlds = fc.sample(dense, { numRuns: 300 }).map((facts) =>
    facts.map(({ depends, conflicts }, index) => ({
      name: names[index % 7] ?? 'a',
      version: String(Math.floor(index / 7) + 1),
      architecture: 'amd64',
      fields: {
        Depends: depends.map(([a, v, b, w]) => `${a} (= ${v}) | ${b} (>= ${w})`).join(', '),
        Conflicts: conflicts.map(([a, v]) => `${a} (= ${v})`).join(', '),
      },
    })),
  )
  const broken = await compare(worlds)
  assert(broken > 200, `only ${broken} are broken`)
})

test('so can they where some are essential', { skip }, async () => {
  const withEssential = fc
    .tuple(universe, fc.array(fc.nat({ max: 13 }), { maxLength: 3 }))
    .map(([packages, chosen]) =>
      packages.map((each, index) =>
        chosen.includes(index) ? { ...each, fields: { ...each.fields, Essential: 'yes' } } : each,
      ),
    )
  let broken = 0
  for (const world of fc.sample(withEssential, { numRuns: 60 })) broken += await compare([world])
  assert(broken > 100, `only ${broken} are broken`)
})

/** The list of Debian main that this machine's apt has fetched; a sentence if it has none. */
async function debianMain(): Promise<string | { readonly missing: string }> {
  const list = await findPackagesList()
  if (list === undefined) return { missing: 'apt has no list of Debian main' }
  return (await run('/usr/lib/apt/apt-helper', ['cat-file', list], { maxBuffer: 2 ** 29 })).stdout
}

test('so can real packages of Debian, and those that others are missing of', { skip }, async (t) => {
  const text = await debianMain()
  if (typeof text !== 'string') return t.skip(text.missing)
  const entries = text.split('\n\n').filter((entry) => entry.trim() !== '')
  const ledger = new PackageLedger()
  const numbers = entries.map((entry) => ledger.add(packageFacts(paragraphSubject(parseParagraph(entry), 'deb'))))
  const all = new PackageUniverse(ledger, numbers, 'amd64')
  const [seed] = fc.sample(fc.nat({ max: 1000 }), { numRuns: 1 })
  // What 150 packages need, from all over the alphabet, and what is essential.
  const chosen = Array.from({ length: 150 }, (_, index) => Math.floor(((index + (seed ?? 0) / 1000) * all.size) / 150))
  const essential = Array.from(all.keys()).filter((member) => ledger.essential(all.package(member)))
  const needed = dependencyClosure(all, [...essential, ...chosen], { alternatives: 'first' }).members
  const base = new Set(dependencyClosure(all, essential, { alternatives: 'first' }).members)
  // One in forty of them is lost, but for what is essential, without which nothing could be installed.
  const kept = Array.from(needed).filter((member, index) => base.has(member) || (index * 7919 + (seed ?? 0)) % 40 !== 0)
  const index = kept.map((member) => `${entries[all.package(member)]}\n`).join('\n')
  const theirs = await doseBroken(index)
  assert.deepEqual(ourBroken(index), theirs, `seed ${seed}`)
  assert(kept.length > 1000 && theirs.length > 50, `${theirs.length} of ${kept.length} are broken (seed ${seed})`)
})
