import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeTar, tarHeader } from '../../test/support/make-deb.ts'
import { ByteWalker } from './byte-walk.ts'
import { tarWalk } from './tar-walk.ts'
import type { TarEntry } from './tar-walk.ts'

const end = Buffer.alloc(1024)

function entries(tar: Buffer, chunkBytes = tar.length): TarEntry[] {
  const found: TarEntry[] = []
  const onEntry = (entry: TarEntry): boolean => {
    found.push(entry)
    return false
  }
  const walk = tarWalk({ maximumEntries: 1000, onEntry, onContent: () => {}, origin: 'x' })
  const walker = new ByteWalker('x', walk)
  for (let at = 0; at < tar.length; at += chunkBytes) walker.push(tar.subarray(at, at + chunkBytes))
  walker.end()
  return found
}

function entryOf(path: string, size = 0, type = '0'): Buffer {
  return Buffer.concat([tarHeader(path, size, type), Buffer.alloc((size + 511) & ~511), end])
}

function patched(header: Buffer, at: number, bytes: Buffer): Buffer {
  const copy = Buffer.from(header)
  bytes.copy(copy, at)
  copy.fill(' ', 148, 156)
  let sum = 0
  for (const byte of copy.subarray(0, 512)) sum += byte
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return copy
}

test('entries come with clean paths and kinds', () => {
  const long = `${'deep/'.repeat(40)}file`
  const found = entries(makeTar({ 'usr/bin/hello': 'hi', [long]: '' }))
  assert.deepEqual(found[0], { path: '', kind: 'directory', size: 0 })
  assert.deepEqual(
    found.find((entry) => entry.size === 2),
    { path: 'usr/bin/hello', kind: 'file', size: 2 },
  )
  assert(found.some((entry) => entry.path === long))
})

test('it does not matter how the file is cut', () => {
  const tar = makeTar({ 'a/b': 'x'.repeat(700), [`${'deep/'.repeat(40)}file`]: 'y' })
  const whole = entries(tar)
  for (const size of [1, 7, 100, 511, 513, 1000]) assert.deepEqual(entries(tar, size), whole)
})

test('content is handed on in one piece where it is wanted', () => {
  const contents: string[] = []
  const walker = new ByteWalker(
    'x',
    tarWalk({
      maximumEntries: 10,
      onEntry: (entry) => entry.path === 'wanted',
      onContent: (_entry, content) => contents.push(content.toString()),
      origin: 'x',
    }),
  )
  const tar = makeTar({ other: 'no', wanted: 'yes'.repeat(300) })
  for (let at = 0; at < tar.length; at += 100) walker.push(tar.subarray(at, at + 100))
  walker.end()
  assert.deepEqual(contents, ['yes'.repeat(300)])
})

test('names that lead elsewhere, or that no index can hold, are refused by name', () => {
  for (const path of ['../x', './../x', 'a/../b', 'a/..', '/etc/x', '..', './a/../../b']) {
    assert.throws(() => entries(entryOf(path)), { code: 'package-invalid', message: /(x|b|\.\.) / }, path)
  }
  for (const path of ['a\nb', `${'a'.repeat(120)}\nb`, `${'a'.repeat(120)}\0b`, '']) {
    assert.throws(() => entries(entryOf(path)), { code: 'package-invalid' }, path)
  }
})

test('harmless detours in names are straightened', () => {
  for (const path of ['./a/b', 'a/b', 'a//b', 'a/./b', './/a/b', './a/b/.']) {
    assert.equal(entries(entryOf(path))[0]?.path, 'a/b', path)
  }
  for (const path of ['..a/b', 'a/..b', 'a/b..', '...', '.a']) assert.equal(entries(entryOf(path))[0]?.path, path)
})

test('what dpkg does not unpack is refused', () => {
  for (const type of ['x', 'g', 'S', 'M', 'V', 'A']) {
    assert.throws(() => entries(entryOf('a', 0, type)), { code: 'package-invalid' }, type)
  }
  assert.throws(() => entries(entryOf('a', 1, '2')), { code: 'package-invalid' })
})

