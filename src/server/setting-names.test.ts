import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServer } from '../../test/support/open-server.ts'

const main = '/workspaces/local/main'

test('a setting that names a suite or a keyring which does not exist is refused, with what there is', async (t) => {
  const { call } = await openServer(t)
  await call('POST', `${main}/suites`, { json: { name: 'stable', aliases: ['bookworm'] } })
  await call('POST', `${main}/suites`, { json: { name: 'stable-debug' } })
  const refusal = async (json: object): Promise<string> => {
    const { status, body } = await call('PATCH', `${main}/suites/stable`, { json })
    return status === 200 ? 'set' : `${status} ${body.code}: ${body.detail}`
  }
  assert.equal(await refusal({ debugSuite: 'stable-debug' }), 'set')
  assert.equal(await refusal({ debugSuite: null }), 'set')
  assert.equal(await refusal({ installabilityWith: ['bookworm', 'stable-debug'] }), 'set')
  const there = 'which does not exist; there are bookworm, stable, stable-debug.'
  assert.equal(
    await refusal({ debugSuite: 'stabel-debug' }),
    `422 suite-setting-invalid: The setting debugSuite names the suite 'stabel-debug', ${there}`,
  )
  assert.equal(
    await refusal({ installabilityWith: ['stable', 'sid'] }),
    `422 suite-setting-invalid: The setting installabilityWith names the suite 'sid', ${there}`,
  )
  assert.equal(
    await refusal({ keyrings: ['developers'] }),
    "422 suite-setting-invalid: The setting keyrings names the keyring 'developers', which does not exist; there is no keyring yet.",
  )
  const { status } = await call('POST', `${main}/suites`, { json: { name: 'other', debugSuite: 'nowhere' } })
  assert.equal(status, 422)
})

test('steps may name suites that they make themselves', async (t) => {
  const { call } = await openServer(t)
  const create = (suite: string, settings: object) => ({ kind: 'suite-create', suite, settings })
  const steps = [create('stable', { debugSuite: 'stable-debug' }), create('stable-debug', {})]
  assert.equal((await call('POST', `${main}/changes/preview`, { json: { steps: steps.slice(0, 1) } })).status, 422)
  assert.equal((await call('POST', `${main}/changes/preview`, { json: { steps } })).status, 200)
  assert.equal((await call('POST', `${main}/changes`, { json: { steps } })).status, 200)
})

test('a change that was asked for before is found again, whatever became of the names since', async (t) => {
  const { call, rooms } = await openServer(t)
  await call('POST', `${main}/suites`, { json: { name: 'stable' } })
  const workspace = await rooms.access.find('local', 'main')
  assert.ok(workspace)
  const now = await rooms.database.now()
  await rooms.database.write((trx) =>
    trx.insertInto('keyring').values({ workspace_id: workspace.id, name: 'team', created_at: now }).execute(),
  )
  const set = async () =>
    call('PATCH', `${main}/suites/stable`, { json: { keyrings: ['team'] }, headers: { 'idempotency-key': 'once' } })
  const first = await set()
  assert.equal(first.status, 200)
  assert.equal((await call('DELETE', `${main}/keyrings/team`)).status, 204)
  assert.deepEqual((await set()).body.change, first.body.change)
})
