/** The S3 store behind a network and a server that fail: it does what it says, or says that it could not. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FreshBucket, onRealS3, type OpenBucket } from '../../test/support/buckets.ts'
import {
  always,
  type Fault,
  type FaultyProxy,
  faultyProxy,
  first,
  noFault,
  sometimes,
} from '../../test/support/faulty-proxy.ts'
import { readAll } from '../../test/support/read-all.ts'
import { spooledFile } from '../../test/support/spooled.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { AshlarError } from '../common/errors.ts'
import type { FileKey, FileStore, SpooledFile } from './file-store.ts'
import type { S3Limits } from './s3-client.ts'
import { openS3Store } from './s3-store.ts'

const partBytes = 5 << 20

const unavailable: Fault = { kind: 'answer', status: 503, code: 'SlowDown' }

const faults: readonly Fault[] = [
  { kind: 'refuse' },
  { kind: 'cut-request', afterBytes: 0 },
  { kind: 'cut-request', afterBytes: 100_000 },
  { kind: 'lose-answer' },
  { kind: 'cut-answer', afterBytes: 0 },
  { kind: 'cut-answer', afterBytes: 200 },
  { kind: 'cut-answer', afterBytes: 150_000 },
  { kind: 'shorten-answer', afterBytes: 0 },
  { kind: 'shorten-answer', afterBytes: 200 },
  { kind: 'shorten-answer', afterBytes: 700 },
  { kind: 'shorten-answer', afterBytes: 150_000 },
  { kind: 'delay', ms: 20 },
  { kind: 'answer', status: 500 },
  unavailable,
  { kind: 'answer', status: 429, code: 'TooManyRequests' },
  { kind: 'answer', status: 502, body: '<html><body>Bad gateway</body></html>' },
]

/** Resolves if it was done, and throws an assertion if what it gave is wrong. */
type Deed = (given: Room, store: FileStore) => Promise<void>

/** What can be done with a store. */
const deeds: Readonly<Record<string, Deed>> = {
  'put a small file': async ({ fresh }, store) => {
    const file = await fresh.small()
    await store.put(keyOf(file), file)
  },
  'put a large file': async ({ fresh }, store) => {
    const file = await fresh.large()
    await store.put(keyOf(file), file)
  },
  'put a file that is there': async ({ kept }, store) => store.put(keyOf(kept.file), kept.file),
  'read a file': async ({ kept }, store) => {
    assert.ok((await readAll((await store.open(keyOf(kept.file))).stream)).equals(kept.bytes))
  },
  'read a range': async ({ kept }, store) => {
    const { stream, sizeBytes } = await store.open(keyOf(kept.file), { start: 1000, end: 250_000 })
    assert.equal(sizeBytes, kept.bytes.length)
    assert.ok((await readAll(stream)).equals(kept.bytes.subarray(1000, 250_000)))
  },
  'look for a file': async ({ kept }, store) => {
    assert.equal(await store.has(keyOf(kept.file)), kept.bytes.length)
  },
  'look for a file that is not there': async ({ kept }, store) => {
    assert.equal(await store.has({ ...keyOf(kept.file), generation: 7 }), undefined)
  },
  'delete a file': async ({ doomed }, store) => store.delete(keyOf(doomed)),
  'list all files': async ({ kept }, store) => {
    const listed = await Array.fromAsync(store.list(), ({ key }) => key.sha256)
    assert.ok(listed.includes(kept.file.sha256))
    assert.deepEqual(listed, listed.toSorted())
  },
  'sweep what is unfinished': async (_, store) => {
    await store.sweepUnfinished(60_000)
  },
}

