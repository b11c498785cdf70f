/** Files that lie upstream: what comes is proven before anybody gets it, and comes once. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { forEachDialect, type OpenFresh } from '../../test/support/databases.ts'
import { readAll } from '../../test/support/read-all.ts'
import { storageWorld, type StorageWorld } from '../../test/support/storage-world.ts'
import { sha256Of } from '../../test/support/artifact-room.ts'
import type { Sha256 } from '../common/digest.ts'
import type { ByteRange } from './file-store.ts'
import { recordRemoteFiles } from './remote-copies.ts'
import { openRemoteStore, type RemotePlace } from './remote-store.ts'
import { openStorage, type StoredFile } from './storage.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, bytes: Buffer) => void

forEachDialect((_dialect, openFresh) => {
  it('a file comes on first use, once for all who ask at the same time, here and on another server', async () => {
    await using given = await setUp(openFresh)
    await using other = await openStorage({ database: given.world.db, dataDirectory: given.world.dataDirectory })
    const reads = Array.from({ length: 10 }, async (_, index) => {
      const storage = index % 2 === 0 ? given.world.storage : other
      return await readAll((await storage.open(given.file, given.scopeId)).stream)
    })
    for (const read of await Promise.all(reads)) assert.ok(read.equals(given.bytes))
    assert.equal(given.requests.length, 1)
    assert.deepEqual(await given.world.copies(), ['local present', 'upstream present'])
    await given.read()
    assert.equal(given.requests.length, 1)
  })

  it('a range of a file that is not here yet is exact', async () => {
    await using given = await setUp(openFresh)
    const opened = await given.world.storage.open(given.file, given.scopeId, { start: 10, end: 20 })
    assert.ok((await readAll(opened.stream)).equals(given.bytes.subarray(10, 20)))
    assert.equal(opened.sizeBytes, given.bytes.length)
  })

  it('a body that breaks off is continued', async () => {
    await using given = await setUp(openFresh, brokenOnce())
    assert.ok((await given.read()).equals(given.bytes))
    assert.deepEqual(given.requests, [undefined, `bytes=1000-${given.bytes.length - 1}`])
  })

  it('a body that breaks off is continued with a server that does not know ranges', async () => {
    let first = true
    await using given = await setUp(openFresh, (_request, response, bytes) => {
      response.writeHead(200, { 'content-length': bytes.length })
      if (!first) return void response.end(bytes)
      first = false
      response.write(bytes.subarray(0, 1000), () => response.destroy())
    })
    assert.ok((await given.read()).equals(given.bytes))
  })

  it('a .gz file comes as it lies there, although its server names that as an encoding', async () => {
    const bytes = gzipSync(randomBytes(100_000))
    const answer: Answer = (_request, response) => {
      // As Apache does: the length is that of the file.
      response.writeHead(200, { 'content-encoding': 'x-gzip', 'content-length': bytes.length })
      response.end(bytes)
    }
    await using given = await setUp(openFresh, answer, bytes)
    assert.ok((await given.read()).equals(bytes))
  })

  it('a file comes from a server that does not say its length, also if it breaks off', async () => {
    let isFirst = true
    await using given = await setUp(openFresh, (_request, response, bytes) => {
      response.write(bytes.subarray(0, 1000), () => {
        if (isFirst) response.destroy()
        else response.end(bytes.subarray(1000))
        isFirst = false
      })
    })
    assert.ok((await given.read()).equals(given.bytes))
    assert.equal(given.requests.length, 2)
  })

  it('a file comes from where its server redirects to', async () => {
    await using given = await setUp(openFresh)
    await using before = await setUp(
      openFresh,
      (request, response) => {
        response.writeHead(302, { location: new URL(request.url ?? '', given.url).href }).end()
      },
      given.bytes,
    )
    assert.ok((await before.read()).equals(given.bytes))
    assert.deepEqual([before.requests.length, given.requests.length], [1, 1])
  })

  const bad: Readonly<Record<string, Answer>> = {
    'other bytes': (_request, response, bytes) => response.end(randomBytes(bytes.length)),
    'fewer bytes': (_request, response, bytes) => response.end(bytes.subarray(1)),
    'more bytes': (_request, response, bytes) => response.end(Buffer.concat([bytes, bytes])),
    'fewer bytes without a length': (_request, response, bytes) => {
      response.write(bytes.subarray(0, 1000))
      response.end()
    },
    'a piece of another place': (_request, response, bytes) => {
      response.writeHead(206, { 'content-range': `bytes 1-${bytes.length - 1}/${bytes.length}` })
      response.end(bytes.subarray(1))
    },
    'status 404': (_request, response) => response.writeHead(404).end('gone'),
    'status 503': (_request, response) => response.writeHead(503).end('later'),
    'a cut connection, again and again': (_request, response) => response.destroy(),
  }
  for (const [what, answer] of Object.entries(bad)) {
    it(`${what} from upstream is an error that names it, and gives no byte to anybody`, async () => {
      await using given = await setUp(openFresh, answer)
      await assert.rejects(given.read(), { code: 'upstream-failed', message: /upstream/ })
      assert.deepEqual(await given.world.stored('local'), [])
      assert.deepEqual(await given.world.copies(), ['upstream present'])
    })
  }

  it('once upstream is well again the file comes', async () => {
    let isIll = true
    await using given = await setUp(openFresh, (_request, response, bytes) => {
      if (isIll) response.writeHead(500).end()
      else response.end(bytes)
    })
    await assert.rejects(given.read(), { code: 'upstream-failed' })
    isIll = false
    assert.ok((await given.read()).equals(given.bytes))
  })

  it('a drained upstream is fetched by the vacuum, and stays known', async () => {
    await using given = await setUp(openFresh)
    await given.world.policy('upstream', { drain: 1 })
    await given.hold()
    await given.world.vacuum()
    assert.deepEqual(await given.world.copies(), ['local present', 'upstream present'])
  })

  it('an upstream that fails while a vacuum drains it loses nothing, and gives the file later', async () => {
    for (const fail of failures) {
      let isIll = true
      await using given = await setUp(openFresh, (request, response, bytes) => {
        if (isIll) fail(request, response, bytes)
        else response.end(bytes)
      })
      await given.world.policy('upstream', { drain: 1 })
      await given.hold()
      await given.world.vacuum()
      assert.deepEqual(await given.world.copies(), ['upstream present'])
      isIll = false
      await given.world.vacuum()
      assert.deepEqual(await given.world.copies(), ['local present', 'upstream present'])
    }
  })

  it('a drained upstream that gives other bytes has no good copy', async () => {
    for (const answer of [bad['other bytes'], bad['more bytes']]) {
      await using given = await setUp(openFresh, answer)
      await given.world.policy('upstream', { drain: 1 })
      await given.hold()
      await given.world.vacuum()
      assert.deepEqual(await given.world.copies(), ['upstream damaged'])
    }
  })
})

it('no answer is left with its body unread', async () => {
  const key = { sha256: '0'.repeat(64) as Sha256, generation: 0 }
  const cases: readonly { status: number; headers?: OutgoingHttpHeaders; range?: ByteRange; code?: string }[] = [
    { status: 200 },
    { status: 404, code: 'upstream-failed' },
    { status: 206, headers: { 'content-range': 'nonsense' }, code: 'upstream-failed' },
    { status: 206, headers: { 'content-range': 'bytes 7-9/10' }, range: { start: 1, end: 3 }, code: 'upstream-failed' },
    { status: 200, range: { start: 1, end: 9000 }, code: 'range-not-satisfiable' },
    { status: 200, range: { start: 8000, end: 9000 }, code: 'range-not-satisfiable' },
  ]
  for (const { status, headers, range, code } of cases) {
    const closed = Promise.withResolvers<void>()
    const server = createServer((request, response) => {
      request.socket.once('close', closed.resolve)
      response.writeHead(status, headers).write('it never ends')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const locate = async (): Promise<RemotePlace> => ({ path: 'a', sizeBytes: 1000 })
    const store = openRemoteStore({ name: 'upstream', location: { url }, locate })
    if (code === undefined) (await store.open(key)).stream.destroy()
    else await assert.rejects(store.open(key, range), { code })
    await closed.promise
    server.close()
  }
})

/** What passes. */
const failures: readonly Answer[] = [
  (_request, response) => response.writeHead(503).end('later'),
  (_request, response) => response.destroy(),
]

