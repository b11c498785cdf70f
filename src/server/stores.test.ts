import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { openAccess } from '../access/access.ts'
import { takeFigures } from '../storage/figures.ts'

const secret = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'do-not-tell' }

test('a store is made, shown, changed and deleted', async (t) => {
  const { call } = await openServer(t)
  await using home = await temporaryDirectory()
  const directory = join(home.path, 'disk')
  const made = await call('POST', '/stores', {
    json: { name: 'big', local: { directory }, hardMaxBytes: 1000, policy: { uploadPriority: 200 } },
  })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const { createdAt: _at, ...document } = made.body
  assert.deepEqual(document, {
    name: 'big',
    kind: 'local',
    local: { directory },
    ownCredentials: false,
    scope: null,
    softMaxBytes: null,
    hardMaxBytes: 1000,
    holdsUploads: false,
    unreachable: null,
    policies: [
      {
        scope: null,
        uploadPriority: 200,
        downloadPriority: null,
        populate: false,
        drain: false,
        drainTo: null,
        readOnly: false,
        writeOnly: false,
        softMaxBytes: null,
      },
    ],
    files: 0,
    bytes: 0,
    figures: null,
    growth: { day: null, week: null },
    damaged: { files: 0, bytes: 0 },
    condemned: { files: 0, bytes: 0 },
    lastVacuum: null,
    lastScrub: null,
    scopes: [],
  })
  const changed = await call('PATCH', '/stores/big', { json: { softMaxBytes: 500, hardMaxBytes: null } })
  assert.deepEqual([changed.status, changed.body.softMaxBytes, changed.body.hardMaxBytes], [200, 500, null])
  const { body } = await call('GET', '/stores')
  assert.deepEqual(
    body.stores.map(({ name }: { name: string }) => name),
    ['local', 'big'],
  )
  assert.equal((await call('DELETE', '/stores/big')).status, 204)
  assert.equal((await call('GET', '/stores/big')).status, 404)
})

test('a policy is replaced as a whole, for one scope or for all, also for a scope named all', async (t) => {
  const { call } = await openServer(t)
  await call('POST', '/scopes', { json: { name: 'all' } })
  await using home = await temporaryDirectory()
  await call('POST', '/stores', { json: { name: 'big', local: { directory: join(home.path, 'disk') } } })
  for (const scope of ['*', '%2A', 'all']) {
    const put = await call('PUT', `/stores/big/policies/${scope}`, { json: { uploadPriority: 5, softMaxBytes: 9 } })
    assert.deepEqual([put.status, put.body.scope], [200, scope === 'all' ? 'all' : null])
  }
  const put = await call('PUT', '/stores/big/policies/*', { json: { populate: true } })
  assert.deepEqual([put.body.uploadPriority, put.body.softMaxBytes, put.body.populate], [null, null, true])
  assert.equal((await call('GET', '/stores/big/policies/all')).body.uploadPriority, 5)
  assert.equal((await call('DELETE', '/stores/big/policies/all')).status, 204)
  assert.equal((await call('GET', '/stores/big/policies/all')).status, 404)
  assert.equal((await call('PUT', '/stores/big/policies/nowhere', { json: {} })).status, 404)
  assert.equal((await call('PUT', '/stores/nowhere/policies/*', { json: {} })).status, 404)
})

test('what cannot be is refused with the rule and what to do', async (t) => {
  const { call } = await openServer(t)
  const { status, body } = await call('PUT', '/stores/local/policies/*', { json: { drain: true } })
  assert.deepEqual([status, body.code, body.rule], [422, 'policy-impossible', 'drain-nowhere'])
  assert.match(body.detail, /^local cannot be drained: no other store takes the uploads of the scope local\./)
  const refusals: [unknown, number, string][] = [
    [{ name: 'x' }, 400, 'request-invalid'],
    [{ name: 'x', local: { directory: '/x' }, remote: { url: 'http://x/' } }, 400, 'request-invalid'],
    [{ name: 'x', local: { directory: '/x' }, secret }, 400, 'request-invalid'],
    [{ name: 'x', local: { directory: 'x' } }, 400, 'request-invalid'],
    [{ name: 'x', local: { directory: '/x' }, colour: 1 }, 400, 'request-invalid'],
    [{ name: 'x', local: { directory: '/proc/x' } }, 422, 'store-unusable'],
    [{ name: 'local', local: { directory: '/x' } }, 409, 'conflict'],
    [{ name: 'x', remote: { url: 'http://x/' }, holdsUploads: true }, 400, 'request-invalid'],
    [{ name: 'x', remote: { url: 'http://x/' }, policy: { uploadPriority: 1 } }, 422, 'policy-impossible'],
  ]
  for (const [json, expected, code] of refusals) {
    const answer = await call('POST', '/stores', { json })
    assert.deepEqual([answer.status, answer.body.code], [expected, code], JSON.stringify(answer.body))
  }
})

