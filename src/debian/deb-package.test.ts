import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { makeDeb, makeTar, tarHeader } from '../../test/support/make-deb.ts'
import { AshlarError } from '../common/errors.ts'
import { writeAr } from './ar.ts'
import type { ByteSource } from './ar.ts'
import { bufferSource, fileSource } from './byte-source.ts'
import { compressions } from './compression.ts'
import { readDeb } from './deb-package.ts'
import type { DebOptions, DebPackage } from './deb-package.ts'

const format: [string, Buffer] = ['debian-binary', Buffer.from('2.0\n')]
const controlText = 'Package: hello\nVersion: 1:2.0\nArchitecture: all\n'
const control: [string, Buffer] = ['control.tar', makeTar({ control: controlText })]
const data: [string, Buffer] = ['data.tar', makeTar({ 'usr/bin/hello': 'x' })]

async function read(bytes: Buffer, options: Partial<DebOptions> = {}): Promise<DebPackage> {
  return readDeb(bufferSource(bytes), { fileName: 'hello.deb', ...options })
}

async function refusal(members: [string, Buffer][], options: Partial<DebOptions> = {}): Promise<string> {
  return read(writeAr(members), options).then(
    () => 'accepted',
    (error: unknown) => (error instanceof AshlarError ? `${error.code}: ${error.message}` : assert.fail(String(error))),
  )
}

function withControl(text: string): [string, Buffer][] {
  return [format, ['control.tar', makeTar({ control: text })], data]
}

test('a .deb tells its fields and the sorted paths of what it installs', async () => {
  for (const compression of compressions) {
    const files = {
      'usr/share/b': '',
      'usr/share/a': 'x',
      'usr/share/a-b': '',
      'usr/share/a/b': '',
      'etc/ﬀ': '',
      'etc/𝄞': '',
    }
    const deb = await read(makeDeb({ name: 'hello', version: '1:2.0', depends: 'libc6', compression, files }))
    assert.equal(deb.kind, 'deb')
    assert.equal(deb.control.get('depends'), 'libc6')
    assert(deb.controlText.startsWith('Package: hello\nVersion: 1:2.0\n'))
    const expected = Object.keys(files).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(
      deb.paths.map((path) => Buffer.from(path, 'latin1').toString()),
      expected,
    )
  }
})

test('a path that is not UTF-8 keeps its bytes', async () => {
  const files = { 'usr/share/caf\xe9': '', 'usr/share/caf\xff': '', 'usr/share/cafe': '' }
  const deb = await read(makeDeb({ name: 'hello', version: '1', files, pathEncoding: 'latin1' }))
  assert.deepEqual(deb.paths, ['usr/share/cafe', 'usr/share/caf\xe9', 'usr/share/caf\xff'])
})

test('members of later format versions are passed over where deb(5) allows them', async () => {
  const accepted: [string, Buffer][][] = [
    [['debian-binary', Buffer.from('2.1\nmore\n')], control, data],
    [format, ['_own', Buffer.from('x')], control, ['_other', Buffer.from('x')], data, ['_gpgorigin', Buffer.from('x')]],
  ]
  for (const members of accepted) assert.equal(await refusal(members), 'accepted')
})

test('missing, doubled or misplaced members are refused', async () => {
  const refused: [string, Buffer][][] = [
    [],
    [format],
    [format, control],
    [format, data],
    [format, data, control],
    [control, data],
    [['debian-binary', Buffer.from('3.0\n')], control, data],
    [['debian-binary', Buffer.from('2.0')], control, data],
    [['debian-binary', Buffer.alloc(2000, '2.0\n')], control, data],
    [format, format, control, data],
    [format, control, control, data],
    [format, control, data, data],
    [format, control, data, control],
    [format, ['other', Buffer.from('x')], control, data],
    [format, control, ['data.tar.bz2', data[1]]],
    [format, control, ['data.tar.lzma', data[1]]],
    [format, control, ['data.tarball', data[1]]],
    [format, ...Array.from({ length: 100 }, (): [string, Buffer] => ['_x', Buffer.alloc(0)]), control, data],
  ]
  for (const members of refused) {
    assert.match(await refusal(members), /^package-invalid: hello\.deb /, members.map(([name]) => name).join())
  }
})

test('a control archive has exactly one regular control file', async () => {
  const twice = Buffer.concat([makeTar({ control: controlText }).subarray(0, -1024), makeTar({ control: controlText })])
  const link = Buffer.concat([tarHeader('./control', 0, '2'), Buffer.alloc(1024)])
  for (const tar of [makeTar({}), makeTar({ 'x/control': controlText }), twice, link, Buffer.alloc(0)]) {
    assert.match(await refusal([format, ['control.tar', tar], data]), /^package-invalid: .*control file/)
  }
})

