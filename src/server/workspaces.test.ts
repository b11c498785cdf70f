import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'
import { expireRevisions, planRevisionExpiry } from '../archive/retention.ts'

const main = '/scopes/local/workspaces/main'
const day = 86_400

test('a workspace keeps everything for ever until its owner says otherwise', async (t) => {
  const { call } = await openServer(t)
  const forEver = { expireAfterSeconds: null, keepRevisionsSeconds: null, keepHistorySeconds: null }
  const before = await call('GET', main, { token: undefined })
  assert.deepEqual(before.body, { scope: 'local', name: 'main', public: true, ...forEver })
  const first = await call('PATCH', main, { json: { expireAfterSeconds: 30 * day, keepHistorySeconds: 0 } })
  assert.deepEqual([first.status, first.body.expireAfterSeconds, first.body.keepHistorySeconds], [200, 30 * day, 0])
  await call('PATCH', main, { json: { keepRevisionsSeconds: 90 * day, expireAfterSeconds: null } })
  const { body } = await call('GET', main)
  assert.deepEqual(body, { ...before.body, keepRevisionsSeconds: 90 * day, keepHistorySeconds: 0 })
})

test('what is no time is refused', async (t) => {
  const { call } = await openServer(t)
  for (const json of [
    { expireAfterSeconds: 0 },
    { expireAfterSeconds: -1 },
    { keepRevisionsSeconds: 1.5 },
    { keepHistorySeconds: '1' },
    { keepHistorySeconds: 1e12 },
    { public: null },
    { colour: 1 },
  ]) {
    const { status, body } = await call('PATCH', main, { json })
    assert.deepEqual([status, body.code], [400, 'request-invalid'], JSON.stringify(json))
  }
  assert.equal((await call('GET', main)).body.expireAfterSeconds, null)
})

test('a workspace that becomes private is so at once', async (t) => {
  const { call, url } = await openServer(t)
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable' } })
  const release = `${url}/apt/local/main/dists/stable/InRelease`
  assert.equal((await fetch(release)).status, 200)
  await call('PATCH', main, { json: { public: false } })
  assert.equal((await fetch(release)).status, 401)
  await call('PATCH', main, { json: { public: true } })
  assert.equal((await fetch(release)).status, 200)
})

/** Three revisions of which the first two have expired. */
async function withExpired({ call, rooms }: OpenServer): Promise<void> {
  const { database } = rooms
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable' } })
  for (const label of ['One', 'Two']) {
    await call('PATCH', '/workspaces/local/main/suites/stable', { json: { label } })
  }
  await call('PATCH', main, { json: { keepRevisionsSeconds: 0 } })
  await database.write((trx) =>
    trx
      .updateTable('revision')
      .set((eb) => ({ sealed_at: eb('sealed_at', '-', 4 * day * 1_000_000) }))
      .execute(),
  )
  for await (const { archiveId, to } of planRevisionExpiry(database.read, await database.now())) {
    await expireRevisions(database, archiveId, to)
  }
}

test('an expired snapshot is a 410 that names the oldest that is still there', async (t) => {
  const server = await openServer(t)
  await withExpired(server)
  for (const path of ['dists/stable/InRelease', 'pool/main/h/hello/hello_1_all.deb', 'anything']) {
    const answer = await fetch(`${server.url}/apt/local/main/snapshot/r2/${path}`)
    assert.deepEqual([answer.status, answer.headers.get('cache-control')], [410, 'no-store'])
    const problem = (await answer.json()) as Record<string, unknown>
    assert.deepEqual([problem['code'], problem['oldest']], ['gone', 'r3'])
    assert.match(String(problem['detail']), /r2 has expired; the oldest that is kept is r3/)
  }
  assert.equal((await fetch(`${server.url}/apt/local/main/snapshot/r3/dists/stable/InRelease`)).status, 200)
})

test('history says which revisions have expired, and has no address for them', async (t) => {
  const server = await openServer(t)
  await withExpired(server)
  const { body } = await server.call('GET', '/workspaces/local/main/suites/stable/history')
  assert.deepEqual(
    body.history.map((entry: { revision: number; state: string; snapshot?: string }) => [
      entry.revision,
      entry.state,
      entry.snapshot !== undefined,
    ]),
    [
      [3, 'sealed', true],
      [2, 'expired', false],
      [1, 'expired', false],
    ],
  )
})

test('the page of a repository lists the states that are still there', async (t) => {
  const server = await openServer(t)
  await withExpired(server)
  const shown = async (): Promise<string> => (await fetch(`${server.url}/apt/local/main/`)).text()
  const page = await shown()
  assert.match(page, />r3<\/a>/)
  assert.doesNotMatch(page, />r[12]<\/a>/)
  // Another suite moves on; the state of the quiet one is that of the newest revision.
  await server.call('POST', '/workspaces/local/main/suites', { json: { name: 'unstable' } })
  const { database } = server.rooms
  const [plan] = await Array.fromAsync(
    planRevisionExpiry(database.read, await database.now(), { minimumAgeSeconds: 0 }),
  )
  await expireRevisions(database, plan?.archiveId ?? 0, 3, { minimumAgeSeconds: 0 })
  assert.match(await shown(), /apt update -S r4/)
})
