/** How apt fetches: with a password, many packages on one connection, odd names, and again what broke off. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { createServer, connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve } from '../support/serve.ts'
import { tamperingProxy } from '../support/tampering-proxy.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish, sendArtifact } from '../support/upload.ts'

const options = { skip: (await aptMissing()) ?? false }

test('a private workspace is for those with a token in auth.conf, and for nobody else', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.client.createWorkspace('local', { name: 'secret', public: false })
  const words = ['--workspace', 'local/secret']
  const deb = makeDeb({ name: 'hidden', version: '1.0' })
  await writeFile(`${home.path}/hidden_1.0_all.deb`, deb)
  assert.equal((await server.ashlar('suite', 'create', 'stable', ...words)).code, 0)
  assert.equal(
    (await server.ashlar('upload', ...words, '--suite', 'stable', `${home.path}/hidden_1.0_all.deb`)).code,
    0,
  )
  const sources = (await server.ashlar('suite', 'sources', 'stable', ...words)).stdout

  await using stranger = await aptRoot()
  await stranger.source(sources)
  const refused = await stranger.update()
  assert.equal(refused.code, 100, refused.output)
  assert.match(refused.output, /401 +Unauthorized/)
  // A workspace that does not exist looks the same.
  await stranger.source(sources.replace('local/secret', 'local/nothing'))
  assert.match((await stranger.update()).output, /401 +Unauthorized/)

  await using guest = await aptRoot()
  await guest.source(sources)
  await guest.authenticate(`machine ${server.url} login anyone password ${server.token}\n`)
  const { code, output } = await guest.update()
  assert.equal(code, 0, output)
  assert.deepEqual((await guest.download('download', 'hidden')).get('hidden_1.0_all.deb'), deb)
  await guest.authenticate(`machine ${server.url} login anyone password ash_wrong\n`)
  assert.match((await guest.update()).output, /401 +Unauthorized/)
})

test('names with plus, tilde and epoch are fetched', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  const deb = makeDeb({ name: 'libodd++', version: '1:2.0~rc1+dfsg-1', section: 'libs' })
  const { id } = await sendArtifact(server, 'debian:binary-package', { 'odd.deb': deb })
  await server.workspace.addPackages('stable', { artifacts: [id] })
  await using apt = await aptRoot()
  await apt.source(await server.workspace.sources('stable'))
  assert.equal((await apt.update()).code, 0)
  const { stdout } = await apt.get('download', '--print-uris', 'libodd++')
  assert.match(
    stdout,
    /pool\/main\/libo\/libodd(\+\+|%2b%2b)\/libodd(\+\+|%2b%2b)_2\.0(~|%7e)rc1(\+|%2b)dfsg-1_all\.deb/,
  )
  assert.deepEqual([...(await apt.download('download', 'libodd++')).values()], [deb])
})

test('thirty packages come over one connection, asked for in a row', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  const names = Array.from({ length: 30 }, (_, i) => `part${i}`)
  const debs = names.map((name, i) =>
    makeDeb({ name, version: '1.0', files: { [`usr/share/${name}`]: randomBytes(1000 * (i + 1)) } }),
  )
  const artifacts = await Promise.all(
    debs.map(async (deb, i) => {
      const made = await sendArtifact(server, 'debian:binary-package', { [`${names[i]}_1.0_all.deb`]: deb })
      return made.id
    }),
  )
  await server.workspace.addPackages('stable', { artifacts })
  await using wire = await countingWire(Number(new URL(server.url).port))
  await using apt = await aptRoot()
  await apt.source((await server.workspace.sources('stable')).replace(server.url, wire.url))
  assert.equal((await apt.update()).code, 0)
  const before = wire.connections()
  const got = await apt.download('download', ...names)
  assert.deepEqual(
    names.map((name) => got.get(`${name}_1.0_all.deb`)?.equals(debs[names.indexOf(name)] ?? Buffer.alloc(0))),
    names.map(() => true),
  )
  assert.equal(wire.connections() - before, 1)
  assert.ok(wire.mostRequestsInOneWrite() > 1, 'apt waits for no answer before it asks again')
})

/** Hands bytes on, and counts. */
async function countingWire(port: number) {
  let connections = 0
  let most = 0
  const server = createServer((socket) => {
    connections += 1
    const upstream = connect(port, '127.0.0.1')
    socket.on('data', (data) => {
      most = Math.max(most, data.toString('latin1').split('GET ').length - 1)
    })
    socket.pipe(upstream).pipe(socket)
    const end = (): void => {
      socket.destroy()
      upstream.destroy()
    }
    socket.on('error', end).on('close', end)
    upstream.on('error', end).on('close', end)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    mostRequestsInOneWrite: () => most,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a package that broke off is continued where it stopped', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  const deb = makeDeb({ name: 'large', version: '1.0', files: { 'usr/share/large': randomBytes(3_000_000) } })
  await publish(server, 'stable', { 'large_1.0_all.deb': deb })
  let cuts = 1
  await using proxy = await tamperingProxy(server.url, ({ path, bytes }) => {
    if (!path.endsWith('.deb') || cuts === 0) return undefined
    cuts -= 1
    return { cut: bytes.length >> 1 }
  })
  await using apt = await aptRoot()
  await apt.source((await server.workspace.sources('stable')).replace(server.url, proxy.url))
  assert.equal((await apt.update()).code, 0)
  const cut = await apt.get('install', '--download-only', 'large')
  assert.equal(cut.code, 100, cut.output)
  const { code, output } = await apt.get('install', '--download-only', 'large')
  assert.equal(code, 0, output)
  const last = proxy.passed.at(-1)
  assert.match(last?.requestHeaders.range ?? '', /^bytes=[1-9]\d*-$/)
  assert.equal(last?.status, 206)
  assert.ok(last.bytes.length < deb.length)
})