function arHeader(name: string, size: number): Buffer {
  return Buffer.from(`${name.padEnd(16)}0           0     0     100644  ${String(size).padEnd(10)}\`\n`)
}

test('a control file of 100 MB is refused without reading it', async () => {
  const size = 100_000_000
  const magic = Buffer.from('!<arch>\n')
  const controlHeaders = [arHeader('control.tar', size + 512), tarHeader('./control', size, '0')]
  const start = Buffer.concat([magic, arHeader('debian-binary', 4), Buffer.from('2.0\n'), ...controlHeaders])
  const dataAt = start.length + size
  let given = 0
  const bytesAt = (offset: number, length: number): Buffer => {
    given += length
    const bytes = Buffer.alloc(length, 'x')
    if (offset < start.length) start.copy(bytes, 0, offset)
    if (offset >= dataAt) arHeader('data.tar', 0).copy(bytes, 0, offset - dataAt)
    return bytes
  }
  const source: ByteSource = {
    size: dataAt + 60,
    read: async (offset, length) => bytesAt(offset, length),
    async *stream(from, to) {
      for (let at = from; at < to; at += 65_536) yield bytesAt(at, Math.min(65_536, to - at))
    },
  }
  await assert.rejects(readDeb(source, { fileName: 'hello.deb' }), { code: 'too-large' })
  assert(given < 1_000_000, String(given))
})

test('a control file must name a package, a version and an architecture', async () => {
  const wrong = [
    controlText.replace('hello', 'Hello'),
    controlText.replace('hello', '../hello'),
    controlText.replace('Package', 'X-Package'),
    controlText.replace('1:2.0', '1:2 0'),
    controlText.replace('Version', 'X-Version'),
    controlText.replace('all', 'any'),
    controlText.replace('all', 'source'),
    controlText.replace('all', 'a/b'),
    controlText.replace('Architecture', 'X-Architecture'),
    controlText.replaceAll('\n', '\r\n'),
    `${controlText}\nPackage: second\n`,
    `${controlText}Version: 2\n`,
    '',
  ]
  for (const text of wrong) assert.match(await refusal(withControl(text)), /^control-invalid: /, JSON.stringify(text))
  const bytes = Buffer.concat([Buffer.from(controlText), Buffer.from('Maintainer: J\xfcrgen\n', 'latin1')])
  assert.match(await refusal([format, ['control.tar', makeTar({ control: bytes })], data]), /hello\.deb, line 4.*UTF-8/)
})

test('paths that lead elsewhere are refused by member and name', async () => {
  for (const path of ['../../etc/passwd', '/etc/passwd', 'a/../../b', 'new\nline']) {
    const tar = Buffer.concat([tarHeader(path, 0, '0'), Buffer.alloc(1024)])
    assert.match(
      await refusal([format, control, ['data.tar', tar]]),
      /^package-invalid: data\.tar of hello\.deb .*(passwd|b|line)/,
    )
    assert.match(await refusal([format, ['control.tar', tar], data]), /^package-invalid: control\.tar of hello\.deb /)
  }
})

test('each limit refuses', async () => {
  const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, 'x'.repeat(10_000)]))
  const members: [string, Buffer][] = [format, control, ['data.tar.gz', gzipSync(makeTar(files))]]
  assert.equal(await refusal(members), 'accepted')
  assert.match(await refusal(members, { maximumEntries: 50 }), /^too-large: /)
  assert.match(await refusal(members, { maximumBytes: 100_000 }), /^too-large: /)
  assert.match(await refusal(members, { maximumControlBytes: 20 }), /^too-large: /)
  assert.match(await refusal(members, { maximumPathsBytes: 20 }), /^too-large: /)
})

test('a .deb that is cut short anywhere is refused', async () => {
  for (const compression of compressions) {
    const bytes = makeDeb({ name: 'hello', version: '1', compression })
    for (let end = 0; end < bytes.length; end += compression === 'none' ? 97 : 1) {
      await assert.rejects(read(bytes.subarray(0, end)), { code: 'package-invalid' }, `${compression} ${end}`)
    }
  }
})