test('credentials go in, and never come out', async (t) => {
  const { call, rooms } = await openServer(t)
  const location = {
    bucket: 'ashlar',
    prefix: '',
    region: 'x',
    endpoint: 'http://127.0.0.1:1/',
    pathStyle: true,
    redirect: false,
  }
  await rooms.database.write((trx) =>
    trx
      .insertInto('file_store')
      .values({
        name: 'cloud',
        kind: 's3',
        location_json: JSON.stringify(location),
        secret_json: JSON.stringify(secret),
        next_generation: 0,
        used_files: 0,
        used_bytes: 0,
        holds_uploads: 0,
        created_at: 1,
      })
      .execute(),
  )
  const wish = { name: 'other', s3: location, secret }
  const answers = [
    await call('GET', '/stores'),
    await call('GET', '/stores/cloud'),
    await call('POST', '/stores', { json: wish }),
    await call('POST', '/stores', { json: { ...wish, secret: { ...secret, accessKeyId: 1 } } }),
    await call('POST', '/stores', { json: { ...wish, secret: { ...secret, secretAccessKey: 'do-not-tell é' } } }),
    await call('POST', '/stores', { json: { ...wish, secret: { ...secret, 'do-not-tell': 1 } }, token: 'ash_x' }),
    await call('PATCH', '/stores/cloud', { json: { secret: { ...secret, sessionToken: 'do-not-tell-either' } } }),
    await call('DELETE', '/stores/cloud'),
  ]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 422, 400, 400, 401, 422, 204],
  )
  for (const { body } of answers) assert.doesNotMatch(JSON.stringify(body), /do-not-tell|AKIAEXAMPLE/)
  assert.equal(answers[1]?.body.ownCredentials, true)
  assert.deepEqual(answers[1]?.body.s3, location)
  const metrics = await (await fetch(`${new URL(rooms.publicUrl()).origin}/metrics`)).text()
  assert.doesNotMatch(metrics, /do-not-tell|AKIAEXAMPLE/)
  const events = await rooms.database.read.selectFrom('event').selectAll().execute()
  assert.doesNotMatch(JSON.stringify(events), /do-not-tell|AKIAEXAMPLE/)
})

test('only administrators of the instance see or change stores', async (t) => {
  const server = await openServer(t)
  const access = openAccess(server.rooms.database)
  const admin = await access.callerOf(server.token)
  await access.createUser(admin, 'olga')
  await access.grant(admin, { user: 'olga', role: 'owner', scope: 'local' })
  const { token: owner } = await access.issueToken('olga', { name: 'test' })
  const calls: [string, string, unknown?][] = [
    ['GET', '/stores'],
    ['GET', '/stores/local'],
    ['POST', '/stores', { name: 'x' }],
    ['PATCH', '/stores/local', {}],
    ['DELETE', '/stores/local'],
    ['GET', '/stores/local/policies/*'],
    ['PUT', '/stores/local/policies/*', {}],
    ['DELETE', '/stores/local/policies/*'],
  ]
  for (const [method, path, json] of calls) {
    const statuses = []
    for (const token of [undefined, owner]) statuses.push((await server.call(method, path, { json, token })).status)
    assert.deepEqual(statuses, [401, 403], `${method} ${path}`)
  }
})

test('a store whose disk is not mounted is shown with the reason', async (t) => {
  const { call } = await openServer(t)
  await using home = await temporaryDirectory()
  const directory = join(home.path, 'disk')
  await call('POST', '/stores', { json: { name: 'big', local: { directory } } })
  await home[Symbol.asyncDispose]()
  await mkdir(directory, { recursive: true })
  const { body } = await call('PATCH', '/stores/big', { json: { softMaxBytes: 1 } })
  // The server that has it open goes on; one that opens it now would not find it.
  assert.equal(body.unreachable === null || /is not on this server/.test(body.unreachable), true)
})

