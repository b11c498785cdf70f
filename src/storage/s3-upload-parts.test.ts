import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { onRealS3, type OpenBucket } from '../../test/support/buckets.ts'
import { readAll } from '../../test/support/read-all.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { openS3Bucket } from './s3-bucket.ts'
import { s3Store } from './s3-store.ts'
import { s3UploadParts } from './s3-upload-parts.ts'
import type { UploadPart, UploadParts } from './upload-parts.ts'

onRealS3((freshBucket) => {
  it('gives the parts of an upload to another server, in order', async () => {
    await using given = await room(freshBucket)
    const [here, there] = [await given.open(), await given.open()]
    const bytes = randomBytes(3_000_000)
    const path = await given.file(bytes)
    const id = randomUUID()
    const parts: UploadPart[] = []
    for (const [start, end] of [
      [0, 1],
      [1, 1_500_000],
      [1_500_000, 3_000_000],
    ] as const) {
      await here.put(id, start, { path, start, end })
      parts.push({ start, sizeBytes: end - start })
    }
    assert.ok((await readAll(there.read(id, parts))).equals(bytes))
    assert.ok((await readAll(there.read(id, parts.slice(0, 2)))).equals(bytes.subarray(0, 1_500_000)))
    assert.equal((await readAll(there.read(id, []))).length, 0)
  })

  it('replaces a part that is kept again', async () => {
    await using given = await room(freshBucket)
    const parts = await given.open()
    const id = randomUUID()
    const path = await given.file(Buffer.from('hello world'))
    await parts.put(id, 0, { path, start: 0, end: 5 })
    await parts.put(id, 0, { path, start: 0, end: 5 })
    await parts.put(id, 0, { path, start: 0, end: 11 })
    assert.equal((await readAll(parts.read(id, [{ start: 0, sizeBytes: 11 }]))).toString(), 'hello world')
  })

  it('notices a part that is missing or has another size', async () => {
    await using given = await room(freshBucket)
    const parts = await given.open()
    const id = randomUUID()
    await parts.put(id, 0, { path: await given.file(Buffer.from('hello')), start: 0, end: 5 })
    for (const sizeBytes of [4, 6]) {
      await assert.rejects(readAll(parts.read(id, [{ start: 0, sizeBytes }])), { code: 'file-corrupt' })
    }
    const read = parts.read(id, [
      { start: 0, sizeBytes: 5 },
      { start: 5, sizeBytes: 1 },
    ])
    await assert.rejects(readAll(read), { code: 'file-corrupt', message: /from byte 5 on is missing/ })
  })

  it('keeps nothing of a part whose file is shorter or missing', async () => {
    await using given = await room(freshBucket)
    const parts = await given.open()
    const path = await given.file(Buffer.from('hello'))
    await assert.rejects(parts.put(randomUUID(), 0, { path, start: 0, end: 6 }), { code: 'storage-failed' })
    await assert.rejects(parts.put(randomUUID(), 0, { path: `${path}x`, start: 0, end: 5 }), { code: 'storage-failed' })
    assert.deepEqual(await Array.fromAsync(parts.list()), [])
  })

  it('lists uploads with their age, and removes one with all its parts and no other', async () => {
    await using given = await room(freshBucket)
    const parts = await given.open()
    const path = await given.file(Buffer.from('hello'))
    const ids = [randomUUID(), randomUUID()].sort()
    const startedAt = Date.now()
    for (const id of ids) {
      for (const start of [0, 5, 2 ** 52]) await parts.put(id, start, { path, start: 0, end: 5 })
    }
    await given.litter('uploads/other/0')
    await given.litter(`uploads/${ids[0]}/other`)
    const listed = await Array.fromAsync(parts.list())
    assert.deepEqual(
      listed.map(({ id, sizeBytes }) => ({ id, sizeBytes })),
      ids.map((id) => ({ id, sizeBytes: 15 })),
    )
    for (const { modifiedAtMs } of listed) assert.ok(Math.abs(modifiedAtMs - startedAt) < 60_000)
    await parts.remove(ids[0] ?? '')
    await parts.remove(ids[0] ?? '')
    assert.deepEqual(
      (await Array.fromAsync(parts.list())).map(({ id }) => id),
      ids.slice(1),
    )
  })

  it('is not seen by the store in the same place, nor swept by it', async () => {
    await using given = await room(freshBucket)
    const bucket = await given.openBucket()
    const id = randomUUID()
    const path = await given.file(Buffer.from('hello'))
    await s3UploadParts(bucket).put(id, 0, { path, start: 0, end: 5 })
    const store = s3Store(bucket)
    assert.deepEqual(await Array.fromAsync(store.list()), [])
    assert.equal(await store.sweepUnfinished(-60_000), 0)
    assert.equal((await readAll(s3UploadParts(bucket).read(id, [{ start: 0, sizeBytes: 5 }]))).toString(), 'hello')
  })

  it('stops when it is told to', async () => {
    await using given = await room(freshBucket)
    const parts = await given.open()
    const id = randomUUID()
    const slice = { path: await given.file(Buffer.from('hello')), start: 0, end: 5 }
    const signal = AbortSignal.abort()
    await assert.rejects(parts.put(id, 0, slice, signal), { name: 'AbortError' })
    await assert.rejects(readAll(parts.read(id, [{ start: 0, sizeBytes: 5 }], signal)), { name: 'AbortError' })
    await assert.rejects(Array.fromAsync(parts.list(signal)), { name: 'AbortError' })
    await assert.rejects(parts.remove(id, signal), { name: 'AbortError' })
  })
})

interface Room extends AsyncDisposable {
  /** As another server would open it. */
  readonly open: () => Promise<UploadParts>
  readonly openBucket: () => ReturnType<typeof openS3Bucket>
  readonly file: (bytes: Uint8Array) => Promise<string>
  readonly litter: (name: string) => Promise<void>
}

async function room(freshBucket: OpenBucket): Promise<Room> {
  const cleanup = new AsyncDisposableStack()
  const bucket = cleanup.use(await freshBucket())
  const directory = cleanup.use(await temporaryDirectory())
  const location = { ...bucket.location, prefix: 'some folder/' }
  const openBucket = (): ReturnType<typeof openS3Bucket> =>
    openS3Bucket({ name: 'bucket', location, secret: bucket.secret })
  return {
    open: async () => s3UploadParts(await openBucket()),
    openBucket,
    async file(bytes) {
      const path = join(directory.path, randomUUID())
      await writeFile(path, bytes)
      return path
    },
    litter: (name) => bucket.put(location.prefix + name, 'foreign'),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  }
}
