import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeDeb } from '../../test/support/make-deb.ts'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'

const here = '/workspaces/team/apps'

/** A public and a private workspace with one package each, and one to copy into, of which `builder` may write only that. */
async function house({ call, rooms, token }: OpenServer): Promise<string> {
  const admin = await rooms.access.callerOf(token)
  await rooms.access.createScope(admin, 'team')
  await rooms.access.createWorkspace(admin, 'team', { name: 'apps', public: false })
  await rooms.access.createWorkspace(admin, 'team', { name: 'secret', public: false })
  for (const workspace of ['local/main', 'team/secret', 'team/apps']) {
    await call('POST', `/workspaces/${workspace}/suites`, { json: { name: 'stable' } })
    if (workspace === 'team/apps') continue
    const bytes = makeDeb({ name: `of-${workspace.split('/')[1]}`, version: '1' })
    const found = await rooms.access.workspace(admin, ...(workspace.split('/') as [string, string]), 'suite:write')
    const writer = await rooms.storage.spool.create()
    await writer.append([bytes])
    const { packageId } = await rooms.artifacts.ingestBinary(found, await writer.finish(), 'x.deb', { userId: null })
    const packages = [{ packageId }]
    await rooms.archives.submit(found, { kind: 'add', suite: 'stable', packages }, { userId: null })
  }
  await rooms.access.createUser(admin, 'builder')
  await rooms.access.grant(admin, { user: 'builder', scope: 'team', workspace: 'apps', role: 'contributor' })
  return (await rooms.access.createToken(admin, { name: 'builder', user: 'builder' })).token
}

test('who may write here copies from what they may read, and learns nothing of what they may not', async (t) => {
  const server = await openServer(t)
  const { call } = server
  const token = await house(server)
  const copy = (fromWorkspace: string, more: object = {}) =>
    call('POST', `${here}/suites/stable/copy`, { json: { from: 'stable', fromWorkspace, ...more }, token })
  const hidden = await copy('team/secret')
  const absent = await copy('team/nothing')
  assert.deepEqual([hidden.status, hidden.body.code], [404, 'not-found'])
  const told = ({ body }: typeof hidden) => ({ ...body, requestId: '', detail: body.detail.replace(/team\/\w+/, '') })
  assert.deepEqual(told(hidden), told(absent))
  // Neither does the suite that is asked for tell.
  assert.deepEqual(told(await copy('team/secret', { from: 'absent' })), told(absent))
  const steps = [{ kind: 'copy', suite: 'stable', from: 'stable', fromWorkspace: 'team/secret' }]
  for (const path of ['changes', 'changes/preview']) {
    const { status, body } = await call('POST', `${here}/${path}`, { json: { steps }, token })
    assert.deepEqual([status, body.code, body.detail], [404, 'not-found', hidden.body.detail])
  }
  const made = await copy('local/main')
  assert.equal(made.status, 200, JSON.stringify(made.body))
  assert.deepEqual(made.body.added, [{ name: 'of-main', version: '1', architecture: 'all', component: 'main' }])
  const back = await call('POST', '/workspaces/local/main/suites/stable/copy', {
    json: { from: 'stable', fromWorkspace: 'team/apps' },
    token,
  })
  assert.equal(back.status, 403)
})

test('a copy between workspaces is a step like others, is previewed, and means the same when it is asked for again', async (t) => {
  const server = await openServer(t)
  const { call, rooms } = server
  await house(server)
  const copy = { kind: 'copy', from: 'stable', fromWorkspace: 'team/secret' }
  const steps = [
    { kind: 'suite-create', suite: 'fresh' },
    { ...copy, suite: 'stable' },
    { ...copy, suite: 'fresh', withDeps: true },
  ]
  const preview = await call('POST', `${here}/changes/preview`, { json: { steps } })
  assert.deepEqual([preview.status, preview.body.steps[1].addedCount], [200, 1], JSON.stringify(preview.body))
  const artifacts = async () => (await call('GET', `${here}/artifacts`)).body.artifacts
  assert.deepEqual(await artifacts(), [])
  const headers = { 'idempotency-key': 'once' }
  const made = await call('POST', `${here}/changes`, { json: { steps }, headers })
  assert.equal(made.status, 200, JSON.stringify(made.body))
  const [artifact] = await artifacts()
  assert.deepEqual([artifact.category, artifact.relations[0].type], ['debian:binary-package', 'copied-from'])
  // What the other suite has now does not change what was asked for then.
  const admin = await rooms.access.callerOf(server.token)
  const secret = await rooms.access.workspace(admin, 'team', 'secret', 'suite:write')
  const removal = { kind: 'remove', suite: 'stable', packages: [{ name: 'of-secret' }] } as const
  await rooms.archives.submit(secret, removal, { userId: null })
  assert.deepEqual((await call('POST', `${here}/changes`, { json: { steps }, headers })).body, made.body)
  const own = await call('POST', `${here}/suites/fresh/copy`, { json: { from: 'stable', fromWorkspace: 'team/apps' } })
  assert.deepEqual([own.status, own.body.unchanged], [200, true], 'its own workspace is as good as none')
})