test('metrics have the size, the limits and the state of each store, and what each scope has there', async (t) => {
  const server = await openServer(t)
  await server.call('PATCH', '/stores/local', { json: { softMaxBytes: 1_000_000 } })
  await upload(server)
  await takeFigures(server.rooms.database, await server.rooms.database.now())
  const text = await metricsFor(server, `Bearer ${server.token}`)
  const lines = text.split('\n').filter((line) => line.startsWith('ashlar_store_'))
  assert.ok(lines.includes('ashlar_store_files{store="local"} 1'), lines.join('\n'))
  assert.ok(lines.includes('ashlar_store_bytes{store="local"} 5'))
  assert.ok(lines.includes('ashlar_store_limit_bytes{store="local",kind="soft"} 1000000'))
  assert.ok(lines.includes('ashlar_store_scope_bytes{store="local",scope="local"} 5'))
  assert.ok(lines.includes('ashlar_store_scope_logical_bytes{store="local",scope="local"} 10'))
  assert.ok(lines.includes('ashlar_store_damaged_files{store="local"} 0'))
  assert.ok(lines.includes('ashlar_store_condemned_bytes{store="local"} 0'))
  const { body } = await server.call('GET', '/stores/local')
  assert.deepEqual(
    body.scopes.map(({ scope, bytes, savedBytes }: Record<string, unknown>) => [scope, bytes, savedBytes]),
    [['local', 5, 5]],
  )
  assert.equal(body.figures.logicalBytes, 10)
})

test('metrics of scopes are for those who manage the instance', async (t) => {
  const server = await openServer(t)
  await upload(server)
  await takeFigures(server.rooms.database, await server.rooms.database.now())
  const access = openAccess(server.rooms.database)
  const admin = await access.callerOf(server.token)
  await access.createUser(admin, 'olga')
  await access.grant(admin, { user: 'olga', role: 'owner', scope: 'local' })
  const { token } = await access.issueToken('olga', { name: 'test' })
  for (const authorization of [undefined, `Bearer ${token}`]) {
    const text = await metricsFor(server, authorization)
    assert.doesNotMatch(text, /ashlar_store_scope|scope="/)
    assert.match(text, /^ashlar_store_bytes\{store="local"\} 5$/m)
  }
  const basic = Buffer.from(`prometheus:${server.token}`).toString('base64')
  assert.match(
    await metricsFor(server, `Basic ${basic}`),
    /^ashlar_store_scope_bytes\{store="local",scope="local"\} 5$/m,
  )
  const wrong = await fetch(`${server.url}/metrics`, { headers: { authorization: 'Bearer ash_nobody' } })
  assert.equal(wrong.status, 401)
})

async function metricsFor({ url }: OpenServer, authorization: string | undefined): Promise<string> {
  const answer = await fetch(`${url}/metrics`, { headers: authorization === undefined ? {} : { authorization } })
  assert.equal(answer.status, 200)
  return await answer.text()
}

test('a store that has the only copy of a file cannot become one that nobody reads', async (t) => {
  const server = await openServer(t)
  const { call } = server
  await upload(server)
  await using home = await temporaryDirectory()
  const local = { directory: join(home.path, 'disk') }
  await call('POST', '/stores', { json: { name: 'big', local, policy: { uploadPriority: 200 } } })
  await call('POST', '/scopes', { json: { name: 'empty' } })
  const hidden = await call('PUT', '/stores/local/policies/*', { json: { writeOnly: true } })
  assert.deepEqual([hidden.status, hidden.body.rule], [422, 'write-only-home'])
  assert.match(hidden.body.detail, /^The scope local could not read what only local has, such as 2cf24dba/)
  // A scope that has nothing there may.
  assert.equal((await call('PUT', '/stores/local/policies/empty', { json: { writeOnly: true } })).status, 200)
  await copyAll(server)
  assert.equal((await call('PUT', '/stores/local/policies/*', { json: { writeOnly: true } })).status, 200)
})

/** Records that every file lies in the store `big` too. */
async function copyAll({ rooms: { database } }: OpenServer): Promise<void> {
  await database.write(async (trx) => {
    const { id } = await trx.selectFrom('file_store').select('id').where('name', '=', 'big').executeTakeFirstOrThrow()
    const copies = await trx.selectFrom('file_copy').selectAll().execute()
    const values = copies.map((copy) => Object.assign(copy, { store_id: id }))
    await trx.insertInto('file_copy').values(values).execute()
  })
}

/** One file in two artifacts. */
async function upload({ call }: OpenServer): Promise<void> {
  const { createHash } = await import('node:crypto')
  const bytes = Buffer.from('hello')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const files = [{ path: 'build.log', size: bytes.length, sha256 }]
  const artifact = {
    category: 'debian:package-build-log',
    data: { source: 'hello', version: '1.0', architecture: 'all' },
    files,
  }
  for (let index = 0; index < 2; index += 1) {
    const made = await call('POST', '/workspaces/local/main/artifacts', { json: { artifacts: [artifact] } })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    const [{ id, missing }] = made.body.artifacts
    if (missing.length === 0) continue
    const put = await call('PUT', `/workspaces/local/main/artifacts/${id}/files/build.log`, {
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    })
    assert.ok(put.status < 300, JSON.stringify(put.body))
  }
}
