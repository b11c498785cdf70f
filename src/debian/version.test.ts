import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compareVersions, parseVersion, versionKey, versionWithoutEpoch } from './version.ts'

const nasty = [
  '0 0-0 0-00 00 0:0 1 1-0 1-00 1. 1.0 1.00 1.0. 1.0.0 01 1a 1a0 1a1 1~ 1~~ 1~~a 1~a 1~0 1~1 1-~ 1-~1 1-a 1-1~ 1+',
  '1+b1 1.b1 1-1-1 1--1 1-. 1-+ 1:0 2147483647:1 09:1 a a1 A Z z 1z 1Z 1.z 1z. 1+z 1-1+b1 1-1.b1 1-1b1 7.8.3-2',
  '7.8.3-b2 0.18.0-4 0.18.00-4 1.0~rc1-1 1.0-1 1.0-1~bpo12+1 1.0-1+deb12u1 20230311',
  `1.${'9'.repeat(63)} 1.${'1'.repeat(64)} 1.${'2'.repeat(99)} 1.${'1'.repeat(100)} 1.${'0'.repeat(100)}1`,
].flatMap((line) => line.split(' '))

const versions = fc.oneof(
  fc.constantFrom(...nasty),
  fc.stringMatching(/^([0-3]:)?[0-2a][0-2aZ.+~]{0,6}(-[0-2aZ.+~]{1,4})?$/),
)

function sign(order: number): number {
  return order < 0 ? -1 : Number(order > 0)
}

function keyOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(versionKey(a)), Buffer.from(versionKey(b)))
}

test('a version falls into epoch, upstream version and revision', () => {
  assert.deepEqual(parseVersion('2:1.0-rc1-3'), { epoch: 2, upstream: '1.0-rc1', revision: '3' })
  assert.deepEqual(parseVersion('1.0'), { epoch: 0, upstream: '1.0', revision: '' })
})

test('what is not a version is refused', () => {
  const bad = ['', ':1', 'a:1', '1:', '1-', '-1', '1 2', '1_2', '1:2:3', '1\n', '.1', '~1', '2147483648:1', 'ä', '1/2']
  for (const text of [...bad, '1'.repeat(201)]) {
    assert.throws(() => parseVersion(text), { code: 'control-invalid' }, text)
  }
})

test('file names leave the epoch out', () => {
  assert.equal(versionWithoutEpoch('2:1.0-3'), '1.0-3')
  assert.equal(versionWithoutEpoch('1.0-3'), '1.0-3')
})

test('bytes of keys order as versions do, and are equal for equal versions', () => {
  fc.assert(
    fc.property(versions, versions, (a, b) => {
      assert.equal(sign(keyOrder(a, b)), sign(compareVersions(a, b)), `${a} ${b}`)
    }),
    { numRuns: 20_000 },
  )
})

test('keys are printable ASCII without blanks', () => {
  fc.assert(fc.property(versions, (version) => assert.match(versionKey(version), /^[!-~]+$/)))
})

const perl = spawnSync('perl', ['-MDpkg::Version', '-e', '1']).status === 0

test('the order is that of Dpkg::Version', { skip: perl ? false : 'perl with Dpkg::Version is not installed' }, () => {
  const real = installedVersions()
  const made = fc.sample(versions, { numRuns: 3000, seed: 7 })
  const pairs: [string, string][] = []
  for (const a of nasty) for (const b of nasty) pairs.push([a, b])
  for (let i = 0; i < made.length; i += 1) pairs.push([made[i] ?? '', made[(i * 7 + 1) % made.length] ?? ''])
  // Neighbours in a sorted list differ late, which is where the rules bite.
  for (let i = 1; i < real.length; i += 1) pairs.push([real[i - 1] ?? '', real[i] ?? ''])
  const script =
    'while (<>) { chomp; my ($a, $b) = split / /; print Dpkg::Version->new($a) <=> Dpkg::Version->new($b), "\\n" }'
  const input = pairs.map((pair) => `${pair.join(' ')}\n`).join('')
  const lines = execFileSync('perl', ['-MDpkg::Version', '-e', script], { input, encoding: 'utf8' }).split('\n')
  const wrong = pairs.filter(([a, b], i) => {
    const expected = Number(lines[i])
    return sign(compareVersions(a, b)) !== expected || sign(keyOrder(a, b)) !== expected
  })
  assert(lines.length > pairs.length && pairs.length > 7000)
  assert.deepEqual(wrong, [])
})

/** Up to 12,000 different versions that apt knows here, sorted as text; none if it knows none. */
function installedVersions(): string[] {
  const dump = spawnSync('apt-cache', ['dumpavail'], { encoding: 'utf8', maxBuffer: 2 ** 28 })
  const found = dump.stdout.matchAll(/^Version: (\S+)$/gm)
  return [...new Set(Array.from(found, ([, version = '']) => version))].sort().slice(0, 12_000)
}