onRealS3((freshBucket) => {
  describe('while every request fails, a store can', { concurrency: 4 }, () => {
    for (const [name, deed] of Object.entries(deeds)) {
      it(`${name}, or say that it cannot; and afterwards it can`, async () => {
        for (const fault of faults) {
          await using given = await room(freshBucket)
          const store = await given.open({ attempts: 2 })
          given.proxy.plan = always(fault)
          await doneOrRefused(deed(given, store), fault)
          given.proxy.plan = noFault
          await given.nothingIsWrong()
          await deed(given, store)
          await given.nothingIsWrong()
        }
      })
    }
  })

  it('does everything in the end if the server is unavailable a few times', async () => {
    await eachAtOnce(async (_, deed) => {
      await using given = await room(freshBucket)
      const store = await given.open()
      given.proxy.plan = first(3, unavailable)
      await deed(given, store)
      assert.equal(given.proxy.faults(), 3)
      await given.nothingIsWrong()
    })
  })

  it('has put a file whose answer was lost', async () => {
    for (const size of ['small', 'large'] as const) {
      await using given = await room(freshBucket)
      const store = await given.open()
      const file = await given.fresh[size]()
      // The request that makes the file visible.
      given.proxy.plan = first(1, { kind: 'lose-answer' }, ({ method, path }) =>
        size === 'small' ? method === 'PUT' : method === 'POST' && path.includes('uploadId='),
      )
      await store.put(keyOf(file), file)
      assert.equal(given.proxy.faults(), 1)
      assert.equal(await store.has(keyOf(file)), file.sizeBytes)
      assert.deepEqual(await given.bucket.unfinished(), [])
    }
  })

  it('leaves no unfinished upload if a part is refused', async () => {
    await using given = await room(freshBucket)
    const store = await given.open({ attempts: 2 })
    const large = await given.fresh.large()
    given.proxy.plan = always({ kind: 'answer', status: 500 }, ({ path }) => path.includes('partNumber=2'))
    await assert.rejects(store.put(keyOf(large), large), { code: 'storage-failed' })
    assert.deepEqual(await given.bucket.unfinished(), [])
    assert.equal(await store.has(keyOf(large)), undefined)
  })

  it('never overwrites at a server that has no conditional puts either', async () => {
    await using given = await room(freshBucket)
    const store = await given.open()
    given.proxy.plan = always({ kind: 'answer', status: 501, code: 'NotImplemented' }, ({ headers }) =>
      Object.hasOwn(headers, 'if-none-match'),
    )
    const [small, large] = [await given.fresh.small(), await given.fresh.large()]
    for (const file of [small, large]) {
      await store.put(keyOf(file), file)
      await store.put(keyOf(file), file)
      assert.equal(await store.has(keyOf(file)), file.sizeBytes)
    }
    await assert.rejects(store.put(keyOf(small), given.doomed), { code: 'file-corrupt' })
  })

  it('says that there is no room', async () => {
    const answers: readonly Fault[] = [
      { kind: 'answer', status: 403, code: 'QuotaExceeded' },
      { kind: 'answer', status: 507, code: 'InsufficientStorage' },
    ]
    for (const answer of answers) {
      await using given = await room(freshBucket)
      const store = await given.open()
      given.proxy.plan = always(
        answer,
        ({ method, headers }) => method === 'PUT' && headers['content-md5'] !== undefined,
      )
      for (const file of [await given.fresh.small(), await given.fresh.large()]) {
        await assert.rejects(store.put(keyOf(file), file), { code: 'storage-full' })
      }
      assert.deepEqual(await given.bucket.unfinished(), [])
    }
  })

  it('takes no file for missing where something else than the bucket answers', async () => {
    await using given = await room(freshBucket)
    const store = await given.open({ attempts: 1 })
    for (const status of [200, 301, 403, 404]) {
      given.proxy.plan = always({ kind: 'answer', status, body: '<html><body>Something</body></html>' })
      for (const [name, deed] of Object.entries(deeds)) {
        // Of an answer to this only the status counts.
        if (status === 200 && name === 'delete a file') continue
        await assert.rejects(deed(given, store), { code: 'storage-failed' }, `${name} with ${status}`)
      }
    }
  })

  it('gives up a server that falls silent', async () => {
    await eachAtOnce(async (name, deed) => {
      await using given = await room(freshBucket)
      const store = await given.open({ attempts: 2, silenceMs: 300 })
      given.proxy.plan = always({ kind: 'hang' })
      await assert.rejects(deed(given, store), { code: 'storage-failed' }, name)
    })
  })

  it('gives up a server that falls silent in the middle of a file, but not a reader who rests', async () => {
    await using given = await room(freshBucket)
    const silenceMs = 1500
    const bytes = randomBytes(15 << 20)
    const file = await given.spooled(bytes)
    const store = await given.open({ silenceMs })
    await store.put(keyOf(file), file)
    const { stream } = await store.open(keyOf(file))
    const read: Buffer[] = []
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (read.length === 0) await sleep(2.5 * silenceMs)
      read.push(chunk)
    }
    assert.ok(Buffer.concat(read).equals(bytes))
    given.proxy.plan = always({ kind: 'hang-answer', afterBytes: 1 << 20 })
    await assert.rejects(readAll((await store.open(keyOf(file))).stream), { code: 'storage-failed' })
  })

  it('lets go of its sockets, whether a stream is read, left or never begun', async () => {
    await using given = await room(freshBucket)
    const store = await given.open({ sockets: 2 })
    for (let round = 0; round < 10; round += 1) {
      const streams = await Promise.all([1, 2].map(async () => (await store.open(keyOf(given.kept.file))).stream))
      if (round % 2 === 0) for (const stream of streams) for await (const _ of stream) break
      for (const stream of streams) stream.destroy()
    }
    assert.equal(await store.has(keyOf(given.kept.file)), given.kept.bytes.length)
  })

  for (const seed of [1, 2, 3, 4]) {
    it(`does what it says while a third of all requests fails (seed ${seed})`, async () => {
      await using given = await room(freshBucket)
      const store = await given.open()
      const isDone = new Set<string>()
      given.proxy.plan = sometimes(seed, 1 / 3, faults)
      for (let round = 0; round < 4; round += 1) {
        for (const [name, deed] of Object.entries(deeds)) {
          if (await doneOrRefused(deed(given, store), `${name} in round ${round}`)) isDone.add(name)
        }
      }
      given.proxy.plan = noFault
      await given.nothingIsWrong()
      // What was done stays done.
      const { small, large } = given.fresh
      for (const [name, spool] of [
        ['put a small file', small],
        ['put a large file', large],
      ] as const) {
        if (isDone.has(name)) assert.equal(await store.has(keyOf(await spool())), (await spool()).sizeBytes)
      }
      if (isDone.has('delete a file')) assert.equal(await store.has(keyOf(given.doomed)), undefined)
    })
  }
})

