/** Accounts, and people whom another program knew: who may make and attach them, and what moves. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it, test } from 'node:test'
import { sql } from 'kysely'
import { forEachDialect } from '../../test/support/databases.ts'
import { makeDeb } from '../../test/support/make-deb.ts'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'
import { isOriginName } from '../access/names.ts'
import { recordsOfUsers } from '../access/origins.ts'

const jane = 'jane@example.org~aptly'
const workspace = '/workspaces/local/main'
const forJane = { 'ashlar-recorded-for': jane }

/** An artifact of one file, made by `headers`, and that file in the suite stable. */
async function publish({ call }: OpenServer, name: string, headers: Record<string, string>): Promise<void> {
  const bytes = makeDeb({ name, version: '1.0' })
  const path = `${name}_1.0_all.deb`
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const json = { artifacts: [{ category: 'debian:binary-package', files: [{ path, size: bytes.length, sha256 }] }] }
  const { body } = await call('POST', `${workspace}/artifacts`, { json, headers })
  const { id } = body.artifacts[0]
  await call('PUT', `${workspace}/artifacts/${id}/files/${path}`, { body: bytes })
  const added = await call('POST', `${workspace}/suites/stable/packages`, { json: { artifacts: [id] }, headers })
  assert.equal(added.status, 200)
}

async function usersOf({ call }: OpenServer): Promise<(string | null)[]> {
  const { body } = await call('GET', `${workspace}/suites/stable/history`)
  return body.history.flatMap((entry: { changes: { user: string | null }[] }) => entry.changes.map(({ user }) => user))
}

async function creators({ rooms }: OpenServer): Promise<string[]> {
  const rows = await rooms.database.read
    .selectFrom('artifact')
    .innerJoin('user', 'user.id', 'artifact.created_by')
    .select('user.name')
    .orderBy('artifact.id')
    .execute()
  return rows.map(({ name }) => name)
}

test('what an admin records for somebody of another origin is theirs, and their account’s once they are attached', async (t) => {
  const server = await openServer(t)
  const { call } = server
  await call('POST', `${workspace}/suites`, { json: { name: 'stable' } })
  await publish(server, 'one', forJane)
  await publish(server, 'two', {})
  assert.deepEqual(await usersOf(server), ['admin', jane, 'admin'])
  assert.deepEqual(await creators(server), [jane, 'admin'])

  await call('POST', '/users', { json: { name: 'jane' } })
  const attached = await call('POST', `/users/${encodeURIComponent(jane)}/attach`, { json: { account: 'jane' } })
  assert.deepEqual([attached.status, attached.body], [200, { name: jane, account: 'jane', records: 2 }])
  assert.deepEqual(await usersOf(server), ['admin', 'jane', 'admin'])
  assert.deepEqual(await creators(server), ['jane', 'admin'])

  await publish(server, 'three', forJane)
  assert.deepEqual(await creators(server), ['jane', 'admin', 'jane'])
  const { body } = await call('GET', '/users')
  const names = body.users.map(({ name, attachedTo }: { name: string; attachedTo: string | null }) => [
    name,
    attachedTo,
  ])
  assert.deepEqual(names, [
    ['admin', null],
    ['jane', null],
    [jane, 'jane'],
  ])
})

test('who is attached stays attached', async (t) => {
  const { call } = await openServer(t)
  await call('POST', `${workspace}/suites`, { json: { name: 'stable' }, headers: forJane })
  for (const name of ['jane', 'other']) await call('POST', '/users', { json: { name } })
  const attach = async (name: string, account: string): Promise<[number, string]> => {
    const { status, body } = await call('POST', `/users/${encodeURIComponent(name)}/attach`, { json: { account } })
    return [status, body.code ?? body.records]
  }
  assert.deepEqual(await attach(jane, jane), [400, 'request-invalid'])
  assert.deepEqual(await attach('other', 'jane'), [400, 'request-invalid'])
  assert.deepEqual(await attach('nobody~aptly', 'jane'), [404, 'not-found'])
  assert.deepEqual(await attach(jane, 'nobody'), [404, 'not-found'])
  assert.deepEqual(await attach(jane, 'jane'), [200, 1])
  assert.deepEqual(await attach(jane, 'jane'), [200, 0])
  assert.deepEqual(await attach(jane, 'other'), [409, 'conflict'])
})

test('nobody can become, or act as, somebody of another origin', async (t) => {
  const { call, rooms } = await openServer(t)
  await call('POST', `${workspace}/suites`, { json: { name: 'stable' }, headers: forJane })
  const refused = async (answer: Promise<{ status: number }>): Promise<number> => (await answer).status
  assert.equal(await refused(call('POST', '/users', { json: { name: jane } })), 400)
  assert.equal(await refused(call('POST', '/users', { json: { name: 'jane~aptly' } })), 400)
  assert.equal(await refused(call('POST', '/tokens', { json: { name: 'x', user: jane } })), 400)
  const admin = await rooms.access.callerOf((await rooms.access.issueToken('admin', { name: 'x' })).token)
  await assert.rejects(rooms.access.grant(admin, { user: jane, role: 'admin' }), { code: 'request-invalid' })
})

test('only an admin says that something is of another', async (t) => {
  const { call, rooms } = await openServer(t)
  await call('POST', '/users', { json: { name: 'owner' } })
  const admin = await rooms.access.callerOf((await rooms.access.issueToken('admin', { name: 'x' })).token)
  await rooms.access.grant(admin, { user: 'owner', role: 'owner', scope: 'local' })
  const { token } = await rooms.access.issueToken('owner', { name: 'x' })
  const made = await call('POST', `${workspace}/suites`, { json: { name: 'stable' }, headers: forJane, token })
  assert.deepEqual([made.status, made.body.code], [403, 'forbidden'])
  const listed = await call('GET', '/users', { token })
  assert.equal(listed.status, 403)
  const { body } = await call('GET', '/users')
  assert.equal(
    body.users.some(({ name }: { name: string }) => name === jane),
    false,
  )
})

test('what is no name of another origin is refused', async (t) => {
  const { call } = await openServer(t)
  for (const name of ['admin', 'jane~', '~aptly', 'a~b~c', 'Jane~aptly', 'a b~aptly', `${'x'.repeat(121)}~aptly`]) {
    assert.equal(isOriginName(name), false, name)
    const headers = { 'ashlar-recorded-for': name }
    const { status } = await call('POST', `${workspace}/suites`, { json: { name: 'stable' }, headers })
    assert.equal(status, 400, name)
  }
})

forEachDialect((dialect, open) => {
  it('every record of who did something moves with them', async () => {
    const { db, drop } = await open()
    const keys =
      dialect === 'sqlite'
        ? sql<{ place: string }>`
            select m.name || '.' || f."from" as place from sqlite_master m, pragma_foreign_key_list(m.name) f
            where m.type = 'table' and f."table" = 'user' order by place`
        : sql<{ place: string }>`
            select k.table_name || '.' || k.column_name as place
            from information_schema.referential_constraints r
            join information_schema.key_column_usage k on k.constraint_name = r.constraint_name
            join information_schema.table_constraints u on u.constraint_name = r.unique_constraint_name
            where u.table_name = 'user' order by place`
    const { rows } = await keys.execute(db.read)
    const rights = ['grant.user_id', 'token.user_id', 'user.attached_to']
    const places = rows.map(({ place }) => place)
    assert.deepEqual(places, [...recordsOfUsers, ...rights].toSorted())
    await drop()
  })
})
