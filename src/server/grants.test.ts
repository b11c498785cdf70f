/** Roles over HTTP: what each lets its holder do, seen with real tokens, and how they are given and taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'

const digest = 'a'.repeat(64)
const artifact = {
  artifacts: [{ category: 'debian:binary-package', files: [{ path: 'a.deb', size: 1, sha256: digest }] }],
}
const apps = '/scopes/local/workspaces/apps'

/** Who has which role where: each with a token of their own, all made over HTTP. */
const people: [name: string, role: string | undefined, path: string][] = [
  ['stranger', undefined, ''],
  ['reader', 'reader', apps],
  ['contributor', 'contributor', apps],
  ['owner', 'owner', apps],
  ['scope-owner', 'owner', '/scopes/local'],
  ['everywhere', 'owner', ''],
  ['other', 'admin', ''],
]

type Deed = [what: string, method: string, path: string, json: unknown, statuses: string]

/** Each deed, with what is answered to: nobody, and then each of `people`. */
const deeds: Deed[] = [
  ['reads', 'GET', '/workspaces/local/apps/suites', undefined, '401 404 200 200 200 200 200 200'],
  ['sends files', 'POST', '/workspaces/local/apps/artifacts', artifact, '401 404 403 201 201 201 201 201'],
  [
    'publishes',
    'POST',
    '/workspaces/local/apps/suites/s/packages',
    { artifacts: [9] },
    '401 404 403 404 404 404 404 404',
  ],
  ['rolls back', 'POST', '/workspaces/local/apps/suites/s/rollback', { to: 'r1' }, '401 404 403 200 200 200 200 200'],
  ['sees what waits', 'GET', '/workspaces/local/apps/incoming', undefined, '401 404 403 200 200 200 200 200'],
  [
    'deletes an artifact',
    'DELETE',
    '/workspaces/local/apps/artifacts/99',
    undefined,
    '401 404 403 403 404 404 404 404',
  ],
  ['sets up a suite', 'PATCH', '/workspaces/local/apps/suites/s', {}, '401 404 403 403 200 200 200 200'],
  ['sets up the workspace', 'PATCH', apps, {}, '401 404 403 403 200 200 200 200'],
  ['lists its roles', 'GET', `${apps}/grants`, undefined, '401 404 403 403 200 200 200 200'],
  ['gives a role in it', 'PUT', `${apps}/grants/new`, { role: 'owner' }, '401 404 403 403 204 204 204 204'],
  ['takes a role in it', 'DELETE', `${apps}/grants/new`, undefined, '401 404 403 403 200 200 200 200'],
  ['lists roles of the scope', 'GET', '/scopes/local/grants', undefined, '401 404 404 404 404 200 200 200'],
  ['gives one in the scope', 'PUT', '/scopes/local/grants/new', { role: 'owner' }, '401 404 404 404 404 204 204 204'],
  ['takes one in the scope', 'DELETE', '/scopes/local/grants/new', undefined, '401 404 404 404 404 200 200 200'],
  ['lists all roles', 'GET', '/grants', undefined, '401 403 403 403 403 403 403 200'],
  ['gives one everywhere', 'PUT', '/grants/new', { role: 'reader' }, '401 403 403 403 403 403 403 204'],
  ['takes one everywhere', 'DELETE', '/grants/new', undefined, '401 403 403 403 403 403 403 200'],
  ['sees themselves', 'GET', '/user', undefined, '401 200 200 200 200 200 200 200'],
  ['sees another', 'GET', '/users/new', undefined, '401 403 403 403 403 403 403 200'],
  ['lists users', 'GET', '/users', undefined, '401 403 403 403 403 403 403 200'],
  ['makes stores', 'GET', '/stores', undefined, '401 403 403 403 403 403 403 200'],
]

test('each role lets its holder do what the table says, and no more', async (t) => {
  const server = await openServer(t)
  await server.call('POST', '/scopes/local/workspaces', { json: { name: 'apps' } })
  await server.call('POST', '/workspaces/local/apps/suites', { json: { name: 's' } })
  await server.call('POST', '/users', { json: { name: 'new' } })
  const tokens: (string | undefined)[] = [undefined]
  for (const [name, role, path] of people) tokens.push(await tokenOf(server, name, role, path))
  for (const [what, method, path, json, statuses] of deeds) {
    await t.test(what, async () => {
      const got = []
      for (const token of tokens) got.push((await server.call(method, path, { json, token })).status)
      assert.equal(got.join(' '), statuses)
    })
  }
})

test('a role is given, changed, listed and taken away', async (t) => {
  const { call } = await openServer(t)
  await call('POST', '/users', { json: { name: 'ci' } })
  const path = '/scopes/local/workspaces/main/grants'
  for (const role of ['reader', 'contributor']) {
    assert.equal((await call('PUT', `${path}/ci`, { json: { role } })).status, 204)
  }
  await call('PUT', '/scopes/local/grants/ci', { json: { role: 'reader' } })
  const { body } = await call('GET', path)
  assert.deepEqual(
    body.grants.map(({ user, role, scope, workspace }: Record<string, unknown>) => [user, role, scope, workspace]),
    [
      ['admin', 'admin', null, null],
      ['ci', 'reader', 'local', null],
      ['ci', 'contributor', 'local', 'main'],
    ],
  )
  const { body: user } = await call('GET', '/users/ci')
  assert.deepEqual([user.name, user.attachedTo, user.grants.length], ['ci', null, 2])
  const { body: users } = await call('GET', '/users')
  assert.deepEqual(users.users[1], user)
  const gone = await call('DELETE', `${path}/ci`)
  assert.deepEqual([gone.status, gone.body.role, gone.body.left.length], [200, 'contributor', 1])
  assert.equal((await call('DELETE', `${path}/ci`)).body.role, null)
})

test('what cannot be given is refused with what is wrong', async (t) => {
  const { call } = await openServer(t)
  await call('POST', '/users', { json: { name: 'ci' } })
  const refused = async (path: string, role: string): Promise<string> => {
    const { status, body } = await call('PUT', path, { json: { role } })
    return `${status} ${body.code}: ${body.detail}`
  }
  const main = '/scopes/local/workspaces/main/grants'
  assert.match(await refused(`${main}/nobody`, 'reader'), /^404 not-found: There is no user 'nobody'\.$/)
  assert.match(await refused(`${main}/ci`, 'boss'), /^400 request-invalid: /)
  assert.match(await refused(`${main}/ci`, 'admin'), /^400 request-invalid: admin is a role on the whole instance/)
  assert.match(await refused('/scopes/nowhere/grants/ci', 'reader'), /^404 not-found: There is no scope "nowhere"/)
  assert.match(await refused('/grants/admin', 'owner'), /^409 last-admin: admin is the last admin of this instance\.$/)
  const { status, body } = await call('DELETE', '/grants/admin')
  assert.deepEqual([status, body.code], [409, 'last-admin'])
})

async function tokenOf({ call }: OpenServer, user: string, role: string | undefined, path: string): Promise<string> {
  assert.equal((await call('POST', '/users', { json: { name: user } })).status, 201)
  if (role !== undefined) assert.equal((await call('PUT', `${path}/grants/${user}`, { json: { role } })).status, 204)
  const { body } = await call('POST', '/tokens', { json: { name: 'test', user } })
  return body.token
}