async function eachAtOnce(check: (name: string, deed: Deed) => Promise<void>): Promise<void> {
  await Promise.all(Object.entries(deeds).map(([name, deed]) => check(name, deed)))
}

interface Room extends AsyncDisposable {
  readonly bucket: FreshBucket
  readonly proxy: FaultyProxy
  /** Opens the store behind the proxy. */
  readonly open: (limits?: Partial<S3Limits>) => Promise<FileStore>
  readonly spooled: (bytes: Uint8Array) => Promise<SpooledFile>
  /** Lies in the store. */
  readonly kept: { readonly file: SpooledFile; readonly bytes: Buffer }
  /** Lies there too, until it is deleted. */
  readonly doomed: SpooledFile
  /** Do not lie there yet. */
  readonly fresh: { readonly small: () => Promise<SpooledFile>; readonly large: () => Promise<SpooledFile> }
  /** Reads everything past the proxy: each file is there as it should be, or not at all. */
  readonly nothingIsWrong: () => Promise<void>
}

async function room(freshBucket: OpenBucket): Promise<Room> {
  const cleanup = new AsyncDisposableStack()
  const bucket = cleanup.use(await freshBucket())
  const proxy = cleanup.use(await faultyProxy(bucket.location.endpoint ?? ''))
  const { path } = cleanup.use(await temporaryDirectory())
  const spooled = (bytes: Uint8Array): Promise<SpooledFile> => spooledFile(path, bytes)
  const { secret } = bucket
  const location = { ...bucket.location, partBytes }
  const direct = await openS3Store({ name: 'bucket', location, secret })
  const bytes = randomBytes(300_000)
  const [file, doomed] = [await spooled(bytes), await spooled(randomBytes(10))]
  for (const each of [file, doomed]) await direct.put(keyOf(each), each)
  const known = new Map([file, doomed].map((each) => [each.sha256, each]))
  const once = (sizeBytes: number): (() => Promise<SpooledFile>) => {
    let spooling: Promise<SpooledFile> | undefined
    return async () => {
      const each = await (spooling ??= spooled(randomBytes(sizeBytes)))
      known.set(each.sha256, each)
      return each
    }
  }
  const fresh = { small: once(300_000), large: once(11 << 20) }
  return {
    bucket,
    proxy,
    spooled,
    kept: { file, bytes },
    doomed,
    fresh,
    open: (limits = {}) =>
      openS3Store({ name: 'bucket', location: { ...location, endpoint: proxy.url }, secret, limits }),
    async nothingIsWrong() {
      for await (const { key } of direct.list()) {
        const each = known.get(key.sha256)
        assert.ok(each !== undefined)
        // Compares what lies there.
        await direct.put(key, each)
      }
      assert.equal(await direct.has(keyOf(file)), file.sizeBytes)
    },
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  }
}

/** Whether it was done; false if it was refused as it should be. */
async function doneOrRefused(deed: Promise<void>, what: unknown): Promise<boolean> {
  try {
    await deed
    return true
  } catch (error) {
    if (error instanceof AshlarError && error.code === 'storage-failed') return false
    throw new Error(`After ${JSON.stringify(what)}`, { cause: error })
  }
}

function keyOf(file: SpooledFile): FileKey {
  return { sha256: file.sha256, generation: 0 }
}
