/** The HTTP client against a real server, over connections that break. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { AshlarClient } from '../../src/client/client.ts'
import { makeDeb } from '../support/make-deb.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { cuttingProxy } from './cutting-proxy.ts'
import { startServing } from './serving.ts'

const MIB = 1024 * 1024
const retries = { attempts: 6, firstDelayMs: 10, longestDelayMs: 100 }

async function tokenIn(home: string): Promise<string> {
  return /token = "(.*)"/.exec(await readFile(join(home, 'ashlar-data/client.toml'), 'utf8'))?.[1] ?? ''
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

test('an upload that is cut again and again continues where it stands', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  const bytes = randomBytes(8 * MIB)
  const file = join(home.path, 'log')
  await writeFile(file, bytes)
  await using proxy = await cuttingProxy(serving.url, [
    { afterSentBytes: 3 * MIB },
    { afterSentBytes: 2 * MIB },
    { afterSentBytes: MIB },
  ])
  const client = new AshlarClient({ url: proxy.url, token: await tokenIn(home.path), retries })
  const workspace = client.workspace('local', 'main')
  const [artifact] = await workspace.createArtifacts([
    { category: 'generic', files: [{ path: 'a/log', size: bytes.length, sha256: sha256(bytes) }], idempotencyKey: 'k' },
  ])
  assert.ok(artifact)
  assert.deepEqual(artifact.missing, ['a/log'])
  await workspace.uploadFile({ artifact: artifact.id, path: 'a/log' }, { file, sizeBytes: bytes.length })
  assert.equal((await workspace.artifact(artifact.id)).complete, true)
  assert.equal(proxy.cuts(), 3)
  let stored = 0
  const starts: number[] = []
  for (const head of proxy.heads()) {
    stored = Number(/^upload-offset: (\d+)/im.exec(head)?.[1] ?? stored)
    if (!head.startsWith('PUT ')) continue
    const start = Number(/^content-range: bytes (\d+)-/im.exec(head)?.[1] ?? 0)
    assert.equal(start, stored, 'it continues where the server says that it stands')
    starts.push(start)
  }
  assert.equal(new Set(starts).size, 4, `sent from ${starts.join(', ')}`)
  assert.ok((await buffer(await workspace.download(artifact.id, 'a/log'))).equals(bytes))
  client.close()
})

test('a file that is shorter than was announced is told at once', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  const bytes = randomBytes(3 * MIB)
  const file = join(home.path, 'log')
  const client = new AshlarClient({ url: serving.url, token: await tokenIn(home.path), retries })
  const workspace = client.workspace('local', 'main')
  const [artifact] = await workspace.createArtifacts([
    { category: 'generic', files: [{ path: 'log', size: bytes.length, sha256: sha256(bytes) }], idempotencyKey: 'k' },
  ])
  const target = { artifact: artifact?.id ?? 0, path: 'log' }
  for (const length of [2 * MIB, 0]) {
    await writeFile(file, bytes.subarray(0, length))
    const sent = workspace.uploadFile(target, { file, sizeBytes: bytes.length })
    await assert.rejects(sent, { code: 'file-unreadable', message: /log became shorter while it was sent/ })
  }
  // Whole again, it goes on.
  await writeFile(file, bytes)
  await workspace.uploadFile(target, { file, sizeBytes: bytes.length })
  assert.equal((await workspace.artifact(target.artifact)).complete, true)
  client.close()
})

test('an upload whose answer is lost is complete, and is not sent again', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  const bytes = Buffer.from('a short file\n')
  const file = join(home.path, 'log')
  await writeFile(file, bytes)
  await using proxy = await cuttingProxy(serving.url, [{ answerTo: /^PUT / }])
  const client = new AshlarClient({ url: proxy.url, token: await tokenIn(home.path), retries })
  const workspace = client.workspace('local', 'main')
  const [artifact] = await workspace.createArtifacts([
    { category: 'generic', files: [{ path: 'log', size: bytes.length, sha256: sha256(bytes) }], idempotencyKey: 'k' },
  ])
  assert.ok(artifact)
  await workspace.uploadFile({ artifact: artifact.id, path: 'log' }, { file, sizeBytes: bytes.length })
  assert.equal((await workspace.artifact(artifact.id)).complete, true)
  client.close()
})

test('a change whose answer is lost is asked for again and made once', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  const deb = makeDeb({ name: 'hello', version: '1.0' })
  const file = join(home.path, 'hello.deb')
  await writeFile(file, deb)
  await using proxy = await cuttingProxy(serving.url, [
    { answerTo: /^POST .*\/suites HTTP/ },
    { answerTo: /^POST .*\/artifacts HTTP/ },
    { answerTo: /^POST .*\/suites\/stable\/packages HTTP/ },
  ])
  const client = new AshlarClient({ url: proxy.url, token: await tokenIn(home.path), retries })
  // The client repeats on lost connections only to a server that it has heard of.
  await client.scopes()
  const workspace = client.workspace('local', 'main')
  await workspace.createSuite({ name: 'stable' })
  const wish = {
    category: 'debian:binary-package',
    files: [{ path: 'hello.deb', size: deb.length, sha256: sha256(deb) }],
    idempotencyKey: 'hello',
  }
  const [artifact] = await workspace.createArtifacts([wish])
  assert.ok(artifact)
  await workspace.uploadFile({ artifact: artifact.id, path: 'hello.deb' }, { file, sizeBytes: deb.length })
  const change = await workspace.addPackages('stable', { artifacts: [artifact.id] })
  assert.equal(proxy.cuts(), 3)
  assert.deepEqual({ added: change.addedCount, unchanged: change.unchanged }, { added: 1, unchanged: false })
  assert.equal((await workspace.artifacts()).artifacts.length, 1)
  assert.equal((await workspace.history('stable')).history.length, 2)
  client.close()
})

test('what the server refuses arrives as its own error', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  const anonymous = new AshlarClient({ url: serving.url, retries })
  await assert.rejects(anonymous.workspace('local', 'main').suite('nope'), { code: 'suite-unknown', message: /nope/ })
  await assert.rejects(anonymous.workspace('local', 'main').createSuite({ name: 'x' }), { code: 'token-required' })
  await assert.rejects(new AshlarClient({ url: serving.url, token: 'ash_wrong', retries }).scopes(), {
    code: 'token-required',
  })
  anonymous.close()
})

test('where nobody listens it says so at once', async () => {
  const client = new AshlarClient({ url: 'http://127.0.0.1:1/', retries: { ...retries, firstDelayMs: 1e6 } })
  await assert.rejects(client.scopes(), { code: 'server-unreachable', message: /127\.0\.0\.1:1\/ .*ECONNREFUSED/ })
})

/** A server that answers with these statuses, one after the other. */
async function answering(answers: readonly { status: number; headers?: Record<string, string>; body?: string }[]) {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const answer = answers[requests.length] ?? { status: 500 }
    requests.push(`${request.method} ${String(request.headers['idempotency-key'])}`)
    request.resume()
    response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

test('an overloaded server is asked again, not sooner than it wants, with the same idempotency key', async () => {
  await using server = await answering([
    { status: 503 },
    { status: 429, headers: { 'retry-after': '1' } },
    { status: 200, body: '{"unchanged":true}' },
  ])
  const client = new AshlarClient({ url: server.url, retries })
  const startedAt = performance.now()
  const change = await client.workspace('local', 'main').rollBack('stable', 'r1')
  assert.equal(change.unchanged, true)
  assert.ok(performance.now() - startedAt >= 1000)
  assert.equal(server.requests.length, 3)
  assert.equal(new Set(server.requests).size, 1)
  client.close()
})

test('what must not be done twice is asked for once', async () => {
  await using server = await answering([{ status: 503, body: '{"code":"busy","detail":"Later."}' }])
  const client = new AshlarClient({ url: server.url, retries })
  await assert.rejects(client.createToken({ name: 'ci' }), { code: 'busy', message: 'Later.' })
  assert.equal(server.requests.length, 1)
  client.close()
})

test('a refusal is not repeated', async () => {
  await using server = await answering([{ status: 507, body: '{"code":"storage-full","detail":"No room."}' }])
  const client = new AshlarClient({ url: server.url, retries })
  await assert.rejects(client.workspace('local', 'main').rollBack('stable', 'r1'), { code: 'storage-full' })
  assert.equal(server.requests.length, 1)
  client.close()
})
