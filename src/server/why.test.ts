/** To whom `why` tells what. What it says is proven in maintenance/why.test.ts. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'
import { openAccess } from '../access/access.ts'

const secret = Buffer.from('the plans')
const digest = createHash('sha256').update(secret).digest('hex')

/** A token of a new user with a role in one workspace. */
async function memberOf(server: OpenServer, user: string, workspace: string): Promise<string> {
  const access = openAccess(server.rooms.database)
  const admin = await access.callerOf(server.token)
  await access.createUser(admin, user)
  await access.grant(admin, { user, role: 'contributor', scope: 'local', workspace })
  return (await access.issueToken(user, { name: 'test' })).token
}

async function put({ call }: OpenServer, workspace: string, token: string): Promise<number> {
  const file = { path: 'plans', size: secret.length, sha256: digest }
  const root = `/workspaces/local/${workspace}/artifacts`
  const made = await call('POST', root, { json: { artifacts: [{ category: 'generic', files: [file] }] }, token })
  const { id } = made.body.artifacts[0]
  assert.equal((await call('PUT', `${root}/${id}/files/plans`, { body: secret, token })).status, 200)
  return id as number
}

test('what a private workspace holds is told to its members, and to admins', async (t) => {
  const server = await openServer(t)
  const { call } = server
  for (const name of ['red', 'blue']) await call('POST', '/scopes/local/workspaces', { json: { name } })
  const [red, blue] = [await memberOf(server, 'rita', 'red'), await memberOf(server, 'bert', 'blue')]
  const id = await put(server, 'red', red)
  const why = (place: string, subject: string | number, token: string | undefined) =>
    call('GET', `${place}/why?subject=${subject}`, { token })
  const told = await why('/workspaces/local/red', digest, red)
  assert.equal(told.status, 200)
  assert.equal(told.headers.get('cache-control'), 'no-store')
  assert.equal(told.body.fate.sentence, `Kept: artifact ${id} is in local/red, which keeps artifacts for ever.`)
  assert.equal((await why('/workspaces/local/red', id, red)).body.kind, 'artifact')

  // Neither there nor in their own workspace do others learn of it.
  for (const subject of [digest, id]) {
    assert.equal((await why('/workspaces/local/red', subject, blue)).body.code, 'not-found')
    assert.equal((await why('/workspaces/local/blue', subject, blue)).body.code, 'not-found')
    assert.equal((await why('/workspaces/local/main', subject, blue)).body.code, 'not-found')
    assert.equal((await why('/workspaces/local/red', subject, undefined)).status, 401)
    assert.equal((await why('', subject, blue)).status, 403)
    assert.equal((await why('', subject, undefined)).status, 401)
  }
  const other = await put(server, 'blue', blue)
  const own = await why('/workspaces/local/blue', digest, blue)
  assert.deepEqual(
    own.body.heldBy.map((holder: { id: number }) => holder.id),
    [other],
  )
  assert.equal(JSON.stringify(own.body).includes('red'), false)
  const all = await why('', digest, server.token)
  assert.deepEqual(
    all.body.heldBy.map((holder: { workspace: string }) => holder.workspace),
    ['local/blue', 'local/red'],
  )
})

test('a subject is needed, and has to be one', async (t) => {
  const { call } = await openServer(t)
  assert.equal((await call('GET', '/workspaces/local/main/why')).body.code, 'request-invalid')
  assert.equal((await call('GET', '/workspaces/local/main/why?subject=hello')).body.code, 'request-invalid')
  assert.equal((await call('GET', '/why?subject=pool/main/h/hello')).body.code, 'request-invalid')
})