/** Cuts the first answer after 1,000 bytes; later ones know ranges. */
function brokenOnce(): Answer {
  let first = true
  return (request, response, bytes) => {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (first) {
      first = false
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 1000), () => response.destroy())
      return
    }
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`
    response.writeHead(206, { 'content-length': bytes.length - start, 'content-range': range })
    response.end(bytes.subarray(start))
  }
}

interface Given extends AsyncDisposable {
  readonly url: string
  readonly world: StorageWorld
  readonly scopeId: number
  readonly bytes: Buffer
  readonly file: StoredFile
  /** The ranges that upstream was asked for. */
  readonly requests: (string | undefined)[]
  read(): Promise<Buffer>
  /** Makes the file one that the scope needs. */
  hold(): Promise<void>
}

/** A file upstream, of 100,000 bytes if it is not given, at a path that must be encoded. */
async function setUp(
  openFresh: OpenFresh,
  answer: Answer = (_request, response, bytes) => response.end(bytes),
  bytes: Buffer = randomBytes(100_000),
): Promise<Given> {
  const requests: (string | undefined)[] = []
  const server = createServer((request, response) => {
    if (request.url !== '/debian/pool/a%2Bb%20c.deb') return void response.writeHead(404).end()
    requests.push(request.headers.range)
    response.setHeader('content-type', 'application/octet-stream')
    answer(request, response, bytes)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const world = await storageWorld(openFresh)
  const { port } = server.address() as AddressInfo
  const { db, storage, workspace } = world
  const sha256 = sha256Of(bytes) as Sha256
  const [file] = await db.write(async (trx) => {
    const { id } = await trx
      .insertInto('file_store')
      .values({
        name: 'upstream',
        kind: 'remote',
        location_json: JSON.stringify({ url: `http://127.0.0.1:${port}/debian/` }),
        next_generation: 0,
        used_files: 0,
        used_bytes: 0,
        holds_uploads: 0,
        created_at: 0,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    return await recordRemoteFiles(trx, id, [{ sha256, sizeBytes: bytes.length, path: 'pool/a+b c.deb' }], 1)
  })
  storage.stores.forget()
  assert.ok(file !== undefined)
  return {
    url: `http://127.0.0.1:${port}/`,
    world,
    scopeId: workspace.scopeId,
    bytes,
    file,
    requests,
    read: async () => await readAll((await storage.open(file, workspace.scopeId)).stream),
    async hold() {
      const artifact = await world.artifact({})
      await db.write((trx) =>
        trx
          .insertInto('artifact_file')
          .values({ artifact_id: artifact.id, path: 'lazy', sha256, size: bytes.length, file_id: file.id })
          .execute(),
      )
    },
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]()
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
