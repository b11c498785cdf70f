import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { makeDeb } from '../../test/support/make-deb.ts'
import { openServer } from '../../test/support/open-server.ts'

test('closing waits for the answer under way, and then ends its connection', async (t) => {
  const { app, port, token } = await openServer(t)
  const socket = connect(port, '127.0.0.1')
  const body = JSON.stringify({ name: 'late' })
  const head = `POST /api/v1/scopes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json`
  const arrived = once(app.server, 'request')
  socket.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n`)
  await arrived
  const closed = app.close()
  socket.write(body)
  assert.match(await text(socket), /^HTTP\/1\.1 201 [^]*"late"/)
  await closed
})

/** A server that logs into a list of lines, and a call with the headers. */
async function openWatched(
  t: TestContext,
  options: { trustProxy: boolean },
): Promise<{ token: string; lines: string[]; ask: (headers: Record<string, string>) => Promise<void> }> {
  const lines: string[] = []
  const log = new Writable({
    write(line, _encoding, done) {
      lines.push(String(line))
      done()
    },
  })
  const { url, token } = await openServer(t, { logger: pino(log), ...options })
  const ask = async (headers: Record<string, string>): Promise<void> => {
    await (await fetch(`${url}/api/v1/scopes`, { headers })).body?.cancel()
  }
  return { token, lines, ask }
}

function warnedOf(lines: readonly string[]): unknown[] {
  return lines.filter((line) => line.includes('plain HTTP')).map((line) => JSON.parse(line).address)
}

test('a token over plain HTTP from elsewhere is warned of, once for each address', async (t) => {
  const { token, lines, ask } = await openWatched(t, { trustProxy: true })
  const authorization = `Bearer ${token}`
  await ask({ authorization })
  await ask({ 'x-forwarded-for': '192.0.2.1' })
  await ask({ authorization, 'x-forwarded-for': '192.0.2.2', 'x-forwarded-proto': 'https' })
  await ask({ authorization, 'x-forwarded-for': '192.0.2.3' })
  await ask({ authorization, 'x-forwarded-for': '192.0.2.3' })
  await ask({ authorization, 'x-forwarded-for': '192.0.2.4' })
  assert.deepEqual(warnedOf(lines), ['192.0.2.3', '192.0.2.4'])
  assert.ok(!lines.join('').includes(token))
})

test('who is no trusted proxy does not say who the client is', async (t) => {
  const { token, lines, ask } = await openWatched(t, { trustProxy: false })
  await ask({ authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.3' })
  assert.deepEqual(warnedOf(lines), [])
})

test('a change asked for twice with one key is made once', async (t) => {
  const { call } = await openServer(t)
  const wish = { json: { name: 'stable' }, headers: { 'idempotency-key': 'k1' } }
  const first = await call('POST', '/workspaces/local/main/suites', wish)
  const second = await call('POST', '/workspaces/local/main/suites', wish)
  assert.equal(first.status, 201)
  assert.deepEqual(second.body, first.body)
  const other = await call('POST', '/workspaces/local/main/suites', { ...wish, json: { name: 'other' } })
  assert.equal(other.body.code, 'idempotency-key-reused')
})

test('a suite is described, filled, listed, compared, rolled back, and its history told', async (t) => {
  const { call, url, rooms } = await openServer(t)
  const root = '/workspaces/local/main/suites'
  await call('POST', root, { json: { name: 'a/b', components: ['main', 'extra'], architectures: ['amd64'] } })
  const deb = makeDeb({ name: 'hello', version: '1.0' })
  const writer = await rooms.storage.spool.create()
  await writer.append(
    (async function* () {
      yield deb
    })(),
    {},
  )
  const caller = await rooms.access.callerOf(undefined)
  const workspace = await rooms.access.workspace(caller, 'local', 'main', 'read')
  const spooled = await writer.finish()
  const { artifactId } = await rooms.artifacts.ingestBinary(workspace, spooled, 'hello.deb', { userId: null })

  const added = await call('POST', `${root}/a%2Fb/packages`, { json: { artifacts: [artifactId], component: 'extra' } })
  assert.deepEqual(added.body.added, [{ name: 'hello', version: '1.0', architecture: 'all', component: 'extra' }])
  assert.equal(added.body.snapshot, `${url}/apt/local/main/snapshot/r${added.body.revision}/`)
  assert.match(added.body.sealedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)

  const suite = await call('GET', `${root}/a%2Fb`)
  assert.equal(suite.body.packages, 1)
  assert.equal((await call('GET', `${root}/a%2Fb?at=r1`)).body.packages, 0)
  const { body: listed } = await call('GET', `${root}/a%2Fb/packages`)
  assert.equal(listed.packages[0].size, deb.length)
  const { body: difference } = await call('GET', `${root}/a%2Fb/diff?from=r1`)
  assert.equal(difference.added.length, 1)

  const back = await call('POST', `${root}/a%2Fb/rollback`, { json: { to: 'r1' } })
  assert.equal(back.body.removedCount, 1)
  const { body: story } = await call('GET', `${root}/a%2Fb/history?limit=2`)
  assert.deepEqual(
    story.history.map((entry: { changes: { kind: string }[] }) => entry.changes[0]?.kind),
    ['rollback', 'add'],
  )
  const { body: older } = await call('GET', `${root}/a%2Fb/history?limit=2&before=${story.next}`)
  assert.deepEqual(
    older.history.map((entry: { revision: number }) => entry.revision),
    [1],
  )
  assert.equal((await call('GET', `/workspaces/local/main/changes/${back.body.change}`)).body.state, 'sealed')
})
