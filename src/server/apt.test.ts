import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { makeDeb } from '../../test/support/make-deb.ts'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'

const gpp = makeDeb({ name: 'g++', version: '1.0~rc1', architecture: 'amd64' })

async function publish(
  { call }: OpenServer,
  workspace: string,
  suite: string,
  deb: Buffer,
  path: string,
): Promise<void> {
  const root = `/workspaces/${workspace}`
  const sha256 = createHash('sha256').update(deb).digest('hex')
  const artifact = { category: 'debian:binary-package', files: [{ path, size: deb.length, sha256 }] }
  const { body: created } = await call('POST', `${root}/artifacts`, { json: { artifacts: [artifact] } })
  const [{ id }] = created.artifacts
  await call('PUT', `${root}/artifacts/${id}/files/${encodeURIComponent(path)}`, { body: deb })
  const added = await call('POST', `${root}/suites/${suite}/packages`, { json: { artifacts: [id] } })
  assert.equal(added.status, 200, JSON.stringify(added.body))
}

/** A public suite `stable` with one package, and the same in the private workspace `secret`. */
async function openRepository(
  t: TestContext,
): Promise<OpenServer & { readonly root: string; readonly secret: string }> {
  const server = await openServer(t)
  await server.call('POST', '/scopes/local/workspaces', { json: { name: 'secret' } })
  for (const workspace of ['local/main', 'local/secret']) {
    await server.call('POST', `/workspaces/${workspace}/suites`, { json: { name: 'stable', architectures: ['amd64'] } })
    await publish(server, workspace, 'stable', gpp, 'gpp.deb')
  }
  return { ...server, root: `${server.url}/apt/local/main`, secret: `${server.url}/apt/local/secret` }
}

test('an override is one word: nothing else can be written into a signed index with it', async (t) => {
  const { call, root } = await openRepository(t)
  const add = (override: object) =>
    call('POST', '/workspaces/local/main/suites/stable/packages', { json: { artifacts: [1], ...override } })
  for (const text of ['net\nFilename: pool/evil', 'net\n\nPackage: evil', 'net\r', 'a b', '', '/net', '../net']) {
    const refused = await add({ section: text })
    assert.equal(refused.body.field, '/section', JSON.stringify(text))
    assert.equal((await add({ priority: text })).body.field, '/priority', JSON.stringify(text))
  }
  assert.equal((await add({ section: 'contrib/net', priority: 'optional' })).status, 200)
  const packages = await (await fetch(`${root}/dists/stable/main/binary-amd64/Packages`)).text()
  assert.match(packages, /^Section: contrib\/net$/m)
  assert.match(packages, /^Priority: optional$/m)
})

test('what InRelease lists is there: by hash for ever, by name to be asked for again', async (t) => {
  const { root } = await openRepository(t)
  const release = await fetch(`${root}/dists/stable/InRelease`, { headers: { accept: 'text/*' } })
  assert.equal(release.status, 200)
  assert.equal(release.headers.get('cache-control'), 'public, no-cache')
  const listed = [...(await release.text()).matchAll(/^ ([0-9a-f]{64}) +(\d+) (\S+)$/gm)]
  assert.ok(listed.some((entry) => entry[3] === 'main/binary-amd64/Packages.xz'))
  for (const [, digest, size, path = ''] of listed) {
    const directory = path.includes('/') ? `${path.slice(0, path.lastIndexOf('/'))}/` : ''
    const answer = await fetch(`${root}/dists/stable/${directory}by-hash/SHA256/${digest}`)
    const bytes = Buffer.from(await answer.arrayBuffer())
    assert.equal(answer.status, 200, path)
    assert.equal(String(bytes.length), size)
    assert.equal(createHash('sha256').update(bytes).digest('hex'), digest)
    assert.equal(answer.headers.get('etag'), `"${digest}"`)
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(answer.headers.get('content-encoding'), null)
    if (bytes.length < 2) continue
    const rest = await fetch(answer.url, { headers: { range: 'bytes=1-', 'if-range': `"${digest}"` } })
    assert.equal(rest.status, 206)
    assert.deepEqual(Buffer.from(await rest.arrayBuffer()), bytes.subarray(1))
  }
  const plain = await fetch(`${root}/dists/stable/main/binary-amd64/Packages.gz`)
  assert.equal(plain.headers.get('cache-control'), 'public, no-cache')
  assert.match(gunzipSync(Buffer.from(await plain.arrayBuffer())).toString(), /^Package: g\+\+$/m)
})

test('a package is found under the path as apt encodes it, and as it is', async (t) => {
  const { root } = await openRepository(t)
  for (const name of ['g%2b%2b_1.0%7erc1_amd64.deb', 'g++_1.0~rc1_amd64.deb', 'g%2B%2B_1.0%7Erc1_amd64.deb']) {
    const answer = await fetch(`${root}/pool/main/g/g++/${name}`)
    assert.equal(answer.status, 200, name)
    assert.equal(answer.headers.get('content-type'), 'application/vnd.debian.binary-package')
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), gpp)
  }
  assert.equal((await fetch(`${root}/pool/main/g/g++/g%252b%252b_1.0~rc1_amd64.deb`)).status, 404)
})

test('an interrupted download goes on by the date that apt sends, and only if it is the same', async (t) => {
  const { root } = await openRepository(t)
  const url = `${root}/pool/main/g/g++/g++_1.0~rc1_amd64.deb`
  const date = (await fetch(url)).headers.get('last-modified') ?? ''
  const same = await fetch(url, { headers: { range: 'bytes=100-', 'if-range': date } })
  assert.equal(same.status, 206)
  assert.deepEqual(Buffer.from(await same.arrayBuffer()), gpp.subarray(100))
  const older = await fetch(url, { headers: { range: 'bytes=100-', 'if-range': 'Mon, 01 Jan 2024 00:00:00 GMT' } })
  assert.equal(older.status, 200)
})

