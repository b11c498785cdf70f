import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { makeDeb } from '../../test/support/make-deb.ts'
import { openServer } from '../../test/support/open-server.ts'

const changes = '/workspaces/local/main/changes'

test('a batch over HTTP is one revision with a result for each step, and is found again by its number', async (t) => {
  const { call } = await openServer(t)
  const steps = [
    { kind: 'suite-create', suite: 'testing', settings: { label: 'Ours' }, aliases: ['next'] },
    { kind: 'suite-create', suite: 'stable' },
    { kind: 'alias', name: 'current', suite: 'stable' },
    { kind: 'copy', from: 'testing', suite: 'current' },
  ]
  const made = await call('POST', changes, { json: { steps } })
  assert.equal(made.status, 200, JSON.stringify(made.body))
  assert.deepEqual(
    made.body.steps.map((step: { suite: string; revision: number }) => [step.suite, step.revision]),
    [
      ['testing', 1],
      ['stable', 1],
      ['stable', 1],
      ['current', 1],
    ],
  )
  assert.match(made.body.snapshot, /\/snapshot\/r1\/$/)
  const found = await call('GET', `${changes}/${made.body.change}`)
  assert.deepEqual(found.body, { state: 'sealed', change: made.body.change, batch: made.body })
  const { body } = await call('GET', '/workspaces/local/main/suites/stable/history')
  assert.deepEqual(
    body.history[0].changes.map(({ kind, batch }: { kind: string; batch: number }) => [kind, batch]),
    [
      ['suite-create', made.body.change],
      ['alias', made.body.change],
    ],
  )
})

test('a batch that cannot be names the step, or the field that is not valid', async (t) => {
  const { call } = await openServer(t)
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable' } })
  const removal = { kind: 'remove', suite: 'stable', packages: [{ name: 'absent' }] }
  const refused = await call('POST', changes, { json: { steps: [{ kind: 'suite-create', suite: 'new' }, removal] } })
  assert.deepEqual([refused.status, refused.body.code, refused.body.step], [404, 'not-found', 2])
  assert.match(refused.body.detail, /^Step 2 \(remove of stable\) .*absent/)
  for (const [step, field, detail] of [
    [{ kind: 'copy', suite: 'stable' }, '/steps/0/from', /is missing/],
    [{ ...removal, packages: ['absent'] }, '/steps/0/packages/0', /object/],
    [{ kind: 'frobnicate', suite: 'stable' }, '/steps/0', /kind/],
    [{ kind: 'rollback', suite: 'stable', to: 'r1', from: 'x' }, '/steps/0/from', /not known/],
  ] as const) {
    const { status, body } = await call('POST', changes, { json: { steps: [step] } })
    assert.deepEqual([status, body.code, body.field], [400, 'request-invalid', field], JSON.stringify(body))
    assert.match(body.detail, detail)
  }
  assert.equal((await call('POST', changes, { json: { steps: [] } })).status, 400)
})

test('who may only write packages may not set up suites by a batch', async (t) => {
  const { call, rooms, token } = await openServer(t)
  const admin = await rooms.access.callerOf(token)
  await rooms.access.createUser(admin, 'builder')
  await rooms.access.grant(admin, { user: 'builder', scope: 'local', workspace: 'main', role: 'contributor' })
  const builder = await rooms.access.createToken(admin, { name: 'builder', user: 'builder' })
  await call('POST', '/workspaces/local/main/suites', { json: { name: 'stable' } })
  const ask = async (step: object) => {
    const steps = [{ kind: 'rollback', suite: 'stable', to: 'r1' }, step]
    return (await call('POST', changes, { json: { steps }, token: builder.token })).status
  }
  assert.equal(await ask({ kind: 'rollback', suite: 'stable', to: 'r1' }), 200)
  assert.equal(await ask({ kind: 'suite-create', suite: 'testing' }), 403)
  assert.equal(await ask({ kind: 'suite-update', suite: 'stable', settings: { label: 'x' } }), 403)
  assert.equal(await ask({ kind: 'alias', name: 'lts', suite: 'stable' }), 403)
})

test('one step places packages in several components, takes others out, and lays a twin elsewhere', async (t) => {
  const { call } = await openServer(t)
  const suites = '/workspaces/local/main/suites'
  await call('POST', suites, { json: { name: 'stable', components: ['main', 'contrib'] } })
  const artifactOf = async (bytes: Buffer, path: string): Promise<number> => {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const wish = { category: 'debian:binary-package', files: [{ path, size: bytes.length, sha256 }] }
    const { body } = await call('POST', '/workspaces/local/main/artifacts', { json: { artifacts: [wish] } })
    const { id } = body.artifacts[0]
    await call('PUT', `/workspaces/local/main/artifacts/${id}/files/${path}`, { body: bytes })
    return id
  }
  const [one, two, three, twin] = await Promise.all([
    artifactOf(makeDeb({ name: 'one', version: '1' }), 'one_1_all.deb'),
    artifactOf(makeDeb({ name: 'two', version: '1' }), 'two_1_all.deb'),
    artifactOf(makeDeb({ name: 'three', version: '1' }), 'three_1_all.deb'),
    artifactOf(makeDeb({ name: 'two', version: '1', files: { twin: 'yes' } }), 'two_1_all.deb'),
  ])
  await call('POST', `${suites}/stable/packages`, { json: { artifacts: [one, two] } })
  const add = [
    { artifacts: [three], component: 'contrib', section: 'net' },
    { artifacts: [twin], component: 'main' },
  ]
  const step = { kind: 'edit', suite: 'stable', add, remove: [one] }
  const refused = await call('POST', changes, { json: { steps: [step] } })
  assert.deepEqual([refused.status, refused.body.code], [409, 'pool-name-taken'])
  const edited = await call('POST', changes, { json: { steps: [{ ...step, onPoolConflict: 'second-path' }] } })
  assert.equal(edited.status, 200, JSON.stringify(edited.body))
  const { body } = await call('GET', `${suites}/stable/packages`)
  assert.deepEqual(
    body.packages.map((each: { name: string; component: string; section: string }) => {
      return [each.name, each.component, each.section]
    }),
    [
      ['three', 'contrib', 'net'],
      ['two', 'main', 'misc'],
    ],
  )
  assert.match(body.packages[1].directory, /^pool\/main\/t\/two\/[0-9a-f]{12}$/)
})

test('what became of a change is told by its idempotency key', async (t) => {
  const { call } = await openServer(t)
  const steps = [{ kind: 'suite-create', suite: 'stable' }]
  assert.equal((await call('GET', `${changes}?key=mine`)).status, 404)
  const made = await call('POST', changes, { json: { steps }, headers: { 'idempotency-key': 'mine' } })
  const { status, body } = await call('GET', `${changes}?key=mine`)
  assert.deepEqual([status, body], [200, { state: 'sealed', change: made.body.change, batch: made.body }])
  const removal = [{ kind: 'remove', suite: 'stable', packages: [{ name: 'absent' }] }]
  await call('POST', changes, { json: { steps: removal }, headers: { 'idempotency-key': 'again' } })
  const again = await call('GET', `${changes}?key=again`)
  assert.deepEqual([again.status, again.body.state, again.body.code], [200, 'refused', 'not-found'])
  assert.equal((await call('GET', `${changes}?key=mine`, { token: undefined })).status, 401)
})
