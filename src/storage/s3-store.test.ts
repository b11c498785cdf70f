import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFile, open, truncate } from 'node:fs/promises'
import { it } from 'node:test'
import { fileStoreConformance } from '../../test/conformance/file-store.ts'
import { type FreshBucket, onRealS3, type OpenBucket } from '../../test/support/buckets.ts'
import { faultyProxy } from '../../test/support/faulty-proxy.ts'
import { readAll } from '../../test/support/read-all.ts'
import { spooledFile } from '../../test/support/spooled.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { faultsFrom } from '../common/faults.ts'
import type { FileKey, FileStore, SpooledFile } from './file-store.ts'
import type { S3Location } from './s3-location.ts'
import { openS3Store, type S3StoreOptions } from './s3-store.ts'

const smallParts = 5 << 20

onRealS3((freshBucket) => {
  conformance('s3', freshBucket, {})
  conformance('s3 with small parts', freshBucket, { partBytes: smallParts, prefix: 'some folder/', redirect: true })

  it('keeps one large file that two servers put at once', async () => {
    await using given = await room(freshBucket)
    const bytes = randomBytes(12 << 20)
    const file = await given.spooled(bytes)
    const [one, other] = [await given.open({ partBytes: smallParts }), await given.open({ partBytes: smallParts })]
    await Promise.all([one.put(keyOf(file), file), other.put(keyOf(file), file)])
    assert.ok((await readAll((await one.open(keyOf(file))).stream)).equals(bytes))
    assert.deepEqual(await given.bucket.unfinished(), [])
  })

  it('takes a large file that is there already, and notices one that is not what it should be', async () => {
    await using given = await room(freshBucket)
    const store = await given.open({ partBytes: smallParts })
    const [file, other] = [await given.spooled(randomBytes(6 << 20)), await given.spooled(randomBytes(6 << 20))]
    await store.put(keyOf(file), file)
    await store.put(keyOf(file), file)
    await assert.rejects(store.put(keyOf(file), other), { code: 'file-corrupt' })
    assert.deepEqual(await given.bucket.unfinished(), [])
  })

  it('shows nothing of a large file that is put while its spooled bytes change or go', async () => {
    await using given = await room(freshBucket)
    const store = await given.open({ partBytes: smallParts })
    const changed = await given.spooled(randomBytes(11 << 20))
    const handle = await open(changed.path, 'r+')
    await handle.write(Buffer.from('other'), 0, 5, 7 << 20)
    await handle.close()
    const cut = await given.spooled(randomBytes(11 << 20))
    await truncate(cut.path, 10 << 20)
    for (const file of [changed, cut]) {
      await assert.rejects(store.put(keyOf(file), file), { code: 'storage-failed' })
    }
    assert.deepEqual(await given.bucket.keys(), [])
    assert.deepEqual(await given.bucket.unfinished(), [])
  })

  it('shows nothing of a small file whose spooled bytes have changed or been cut', async () => {
    await using given = await room(freshBucket)
    const store = await given.open()
    const changed = await given.spooled(Buffer.from('hello'))
    const handle = await open(changed.path, 'r+')
    await handle.write('jello', 0)
    await handle.close()
    const cut = await given.spooled(randomBytes(1000))
    await truncate(cut.path, 999)
    for (const file of [changed, cut]) {
      await assert.rejects(store.put(keyOf(file), file), { code: 'storage-failed' })
    }
    assert.deepEqual(await given.bucket.keys(), [])
  })

  it('puts no more than was spooled', async () => {
    await using given = await room(freshBucket)
    const store = await given.open()
    const file = await given.spooled(Buffer.from('hello'))
    await appendFile(file.path, ' and more')
    await store.put(keyOf(file), file)
    assert.equal((await readAll((await store.open(keyOf(file))).stream)).toString(), 'hello')
  })

  it('stops a large put when it is told to, and leaves nothing', async () => {
    await using given = await room(freshBucket)
    await using proxy = await faultyProxy(given.bucket.location.endpoint ?? '')
    const store = await given.open({ partBytes: smallParts, endpoint: proxy.url })
    const file = await given.spooled(randomBytes(21 << 20))
    const stop = new AbortController()
    proxy.plan = ({ path }) => {
      if (path.includes('partNumber=2')) stop.abort()
      return undefined
    }
    await assert.rejects(store.put(keyOf(file), file, stop.signal), { name: 'AbortError' })
    assert.deepEqual(await given.bucket.keys(), [])
    assert.deepEqual(await given.bucket.unfinished(), [])
  })

  it('fails where a test makes it, before anything is visible', async () => {
    for (const sizeBytes of [5, 6 << 20]) {
      await using given = await room(freshBucket)
      const faults = faultsFrom('store.move:enospc:1')
      const store = await given.open({ partBytes: smallParts }, { faults })
      const file = await given.spooled(randomBytes(sizeBytes))
      await assert.rejects(store.put(keyOf(file), file), { code: 'storage-full' })
      assert.deepEqual(await given.bucket.keys(), [])
      await store.put(keyOf(file), file)
      assert.equal(await store.has(keyOf(file)), sizeBytes)
    }
  })

  it('sweeps unfinished uploads of its own that are old enough, and no others', async () => {
    await using given = await room(freshBucket)
    const store = await given.open({ prefix: 'a/' })
    const digest = 'ab'.repeat(32)
    const begun = [`a/ab/${digest}`, `a/ab/${digest}.3`, `a/00/${digest}`, 'a/ab/foreign', `ab/${digest}`]
    for (const Key of begun) {
      await given.bucket.s3.createMultipartUpload({ Bucket: given.bucket.location.bucket, Key })
    }
    assert.equal(await store.sweepUnfinished(60_000), 0)
    // The clock of the server gives whole seconds.
    assert.equal(await store.sweepUnfinished(-60_000), 2)
    assert.deepEqual((await given.bucket.unfinished()).sort(), begun.slice(2).sort())
  })

  it('sees nothing of a store with another prefix in the same bucket', async () => {
    await using given = await room(freshBucket)
    const stores = await Promise.all(['', 'a', 'aab/', 'ab/'].map((prefix) => given.open({ prefix })))
    const files = await Promise.all(stores.map(() => given.spooled(randomBytes(10))))
    await Promise.all(stores.map((store, index) => store.put(keyOf(at(files, index)), at(files, index))))
    for (const [index, store] of stores.entries()) {
      const listed = (await Array.fromAsync(store.list())).map(({ key }) => key.sha256)
      assert.deepEqual(listed, [at(files, index).sha256])
      assert.equal(await store.has(keyOf(at(files, (index + 1) % files.length))), undefined)
    }
  })

  it('lists more than one page in order, between names that are hard to write down', async () => {
    await using given = await room(freshBucket)
    const store = await given.open({ prefix: 'prefix with + & %2F ü/' })
    const names = Array.from({ length: 1100 }, () => randomBytes(32).toString('hex'))
    const foreign = ['00/\u0001', '00/ä &amp; <b> +', '0', 'f0/', 'zz/zz', `uploads/${names[0]}`]
    const objects = [...names.map((name) => `${name.slice(0, 2)}/${name}`), ...foreign]
    for (let index = 0; index < objects.length; index += 20) {
      const some = objects.slice(index, index + 20)
      await Promise.all(some.map((name) => given.bucket.put(`prefix with + & %2F ü/${name}`, 'x')))
    }
    const listed = (await Array.fromAsync(store.list())).map(({ key }) => key.sha256 as string)
    assert.deepEqual(listed, names.sort())
  })

  it('gives links only where it is told to, and in the words of the public endpoint', async () => {
    await using given = await room(freshBucket)
    await using proxy = await faultyProxy(given.bucket.location.endpoint ?? '')
    const file = await given.spooled(Buffer.from('hello'))
    const key = keyOf(file)
    const silent = await given.open()
    await silent.put(key, file)
    assert.equal(await silent.link(key), undefined)
    const publicEndpoint = proxy.url.replace('127.0.0.1', 'localhost')
    const store = await given.open({ redirect: true, publicEndpoint })
    const link = (await store.link(key)) ?? ''
    assert.ok(link.startsWith(publicEndpoint), link)
    const answer = await fetch(link, { headers: { range: 'bytes=1-2' } })
    assert.equal(answer.status, 206)
    assert.equal(await answer.text(), 'el')
    assert.ok(!link.includes(given.bucket.secret.secretAccessKey))
  })

  it('says what is wrong with the place, without secrets', async () => {
    await using given = await room(freshBucket)
    const { secret, location } = given.bucket
    const wrong: readonly (readonly [RegExp, Partial<S3Location>, Partial<typeof secret>])[] = [
      [/bucket no-such-bucket of the store bucket does not exist/, { bucket: 'no-such-bucket' }, {}],
      [/403 InvalidAccessKeyId: the access key is not known/, {}, { accessKeyId: 'unknown' }],
      [/403 SignatureDoesNotMatch: the secret does not fit/, {}, { secretAccessKey: 'hush-hush' }],
      [/store bucket did not answer .*ECONNREFUSED/, { endpoint: 'http://127.0.0.1:1/' }, {}],
      [/store bucket did not answer .*ENOTFOUND/, { endpoint: 'http://no-such-host.invalid/' }, {}],
    ]
    for (const [sentence, place, key] of wrong) {
      const opening = openS3Store({
        name: 'bucket',
        location: { ...location, ...place },
        secret: { ...secret, ...key },
        limits: { attempts: 2 },
      })
      await assert.rejects(opening, (error) => {
        assert.ok(error instanceof AshlarError)
        assert.equal(error.code, 'storage-failed')
        assert.match(error.message, sentence)
        assert.doesNotMatch(error.message, /hush-hush|testtest|X-Amz/)
        return true
      })
    }
  })

  it('finds a key in the environment if it is given none', async () => {
    await using given = await room(freshBucket)
    const { accessKeyId, secretAccessKey } = given.bucket.secret
    const before = { ...process.env }
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
    try {
      const store = await openS3Store({ name: 'bucket', location: given.bucket.location, secret: null })
      const file = await given.spooled(Buffer.from('hello'))
      await store.put(keyOf(file), file)
      assert.deepEqual(await given.bucket.keys(), [`2c/${file.sha256}`])
    } finally {
      process.env = before
    }
  })

  it('says that the bucket is gone, not that its files are', async () => {
    const bucket = await freshBucket()
    const store = await openS3Store({ name: 'bucket', location: bucket.location, secret: bucket.secret })
    await bucket[Symbol.asyncDispose]()
    const key = { sha256: 'ab'.repeat(32) as Sha256, generation: 0 }
    await assert.rejects(store.has(key), { code: 'storage-failed' })
    await assert.rejects(store.open(key), { code: 'storage-failed' })
    await assert.rejects(store.delete(key), { code: 'storage-failed' })
    await assert.rejects(Array.fromAsync(store.list()), { code: 'storage-failed' })
    await assert.rejects(store.sweepUnfinished(0), { code: 'storage-failed' })
  })
})