test('two revisions in one second are told apart whatever dates the client has', async (t) => {
  const server = await openRepository(t)
  const url = `${server.root}/dists/stable/InRelease`
  for (let version = 1; ; version += 1) {
    const before = await fetch(url)
    const old = await before.text()
    const deb = makeDeb({ name: 'again', version: String(version) })
    await publish(server, 'local/main', 'stable', deb, 'again.deb')
    const date = before.headers.get('last-modified') ?? ''
    const conditional = await fetch(url, { headers: { 'if-modified-since': date } })
    const resumed = await fetch(url, { headers: { range: 'bytes=10-', 'if-range': date } })
    assert.equal(conditional.status, 200)
    assert.equal(resumed.status, 200)
    assert.notEqual(await conditional.text(), old)
    await resumed.body?.cancel()
    // Until it has happened within one second; on a slow machine that takes a few tries.
    if (conditional.headers.get('last-modified') === date) break
  }
})

test('ten pipelined requests are answered in order', async (t) => {
  const { root, port } = await openRepository(t)
  const { pathname } = new URL(root)
  const paths = [
    'dists/stable/InRelease',
    'pool/main/g/g%2b%2b/g%2b%2b_1.0%7erc1_amd64.deb',
    'pool/none',
    'archive-key.asc',
  ]
  const wanted = Array.from({ length: 10 }, (_, index) => paths[(index * 3) % paths.length] ?? '')
  const sizes = new Map<string, string>()
  for (const path of paths) {
    const whole = await (await fetch(`${root}/${path}`)).arrayBuffer()
    sizes.set(path, String(whole.byteLength))
  }
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(
    wanted
      .map(
        (path, index) =>
          `GET ${pathname}/${path} HTTP/1.1\r\nHost: a\r\n${index === 9 ? 'Connection: close\r\n' : ''}\r\n`,
      )
      .join(''),
  )
  const lengths = [...(await text(socket)).matchAll(/^content-length: (\d+)\r$/gim)].map((match) => match[1])
  // The size of a problem document varies with the request's id.
  const expected = wanted.map((path) => sizes.get(path))
  assert.equal(lengths.length, 10)
  for (const [index, length] of lengths.entries()) {
    if (wanted[index] !== 'pool/none') assert.equal(length, expected[index], `answer ${index}`)
  }
})

test('a private repository asks for a token, takes it as apt sends it, and stays out of shared caches', async (t) => {
  const { secret, token } = await openRepository(t)
  const paths = ['dists/stable/InRelease', 'pool/main/g/g++/g++_1.0~rc1_amd64.deb', 'archive-key.asc', '']
  const authorization = `Basic ${Buffer.from(`apt:${token}`).toString('base64')}`
  for (const path of paths) {
    const refused = await fetch(`${secret}/${path}`)
    assert.equal(refused.status, 401)
    assert.equal(refused.headers.get('cache-control'), 'no-store')
    const answer = await fetch(`${secret}/${path}`, { headers: { authorization } })
    assert.equal(answer.status, 200, path)
    assert.match(answer.headers.get('cache-control') ?? '', /^private, /)
    await answer.body?.cancel()
  }
})

test('a digest of one workspace is nothing in another', async (t) => {
  const server = await openRepository(t)
  await publish(server, 'local/secret', 'stable', makeDeb({ name: 'hidden', version: '1' }), 'hidden.deb')
  const headers = { authorization: `Bearer ${server.token}` }
  const release = await (await fetch(`${server.secret}/dists/stable/InRelease`, { headers })).text()
  const digest = /^ ([0-9a-f]{64}) +\d+ main\/binary-amd64\/Packages$/m.exec(release)?.[1]
  const path = `dists/stable/main/binary-amd64/by-hash/SHA256/${digest}`
  assert.equal((await fetch(`${server.secret}/${path}`, { headers })).status, 200)
  assert.equal((await fetch(`${server.root}/${path}`)).status, 404)
  assert.equal((await fetch(`${server.root}/pool/main/h/hidden/hidden_1_all.deb`)).status, 404)
})

test('a moment leads to its revision by an absolute path', async (t) => {
  const { root, call } = await openRepository(t)
  const { body } = await call('GET', '/workspaces/local/main/suites/stable')
  const sealed = body.sealedAt.replace(/\.\d+Z$/, 'Z').replaceAll(/[-:]/g, '')
  for (;;) {
    const answer = await fetch(`${root}/snapshot/${sealed}/dists/stable/InRelease`, { redirect: 'manual' })
    // Its second is not past yet.
    if (answer.status === 404) continue
    assert.equal(answer.status, 302)
    const path = `/apt/local/main/snapshot/r${body.revision}/dists/stable/InRelease`
    assert.equal(answer.headers.get('location'), path)
    break
  }
})

test('there are no directory listings, and no way out of the repository', async (t) => {
  const { root, port } = await openRepository(t)
  for (const path of ['dists/', 'dists/stable/', 'pool/', 'pool', 'dists/stable/main']) {
    assert.equal((await fetch(`${root}/${path}`)).status, 404, path)
  }
  for (const path of [
    '../../../etc/passwd',
    'pool/../dists/stable/InRelease',
    'pool/%2e%2e/archive-key.asc',
    'pool%2fmain',
  ]) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`GET /apt/local/main/${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    assert.match(await text(socket), /^HTTP\/1\.1 404 /, path)
  }
})