test('a .deb with a flipped byte is refused with a sentence, or harmless', async () => {
  for (const compression of compressions) {
    const bytes = makeDeb({ name: 'hello', version: '1', compression })
    for (let at = 0; at < bytes.length; at += compression === 'none' ? 41 : 1) {
      const flipped = Buffer.from(bytes)
      flipped.writeUInt8(flipped.readUInt8(at) ^ 0x11, at)
      await read(flipped, { maximumBytes: 2 ** 24 }).catch((error: unknown) => {
        assert(error instanceof AshlarError && error.code !== 'internal', `${compression} ${at}: ${String(error)}`)
      })
    }
  }
})

test('a large .deb is read as a stream, from a file, in a worker thread', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'ashlar-deb-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const noise = Buffer.alloc(3_000_000)
  for (let i = 0, x = 1; i < noise.length; i += 1, x = (x * 48_271) % 2_147_483_647) noise[i] = x & 0xff
  for (const compression of compressions) {
    const path = join(directory, `${compression}.deb`)
    writeFileSync(path, makeDeb({ name: 'hello', version: '1', compression, files: { noise, last: '' } }))
    const worker = new Worker(workerCode(path), { eval: true })
    const paths: unknown = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    assert.deepEqual(paths, ['last', 'noise'])
  }
})

test('reading stops when it is told to', async () => {
  const source = bufferSource(makeDeb({ name: 'hello', version: '1', files: { big: Buffer.alloc(3_000_000) } }))
  const reading = readDeb(source, { fileName: 'x.deb', signal: AbortSignal.abort() })
  await assert.rejects(reading, { name: 'AbortError' })
})

const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0

test(
  'dpkg-deb accepts what the builder of tests makes',
  { skip: hasDpkg ? false : 'dpkg-deb is not installed' },
  (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'ashlar-deb-'))
    t.after(() => rmSync(directory, { recursive: true }))
    for (const compression of compressions) {
      const path = join(directory, 'x.deb')
      const files = { 'usr/bin/hello': 'x', [`usr/${'long/'.repeat(40)}name`]: 'y' }
      writeFileSync(path, makeDeb({ name: 'hello', version: '1:2.0', depends: 'libc6', compression, files }))
      assert.match(
        execFileSync('dpkg-deb', ['--info', path], { encoding: 'utf8' }),
        /Version: 1:2\.0\n Architecture: all/,
      )
      const listed = execFileSync('dpkg-deb', ['--contents', path], { encoding: 'utf8' })
      for (const name of Object.keys(files)) assert(listed.includes(`./${name}\n`), name)
    }
  },
)

const cache = '/var/cache/apt/archives'
const real = cachedPackages()

test(
  'real packages give the fields and paths that dpkg-deb gives',
  { skip: real.length > 0 && hasDpkg ? false : 'no .debs in the cache of apt' },
  async () => {
    for (const path of real) {
      const handle = await open(path)
      const deb = await readDeb(fileSource(handle, (await handle.stat()).size), { fileName: path })
      await handle.close()
      assert.equal(deb.controlText, execFileSync('dpkg-deb', ['--field', path], { encoding: 'utf8' }))
      const tar = execFileSync('dpkg-deb', ['--fsys-tarfile', path], { maxBuffer: 2 ** 30 })
      const listed = execFileSync('tar', ['--quoting-style=literal', '-t'], {
        input: tar,
        encoding: 'latin1',
        maxBuffer: 2 ** 28,
      })
      const expected = listed.split('\n').filter((line) => line !== '' && !line.endsWith('/'))
      assert.deepEqual(deb.paths, expected.map((line) => line.replace(/^\.\//, '')).sort())
    }
  },
)

/** Up to ten packages, small and large. */
function cachedPackages(): string[] {
  try {
    const paths = readdirSync(cache)
      .filter((name) => name.endsWith('.deb'))
      .map((name) => join(cache, name))
    const sized = paths.map((path) => ({ path, size: statSync(path).size })).filter(({ size }) => size < 5_000_000)
    sized.sort((a, b) => a.size - b.size)
    return sized.filter((_, i) => i % Math.ceil(sized.length / 10) === 0).map(({ path }) => path)
  } catch {
    return []
  }
}

function workerCode(path: string): string {
  return `
    const { parentPort } = require('node:worker_threads')
    async function main() {
      const { open } = require('node:fs/promises')
      const { readDeb } = await import(${JSON.stringify(import.meta.resolve('./deb-package.ts'))})
      const { fileSource } = await import(${JSON.stringify(import.meta.resolve('./byte-source.ts'))})
      const handle = await open(${JSON.stringify(path)})
      const deb = await readDeb(fileSource(handle, (await handle.stat()).size), { fileName: 'x.deb' })
      await handle.close()
      parentPort.postMessage(deb.paths)
    }
    main()`
}
