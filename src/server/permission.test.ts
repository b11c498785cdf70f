import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type OpenServer, openServer } from '../../test/support/open-server.ts'
import { openAccess } from '../access/access.ts'

const digest = 'a'.repeat(64)
const wish = {
  artifacts: [{ category: 'debian:binary-package', files: [{ path: 'a.deb', size: 1, sha256: digest }] }],
}

/** Every kind of right, with what each caller gets: anonymous, a stranger with a token, a reader, a contributor, an owner. */
const rights: [method: string, path: string, json: unknown, statuses: [number, number, number, number, number]][] = [
  ['GET', '/workspaces/local/secret/suites', undefined, [401, 404, 200, 200, 200]],
  ['GET', '/workspaces/local/secret/artifacts', undefined, [401, 404, 200, 200, 200]],
  ['GET', '/workspaces/local/secret/artifacts/99', undefined, [401, 404, 404, 404, 404]],
  ['GET', '/workspaces/local/secret/artifacts/99/files/a', undefined, [401, 404, 404, 404, 404]],
  ['GET', '/workspaces/local/secret/artifacts/99.tar', undefined, [401, 404, 404, 404, 404]],
  ['GET', '/workspaces/local/secret/changes/99', undefined, [401, 404, 404, 404, 404]],
  ['POST', '/workspaces/local/secret/artifacts', wish, [401, 404, 403, 201, 201]],
  ['PUT', '/workspaces/local/secret/artifacts/99/files/a', undefined, [401, 404, 403, 404, 404]],
  ['DELETE', '/workspaces/local/secret/artifacts/99', undefined, [401, 404, 403, 403, 404]],
  ['POST', '/workspaces/local/secret/suites', { name: '../x' }, [401, 404, 403, 403, 422]],
  ['PATCH', '/workspaces/local/secret/suites/x', {}, [401, 404, 403, 403, 404]],
  ['PUT', '/workspaces/local/secret/aliases/x', { suite: 'y' }, [401, 404, 403, 403, 404]],
  ['DELETE', '/workspaces/local/secret/aliases/x', undefined, [401, 404, 403, 403, 404]],
  ['POST', '/workspaces/local/secret/suites/x/packages', { artifacts: [99] }, [401, 404, 403, 404, 404]],
  ['POST', '/workspaces/local/secret/suites/x/remove', { packages: [{ name: 'a' }] }, [401, 404, 403, 404, 404]],
  ['POST', '/workspaces/local/secret/suites/x/copy', { from: 'y' }, [401, 404, 403, 404, 404]],
  ['POST', '/workspaces/local/secret/suites/x/rollback', { to: 'r1' }, [401, 404, 403, 404, 404]],
  ['GET', '/workspaces/local/main/suites', undefined, [200, 200, 200, 200, 200]],
  ['POST', '/workspaces/local/main/artifacts', wish, [401, 403, 403, 403, 403]],
  ['GET', '/workspaces/local/nowhere/suites', undefined, [401, 404, 404, 404, 404]],
  ['GET', '/tokens', undefined, [401, 200, 200, 200, 200]],
  ['POST', '/scopes', { name: 'mine' }, [401, 403, 403, 403, 403]],
  ['POST', '/scopes/local/workspaces', { name: 'mine' }, [401, 404, 404, 404, 404]],
  ['GET', '/scopes/local/workspaces/secret', undefined, [401, 404, 200, 200, 200]],
  ['PATCH', '/scopes/local/workspaces/secret', {}, [401, 404, 403, 403, 200]],
  // Rights are asked before what a body says is looked at.
  ['POST', '/workspaces/local/secret/suites', { colour: 1 }, [401, 404, 403, 403, 400]],
]

test('each caller may do what their role allows, and learns nothing beyond it', async (t) => {
  const server = await openServer(t)
  const tokens = await people(server)
  for (const [method, path, json, statuses] of rights) {
    await t.test(`${method} ${path} ${JSON.stringify(json) ?? ''}`, async () => {
      const got = []
      for (const token of tokens) got.push((await server.call(method, path, { json, token })).status)
      assert.deepEqual(got, statuses)
    })
  }
})

test('a private workspace and one that does not exist look the same, but for their names', async (t) => {
  const server = await openServer(t)
  const [anonymous, stranger] = await people(server)
  for (const token of [anonymous, stranger]) {
    const answers = []
    for (const name of ['secret', 'absent']) {
      for (const path of ['/suites', '/suites/x', '/artifacts/1', '/artifacts/1/files/a']) {
        const { status, body } = await server.call('GET', `/workspaces/local/${name}${path}`, { token })
        answers.push({ status, detail: body.detail.replace(name, 'X') })
      }
    }
    assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
  }
})

test('a 401 names both ways to send a token', async (t) => {
  const { url } = await openServer(t)
  const answer = await fetch(`${url}/apt/local/secret/dists/x/InRelease`)
  assert.equal(answer.status, 401)
  assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="Ashlar", charset="UTF-8", Bearer realm="Ashlar"')
})

test('a token that is not good is refused even where none is needed', async (t) => {
  const { call } = await openServer(t)
  assert.equal((await call('GET', '/workspaces/local/main/suites', { token: 'ash_wrong' })).status, 401)
  assert.equal((await call('GET', '/scopes', { token: 'ash_wrong' })).status, 401)
})

test('a route that does not say what it asks cannot be registered', async (t) => {
  const { buildServer } = await import('./app.ts')
  const { rooms } = await openServer(t)
  const app = buildServer(rooms)
  assert.throws(() => app.get('/open', () => 'secrets'), /GET \/open does not say what it asks/)
})

async function people({ call, rooms, token: admin }: OpenServer): Promise<(string | undefined)[]> {
  await call('POST', '/scopes/local/workspaces', { json: { name: 'secret' } })
  const access = openAccess(rooms.database)
  const caller = await access.callerOf(admin)
  const tokens: (string | undefined)[] = [undefined]
  for (const role of [undefined, 'reader', 'contributor', 'owner'] as const) {
    const name = role ?? 'stranger'
    await access.createUser(caller, name)
    if (role !== undefined) await access.grant(caller, { user: name, role, scope: 'local', workspace: 'secret' })
    tokens.push((await access.issueToken(name, { name })).token)
  }
  return tokens
}
