/** What clients see of a purged file, and who may purge. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { makeDeb } from '../../test/support/make-deb.ts'
import { type Answer, type OpenServer, openServer } from '../../test/support/open-server.ts'
import { openAccess } from '../access/access.ts'

const deb = makeDeb({ name: 'hello', version: '1.0', architecture: 'amd64' })
const digest = createHash('sha256').update(deb).digest('hex')
const main = '/workspaces/local/main'
const pool = '/apt/local/main/pool/main/h/hello/hello_1.0_amd64.deb'

async function create({ call }: OpenServer, files: Readonly<Record<string, Buffer>>, root = main): Promise<Answer> {
  const listed = Object.entries(files).map(([path, bytes]) => ({
    path,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }))
  const category = Object.keys(files).some((path) => path.endsWith('.deb')) ? 'debian:binary-package' : 'generic'
  return await call('POST', `${root}/artifacts`, { json: { artifacts: [{ category, files: listed }] } })
}

/** A suite with the package, a generic artifact with the same bytes and others, and the same package not in a suite. */
async function published(t: TestContext): Promise<OpenServer> {
  const server = await openServer(t)
  const { call } = server
  await call('POST', `${main}/suites`, { json: { name: 'stable', architectures: ['amd64'] } })
  await call('POST', `${main}/suites`, { json: { name: 'testing', architectures: ['amd64'] } })
  await create(server, { 'hello.deb': deb })
  await call('PUT', `${main}/artifacts/1/files/hello.deb`, { body: deb })
  const added = await call('POST', `${main}/suites/stable/packages`, { json: { artifacts: [1] } })
  assert.equal(added.status, 200)
  await create(server, { copy: deb, other: Buffer.from('other') })
  await call('PUT', `${main}/artifacts/2/files/other`, { body: Buffer.from('other') })
  return server
}

const purge = ({ call }: OpenServer, reason = 'leaked key'): Promise<Answer> =>
  call('DELETE', `/files/${digest}`, { json: { reason } })

function assertGone(answer: { status: number; headers: Headers }, where: string): void {
  assert.equal(answer.status, 410, where)
  assert.equal(answer.headers.get('cache-control'), 'no-store', where)
}

test('whoever asks for a purged file is told that it is gone, also one who has it already', async (t) => {
  const server = await published(t)
  const file = `${server.url}/api/v1${main}/artifacts/1/files/hello.deb`
  const before = await fetch(server.url + pool)
  assert.equal(before.status, 200)
  await before.arrayBuffer()
  const etag = before.headers.get('etag') ?? ''
  const { status, body } = await purge(server)
  assert.equal(status, 200)
  assert.deepEqual(body.copies, [{ store: 'local', outcome: 'deleted' }])
  assert.equal(body.artifacts, 2)
  assert.deepEqual(body.listedIn, [
    {
      workspace: 'local/main',
      suite: 'stable',
      package: 'hello',
      version: '1.0',
      architecture: 'amd64',
      component: 'main',
    },
  ])
  const address = { pool: server.url + pool, file, snapshot: server.url + pool.replace('/pool', '/snapshot/r3/pool') }
  for (const [name, url] of Object.entries(address)) {
    for (const method of ['GET', 'HEAD']) {
      for (const headers of [{}, { 'if-none-match': etag }, { range: 'bytes=5-' }, { range: 'bytes=999999-' }]) {
        const answer = await fetch(url, { method, headers })
        assertGone(answer, `${method} ${name} ${JSON.stringify(headers)}`)
        const text = await answer.text()
        if (method === 'GET') assert.match(text, /removed on purpose/)
      }
    }
  }
  const tar = await server.call('GET', `${main}/artifacts/2.tar`)
  assertGone(tar, 'tar')
  assert.match(tar.body.detail, /copy .*was removed on purpose/)
  assert.equal((await server.call('GET', `${main}/artifacts/2/files/other`)).status, 200)
  assert.equal((await server.call('GET', `${main}/artifacts/1`)).body.files[0].gone, 'purged')
})

test('no workspace takes it again: not announced, not sent, not proven by its digest', async (t) => {
  const server = await published(t)
  await server.call('POST', '/scopes/local/workspaces', { json: { name: 'other' } })
  const begun = await create(server, { 'hello.deb': deb }, '/workspaces/local/other')
  await purge(server)
  for (const root of [main, '/workspaces/local/other']) {
    const answer = await create(server, { a: Buffer.from('fine'), again: deb }, root)
    assertGone(answer, root)
    assert.match(answer.body.detail, new RegExp(`artifacts\\[0\\]: the file again .*${digest}.* purged`))
  }
  const id = begun.body.artifacts[0].id as number
  const path = `/workspaces/local/other/artifacts/${id}/files/hello.deb`
  assertGone(await server.call('PUT', path, { body: deb }), 'PUT')
})

test('no suite takes a package of it, neither anew nor from another suite', async (t) => {
  const server = await published(t)
  const { call } = server
  await purge(server)
  assertGone(await call('POST', `${main}/suites/testing/packages`, { json: { artifacts: [1] } }), 'add')
  assertGone(await call('POST', `${main}/suites/testing/copy`, { json: { from: 'stable' } }), 'copy')
  assert.equal((await call('GET', `${main}/suites/stable/packages`)).body.packages.length, 1)
  const removed = await call('POST', `${main}/suites/stable/remove`, { json: { packages: [{ name: 'hello' }] } })
  assert.equal(removed.status, 200)
  assert.equal((await call('POST', `${main}/suites/testing/copy`, { json: { from: 'stable' } })).status, 200)
})

test('a purge takes an admin, a digest and a reason', async (t) => {
  const server = await published(t)
  const access = openAccess(server.rooms.database)
  const admin = await access.callerOf(server.token)
  await access.createUser(admin, 'olga')
  await access.grant(admin, { user: 'olga', role: 'owner', scope: 'local' })
  const { token } = await access.issueToken('olga', { name: 'test' })
  const json = { reason: 'leaked key' }
  assert.equal((await server.call('DELETE', `/files/${digest}`, { json, token })).status, 403)
  assert.equal((await server.call('DELETE', `/files/${digest}`, { json, token: undefined })).status, 401)
  for (const reason of ['', '  ']) {
    assert.equal((await purge(server, reason)).body.code, 'request-invalid')
  }
  assert.equal((await server.call('DELETE', `/files/${digest}`)).body.code, 'request-invalid')
  assert.equal((await server.call('DELETE', '/files/abc', { json })).body.code, 'request-invalid')
  assert.equal((await fetch(server.url + pool)).status, 200)
})

test('the text of indexes is not purged: what to do instead is said', async (t) => {
  const server = await published(t)
  const pack = await server.rooms.database.read
    .selectFrom('chunk')
    .innerJoin('file', 'file.id', 'chunk.pack_file_id')
    .select('file.sha256')
    .executeTakeFirstOrThrow()
  const answer = await server.call('DELETE', `/files/${pack.sha256}`, { json: { reason: 'a name in it' } })
  assert.equal(answer.status, 409)
  assert.match(answer.body.detail, /indexes of local\/main.*let the revisions that list them expire/)
})
