/** What nobody should send: each is refused by name, leaves nothing, and the server goes on in bounded memory. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { xz } from '@napi-rs/lzma'
import { writeAr } from '../../src/debian/ar.ts'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb, makeSource, makeTar, tarHeader } from '../support/make-deb.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish, Refused, sendArtifact, sendFile, sha256 } from '../support/upload.ts'
import { dropLeftovers } from './kill-walk.ts'

/** Of the whole process, threads and caches included. */
const memoryLimitBytes = 768 * 2 ** 20
const mebibyte = 2 ** 20

async function peakMemoryBytes(server: Server): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}

/** A server with one good package, and the proof that nothing else came into it. */
async function guarded(t: TestContext, attack: (server: Server) => Promise<void>): Promise<void> {
  await using home = await temporaryDirectory()
  const wish = { home: home.path }
  await using server = await serve(wish)
  await server.workspace.createSuite({ name: 'stable' })
  await publish(server, 'stable', { 'good_1.0_all.deb': makeDeb({ name: 'good', version: '1.0' }) })
  const { revision } = await server.workspace.suite('stable')
  const { artifacts: before } = await server.workspace.artifacts()
  const complete = before.filter((each) => each.complete).map((each) => each.id)

  await attack(server)

  const peak = await peakMemoryBytes(server)
  t.diagnostic(`at most ${Math.round(peak / mebibyte)} MiB in memory`)
  assert.ok(peak < memoryLimitBytes, `${Math.round(peak / mebibyte)} MiB`)
  assert.equal((await server.workspace.suite('stable')).revision, revision)
  const { artifacts } = await server.workspace.artifacts()
  assert.deepEqual(
    artifacts.filter((each) => each.complete).map((each) => each.id),
    complete,
  )
  assert.deepEqual((await checkSuite(server.apt, 'stable')).packages, ['good 1.0 all'])
  const stopped = await server.stop()
  assert.equal(stopped.code, 0, stopped.stderr)
  assert.doesNotMatch(stopped.stderr, /"level":(50|60)/)
  assert.deepEqual(await readdir(join(home.path, 'ashlar-data/spool')), [])
  assert.deepEqual(await dropLeftovers(wish), { spool: 0, store: 0 })
}

/** Two pieces of a .deb that are good beside one that is not. */
const control = gzipSync(makeTar({ control: 'Package: bad\nVersion: 1.0\nArchitecture: all\nDescription: bad\n' }))
const data = gzipSync(makeTar({ 'usr/share/bad': 'x' }))

function deb(...members: [string, Buffer][]): Buffer {
  return writeAr([['debian-binary', Buffer.from('2.0\n')], ...members])
}

/** One piece of output, again and again: a large output of a small input. */
function bomb(piece: Buffer, times: number, compress: (bytes: Buffer) => Buffer): Buffer {
  const member = compress(piece)
  return Buffer.concat(Array.from({ length: times }, () => member))
}

const zeros = Buffer.alloc(16 * mebibyte)
const good = makeDeb({ name: 'bad', version: '1.0', compression: 'gz' })

function oddPackages(): Record<string, Buffer> {
  const largeControl = gzipSync(makeTar({ control: Buffer.alloc(100_000_000, 'A') }), { level: 1 })
  const entries = Buffer.concat(Array.from({ length: 10_000 }, (_, i) => tarHeader(`./usr/${i}`, 0, '0')))
  const flippedControl = Buffer.from(control)
  flippedControl.writeUInt8((flippedControl[40] ?? 0) ^ 0xff, 40)
  return {
    empty: Buffer.alloc(0),
    noise: randomBytes(5000),
    cut: good.subarray(0, good.length - 100),
    'cut-early': good.subarray(0, 90),
    'no-control': deb(['data.tar.gz', data]),
    'no-data': deb(['control.tar.gz', control]),
    'flipped-control': deb(['control.tar.gz', flippedControl], ['data.tar.gz', data]),
    'not-compressed-so': deb(['control.tar.xz', control], ['data.tar.gz', data]),
    'path-trick': deb(['control.tar.gz', control], ['data.tar.gz', gzipSync(makeTar({ '../../etc/passwd': 'x' }))]),
    'control-of-100-MB': deb(['control.tar.gz', largeControl], ['data.tar.gz', data]),
    'gz-bomb': deb(['control.tar.gz', bomb(zeros, 64, (bytes) => gzipSync(bytes))], ['data.tar.gz', data]),
    'xz-bomb': deb(['control.tar.xz', bomb(zeros, 64, (bytes) => xz.compressSync(bytes))], ['data.tar.gz', data]),
    'zst-bomb': deb(['control.tar.zst', bomb(zeros, 64, (bytes) => zstdCompressSync(bytes))], ['data.tar.gz', data]),
    'too-many-entries': deb(
      ['control.tar.gz', control],
      ['data.tar.gz', bomb(entries, 120, (bytes) => gzipSync(bytes))],
    ),
    'field-trick': deb(
      [
        'control.tar.gz',
        gzipSync(makeTar({ control: 'Package: ../bad\nVersion: 1.0\nArchitecture: all\nDescription: bad\n' })),
      ],
      ['data.tar.gz', data],
    ),
    'no-version': deb(
      ['control.tar.gz', gzipSync(makeTar({ control: 'Package: bad\nArchitecture: all\n' }))],
      ['data.tar.gz', data],
    ),
  }
}

