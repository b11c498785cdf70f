/** Buckets as stores, made over HTTP, on a real S3 server. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { onRealS3 } from '../../test/support/buckets.ts'
import { openServer } from '../../test/support/open-server.ts'

onRealS3((freshBucket) => {
  it('a bucket becomes a store that takes uploads; what is wrong with one is told at once', async (t) => {
    const { call } = await openServer(t)
    await using bucket = await freshBucket()
    const { location: s3 } = bucket
    // The client of the test adds members of its own to what it is given.
    const { accessKeyId, secretAccessKey } = bucket.secret
    const secret = { accessKeyId, secretAccessKey }
    const mistakes: [Record<string, unknown>, RegExp][] = [
      [{ s3: { ...s3, bucket: 'ashlar-is-not-there' }, secret }, /ashlar-is-not-there/],
      [{ s3, secret: { ...secret, secretAccessKey: 'not-the-secret' } }, /The store cloud cannot be used there\./],
      [{ s3: { ...s3, endpoint: 'http://127.0.0.1:1/' }, secret }, /The store cloud cannot be used there\./],
    ]
    for (const [wish, sentence] of mistakes) {
      const { status, body } = await call('POST', '/stores', { json: { name: 'cloud', ...wish } })
      assert.deepEqual([status, body.code], [422, 'store-unusable'], JSON.stringify(body))
      assert.match(body.detail, sentence)
      assert.doesNotMatch(JSON.stringify(body), new RegExp(`not-the-secret|${secret.secretAccessKey}`))
    }
    const wish = { name: 'cloud', s3, secret, holdsUploads: true, policy: { uploadPriority: 200 } }
    const made = await call('POST', '/stores', { json: wish })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    assert.deepEqual([made.body.s3, made.body.ownCredentials, made.body.unreachable], [s3, true, null])
    const wrong = { secret: { ...secret, secretAccessKey: 'not-the-secret' } }
    assert.equal((await call('PATCH', '/stores/cloud', { json: wrong })).status, 422)

    const bytes = Buffer.from('hello')
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const artifact = { category: 'generic', data: {}, files: [{ path: 'a', size: bytes.length, sha256 }] }
    const created = await call('POST', '/workspaces/local/main/artifacts', { json: { artifacts: [artifact] } })
    const address = `/workspaces/local/main/artifacts/${created.body.artifacts[0].id}/files/a`
    const headers = { 'content-type': 'application/octet-stream' }
    assert.ok((await call('PUT', address, { body: bytes, headers })).status < 300)
    assert.ok((await bucket.keys()).some((key) => key.includes(sha256)))
    const { body } = await call('GET', '/stores/cloud')
    assert.deepEqual([body.files, body.bytes], [1, 5])
    assert.doesNotMatch(JSON.stringify(body), new RegExp(secret.secretAccessKey))
    assert.equal((await call('PATCH', '/stores/cloud', { json: { s3: { prefix: 'x/' } } })).status, 409)
    assert.equal((await call('PATCH', '/stores/cloud', { json: { s3: { redirect: true } } })).status, 200)
    assert.equal((await call('DELETE', '/stores/cloud')).status, 409)
  })

  it('a place in a bucket is not given to two stores, and is free when its store is gone', async (t) => {
    const { call } = await openServer(t)
    await using bucket = await freshBucket()
    const { location: s3 } = bucket
    const { accessKeyId, secretAccessKey } = bucket.secret
    const secret = { accessKeyId, secretAccessKey }
    assert.equal((await call('POST', '/stores', { json: { name: 'one', s3, secret } })).status, 201)
    const twice = await call('POST', '/stores', { json: { name: 'two', s3, secret } })
    assert.deepEqual([twice.status, twice.body.code], [409, 'conflict'])
    const beside = { name: 'two', s3: { ...s3, prefix: 'two/' }, secret }
    assert.equal((await call('POST', '/stores', { json: beside })).status, 201)
    assert.equal((await call('PATCH', '/stores/two', { json: { s3: { prefix: 'three/' } } })).status, 200)
    assert.equal((await bucket.keys()).length, 2)
    assert.equal((await call('DELETE', '/stores/one')).status, 204)
    assert.equal((await call('DELETE', '/stores/two')).status, 204)
    assert.deepEqual(await bucket.keys(), [])
  })
})