test('sizes of 8 GiB and more are understood, and nonsense is refused', () => {
  const huge = Buffer.from('800000000000000200000000', 'hex')
  const walker = new ByteWalker(
    'x',
    tarWalk({
      maximumEntries: 1,
      onEntry: (entry) => {
        assert.equal(entry.size, 2 ** 33)
        return false
      },
      onContent: () => {},
      origin: 'x',
    }),
  )
  walker.push(patched(tarHeader('a', 0, '0'), 124, huge))
  assert.throws(() => walker.end(), { code: 'package-invalid' })
  for (const size of [
    'ffffffffffffffffffffffff',
    '80ffffffffffffffffffffff',
    '2d3100000000000000000000',
    '000000000000000000000000',
  ]) {
    const header = patched(tarHeader('a', 0, '0'), 124, Buffer.from(size, 'hex'))
    assert.throws(() => entries(Buffer.concat([header, end])), { code: 'package-invalid' }, size)
  }
})

test('a file that is cut short is refused, except between entries', () => {
  const tar = makeTar({ 'a/b': 'x'.repeat(600) })
  for (let length = 1; length < tar.length; length += 1) {
    const read = (): TarEntry[] => entries(tar.subarray(0, length))
    // After the headers of `./` and `a/`, after the file, and within the zeros at the end.
    if ([512, 1024, 2560].includes(length) || length >= 3072) assert.doesNotThrow(read, String(length))
    else assert.throws(read, { code: 'package-invalid' }, String(length))
  }
})

test('a flipped bit in a header is found', () => {
  const tar = entryOf('some/name', 5)
  for (let bit = 0; bit < 512 * 8; bit += 1) {
    // In the checksum itself a leading zero may become a blank, and what ends it means nothing.
    if (bit === 148 * 8 + 4 || (bit >= 154 * 8 && bit < 156 * 8)) continue
    const flipped = Buffer.from(tar)
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    assert.throws(() => entries(flipped), { code: 'package-invalid' }, String(bit))
  }
})

test('something after the end is refused', () => {
  assert.throws(() => entries(Buffer.concat([entryOf('a'), entryOf('b')])), { code: 'package-invalid' })
})

test('one entry too many is refused, at once', () => {
  let seen = 0
  const onEntry = (): boolean => {
    seen += 1
    return false
  }
  const walker = new ByteWalker('x', tarWalk({ maximumEntries: 1_000_000, onEntry, onContent: () => {}, origin: 'x' }))
  const thousand = Buffer.concat(Array<Buffer>(1000).fill(tarHeader('a', 0, '0')))
  for (let i = 0; i < 1000; i += 1) walker.push(thousand)
  assert.throws(() => walker.push(thousand), { code: 'too-large' })
  assert.equal(seen, 1_000_000)
})

const hasTar = spawnSync('tar', ['--version']).stdout?.includes('GNU tar') ?? false

test(
  'what GNU tar writes is read alike in each dialect',
  { skip: hasTar ? false : 'GNU tar is not installed' },
  (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'ashlar-tar-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const deep = `t/${'a'.repeat(60)}/${'b'.repeat(60)}`
    mkdirSync(join(directory, deep), { recursive: true })
    writeFileSync(join(directory, deep, 'ünï code'), 'x')
    symlinkSync('target', join(directory, 't/link'))
    const tar = (format: string): string[] =>
      entries(execFileSync('tar', [`--format=${format}`, '-c', './t'], { cwd: directory }))
        .map((entry) => `${entry.kind} ${Buffer.from(entry.path, 'latin1').toString()}`)
        .sort()
    const expected = [
      `directory ${deep}`,
      'directory t',
      `directory t/${'a'.repeat(60)}`,
      `file ${deep}/ünï code`,
      'other t/link',
    ]
    assert.deepEqual(tar('gnu'), expected.sort())
    assert.deepEqual(tar('ustar'), expected)
  },
)