test('packages that are none, bombs and tricks are refused by their names', async (t) => {
  const odd = oddPackages()
  await guarded(t, async (server) => {
    for (const [name, bytes] of Object.entries(odd)) {
      const file = `${name}_1.0_all.deb`
      const error = await sendArtifact(server, 'debian:binary-package', { [file]: bytes }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      assert.ok(error instanceof Refused, `${name} was taken: ${String(error)}`)
      assert.ok(error.status === 422 || error.status === 413, `${name}: ${error.status} ${error.message}`)
      assert.ok(error.message.includes(file), `${name}: ${error.message}`)
    }
    // All of them at once.
    const tries = await Promise.allSettled(
      Object.entries(odd).map(([name, bytes]) =>
        sendArtifact(server, 'debian:binary-package', { [`again-${name}_1.0_all.deb`]: bytes }),
      ),
    )
    assert.ok(tries.every((each) => each.status === 'rejected' && each.reason instanceof Refused))
  })
})

test('the command gives status 1 and names the culprit', async (t) => {
  await guarded(t, async (server) => {
    const folder = join(server.home, 'files')
    await mkdir(folder)
    const put = async (name: string, bytes: Buffer): Promise<string> => {
      await writeFile(join(folder, name), bytes)
      return join(folder, name)
    }
    const source = makeSource({ name: 'wall', version: '1.0' })
    for (const [name, bytes] of Object.entries(source)) await put(name, bytes)
    const cut = await put('cut_1.0_all.deb', good.subarray(0, good.length - 100))
    const fine = await put('fine_1.0_all.deb', good)
    const changes = (digest: string): Buffer =>
      Buffer.from(
        'Format: 1.8\nDate: Mon, 02 Nov 2026 10:00:00 +0000\nSource: fine\nBinary: fine\nArchitecture: all\nVersion: 1.0\n' +
          'Distribution: unstable\nMaintainer: Ashlar Tests <tests@example.org>\nDescription:\n fine - fine\n' +
          `Changes:\n fine\nChecksums-Sha256:\n ${digest} ${good.length} fine_1.0_all.deb\n` +
          `Files:\n ${'0'.repeat(32)} ${good.length} misc optional fine_1.0_all.deb\n`,
      )
    const lying = await put('lying_1.0_all.changes', changes(sha256(Buffer.from('other'))))
    await put('wall_1.0.tar.gz', Buffer.from('other bytes'))
    const refused: [string[], RegExp][] = [
      [['--suite', 'stable', cut], /cut_1\.0_all\.deb/],
      [
        ['--suite', 'stable', join(folder, 'wall_1.0.dsc')],
        /wall_1\.0\.tar\.gz is not the file that wall_1\.0\.dsc lists/,
      ],
      [['--suite', 'stable', lying], /fine_1\.0_all\.deb is not the file that lying_1\.0_all\.changes lists/],
      [['--suite', 'stable', join(folder, 'missing.deb')], /missing\.deb/],
      [['--suite', 'stable', await put('nameless_1.0.dsc', Buffer.from('Source: nameless\n'))], /nameless_1\.0\.dsc/],
      [['--suite', 'nowhere', fine], /nowhere/],
    ]
    for (const [words, sentence] of refused) {
      const { code, stderr } = await server.ashlar('upload', ...words)
      assert.equal(code, 1, stderr)
      assert.match(stderr, sentence)
    }
  })
})

test('one version with other bytes, an unknown component and wrong digests are refused, and publish nothing', async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  const file = 'good_1.0_all.deb'
  await publish(server, 'stable', { [file]: makeDeb({ name: 'good', version: '1.0' }) })
  const other = makeDeb({ name: 'good', version: '1.0', files: { 'usr/share/other': 'x' } })
  await assert.rejects(publish(server, 'stable', { [file]: other }), {
    code: 'pool-name-taken',
    message: /good_1\.0_all/,
  })
  const next = { 'next_1.0_all.deb': makeDeb({ name: 'next', version: '1.0' }) }
  await assert.rejects(publish(server, 'stable', next, { component: 'nowhere' }), {
    code: 'component-unknown',
    message: /nowhere/,
  })
  await assert.rejects(publish(server, 'nowhere', next), { code: 'suite-unknown', message: /nowhere/ })

  const announced = { path: 'a', size: 5, sha256: sha256(Buffer.from('right')) }
  const [artifact] = await server.workspace.createArtifacts([{ category: 'generic', files: [announced] }])
  assert.ok(artifact !== undefined)
  for (const [bytes, status] of [
    ['wrong', 422],
    ['longer', 422],
    ['', 422],
  ] as const) {
    const answer = await sendFile(server, artifact.id, 'a', Buffer.from(bytes))
    assert.equal(answer.status, status, await answer.text())
  }
  assert.equal((await server.workspace.artifact(artifact.id)).complete, false)
  assert.deepEqual((await checkSuite(server.apt, 'stable')).packages, ['good 1.0 all'])
  assert.equal((await server.workspace.suite('stable')).revision, 2)
})