function conformance(name: string, freshBucket: OpenBucket, more: Partial<S3Location>): void {
  fileStoreConformance(name, async () => {
    const bucket = await freshBucket()
    const location = { ...bucket.location, ...more }
    const { secret } = bucket
    const open = (): Promise<FileStore> => openS3Store({ name: 'bucket', location, secret })
    return {
      store: await open(),
      another: open,
      async truncate(key, sizeBytes) {
        const name = `${location.prefix}${key.sha256.slice(0, 2)}/${key.sha256}`
        await bucket.put(name, (await bucket.get(name)).subarray(0, sizeBytes))
      },
      async litter(name) {
        await bucket.put(`${location.prefix}00/${name}`, 'foreign')
        await bucket.put(`${location.prefix}${name}`, 'foreign')
      },
      [Symbol.asyncDispose]: () => bucket[Symbol.asyncDispose](),
    }
  })
}

interface Room extends AsyncDisposable {
  readonly bucket: FreshBucket
  readonly open: (place?: Partial<S3Location>, more?: Partial<S3StoreOptions>) => Promise<FileStore>
  readonly spooled: (bytes: Uint8Array) => Promise<SpooledFile>
}

async function room(freshBucket: OpenBucket): Promise<Room> {
  const cleanup = new AsyncDisposableStack()
  const bucket = cleanup.use(await freshBucket())
  const { path } = cleanup.use(await temporaryDirectory())
  const { secret } = bucket
  return {
    bucket,
    open: (place, more) => openS3Store({ name: 'bucket', location: { ...bucket.location, ...place }, secret, ...more }),
    spooled: (bytes) => spooledFile(path, bytes),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  }
}

function keyOf(file: SpooledFile): FileKey {
  return { sha256: file.sha256, generation: 0 }
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  assert.ok(item !== undefined)
  return item
}