test('hostile paths, headers and bodies get a 4xx, and no file that is not of the archive', async (t) => {
  await guarded(t, async (server) => {
    const api = '/api/v1/workspaces/local/main'
    for (const path of ['../x', '/etc/passwd', 'a//b', 'a/../b', './a', 'a\0b', '', 'a/', 'x'.repeat(5000), '..\\x']) {
      const body = { artifacts: [{ category: 'generic', files: [{ path, size: 1, sha256: '0'.repeat(64) }] }] }
      const answer = await server.request(`${api}/artifacts`, json(body))
      await expect4xx(answer, JSON.stringify(path.slice(0, 20)))
    }
    for (const wish of [
      { category: 'generic', files: [{ path: 'a', size: -1, sha256: '0'.repeat(64) }] },
      { category: 'generic', files: [{ path: 'a', size: 1e300, sha256: '0'.repeat(64) }] },
      { category: 'generic', files: [{ path: 'a', size: 1, sha256: '../../x' }] },
      { category: '__proto__', files: [] },
      { category: 'generic', files: [], data: JSON.parse('{"__proto__":{"a":1}}') as unknown, unknown: 1 },
    ]) {
      await expect4xx(await server.request(`${api}/artifacts`, json({ artifacts: [wish] })), JSON.stringify(wish))
    }
    for (const body of ['{', '[]', 'null', '['.repeat(100_000), `{"name":"${'x'.repeat(9 * mebibyte)}"}`]) {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
      await expect4xx(await server.request(`${api}/suites`, init), body.slice(0, 20))
    }
    for (const name of ['../up', 'a b', '', '.', 'x'.repeat(10_000), 'a\nb', '-o']) {
      await expect4xx(await server.request(`${api}/suites`, json({ name })), JSON.stringify(name.slice(0, 20)))
    }
    const root = '/apt/local/main'
    for (const path of [
      `${root}/pool/../../../etc/passwd`,
      `${root}/pool/%2e%2e/%2e%2e/etc/passwd`,
      `${root}/pool/..%2f..%2f..%2fetc%2fpasswd`,
      `${root}/%zz`,
      `${root}/dists/stable/%00`,
      `${root}/dists/${'x/'.repeat(5000)}`,
      `${root}/snapshot/r-1/dists/stable/InRelease`,
      `${root}/snapshot/r99999999999999999999/dists/stable/InRelease`,
      `${root}/snapshot/20260230T000000Z/dists/stable/InRelease`,
      `${root}/dists/stable/main/by-hash/SHA256/${'0'.repeat(64)}`,
      `/apt/..%2f..%2fetc/main/x`,
      `/api/v1/workspaces/local/main/suites/%2e%2e%2f/packages?limit=1e9`,
      `/api/v1/workspaces/local/main/suites/stable/packages?at=${'r'.repeat(5000)}`,
    ]) {
      const answer = await raw(server, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      assert.match(answer, /^HTTP\/1\.1 4\d\d /, path.slice(0, 100))
      assert.doesNotMatch(answer, /root:/)
    }
    const inRelease = `${root}/dists/stable/InRelease`
    for (const [header, status] of [
      ['Range: bytes=99999999-', 416],
      ['Range: bytes=abc', 200],
      [`Range: bytes=${'0-0,'.repeat(1000)}1-1`, 200],
      ['Range: bytes=5-2', 200],
      ['If-Modified-Since: nonsense', 200],
      [`If-None-Match: ${'"x",'.repeat(2000)}"y"`, 200],
      [`X-Large: ${'x'.repeat(100_000)}`, 431],
      ['Content-Length: 5\r\nContent-Length: 6', 400],
      ['Content-Length: 5\r\nTransfer-Encoding: chunked', 400],
      ['Authorization: Bearer \u00ff', 401],
      [`Authorization: Bearer ash_${'x'.repeat(5000)}`, 401],
      ['Authorization: Basic !!!', 401],
    ] as const) {
      const answer = await raw(server, `GET ${inRelease} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${header}\r\n\r\n`)
      assert.equal(answer.slice(0, 12), `HTTP/1.1 ${status}`, header.slice(0, 60))
    }
    assert.match(await raw(server, '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'), /^HTTP\/1\.1 400 /)
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200)
  })
})

function json(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

async function expect4xx(answer: Response, what: string): Promise<void> {
  const text = await answer.text()
  assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${text.slice(0, 300)}`)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
  const problem = JSON.parse(text) as { code: string; detail: string }
  assert.ok(problem.detail.length > 0 && problem.detail.length < 20_000)
}

/** What a server says to bytes that no HTTP library would send, until it ends the connection. */
async function raw(server: Server, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  // A server that refuses early may reset the connection while more comes.
  socket.on('error', () => {})
  socket.on('close', () => resolve(text))
  socket.write(Buffer.from(bytes, 'latin1'))
  return promise
}
