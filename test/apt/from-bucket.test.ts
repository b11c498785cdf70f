/** The real apt, and an administrator's commands, with a real bucket: downloads through the server and past it. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { it } from 'node:test'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { onRealS3 } from '../support/buckets.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish } from '../support/upload.ts'

const options = { skip: (await aptMissing()) ?? false }

onRealS3((freshBucket) => {
  it(
    'a store in a bucket is made by a command, and apt is sent to it by links that hold for a while',
    options,
    async () => {
      await using bucket = await freshBucket()
      await using home = await temporaryDirectory()
      await using server = await serve({ home: home.path })
      const { location, secret } = bucket
      await writeFile(`${home.path}/secret`, secret.secretAccessKey, { mode: 0o600 })
      const place = ['--bucket', location.bucket, '--endpoint', location.endpoint ?? '']
      const key = ['--access-key-id', secret.accessKeyId, '--secret-file', 'secret']
      await done(server, 'store', 'create', 'cloud', '--kind', 's3', ...place, ...key, '--upload-priority', '200')
      await done(server, 'store', 'policy', 'local', '--drain', '--upload-priority', 'none')
      await server.workspace.createSuite({ name: 'stable' })
      const deb = makeDeb({ name: 'hello', version: '1.0', files: { 'usr/share/hello': 'x'.repeat(100_000) } })
      await publish(server, 'stable', { 'hello_1.0_all.deb': deb })
      await using apt = await aptRoot()
      await apt.source(await server.workspace.sources('stable'))
      const { code, output } = await apt.update()
      assert.equal(code, 0, output)
      const pool = `${server.apt}pool/main/h/hello/hello_1.0_all.deb`
      assert.equal((await fetch(pool, { redirect: 'manual' })).status, 200)
      assert.deepEqual((await apt.download('download', 'hello')).get('hello_1.0_all.deb'), deb)

      await done(server, 'store', 'set', 'cloud', '--redirect')
      // What a server knows of stores is at most a second old.
      await new Promise((resolve) => {
        setTimeout(resolve, 1200)
      })
      const sent = await fetch(pool, { redirect: 'manual' })
      assert.equal(sent.status, 302)
      assert.equal(sent.headers.get('cache-control'), 'no-store')
      assert.ok(sent.headers.get('location')?.startsWith(location.endpoint ?? ''))
      assert.deepEqual((await apt.download('download', 'hello')).get('hello_1.0_all.deb'), deb)
      const part = await fetch(pool, { headers: { range: 'bytes=10-19' } })
      assert.equal(part.status, 206)
      assert.deepEqual(Buffer.from(await part.arrayBuffer()), deb.subarray(10, 20))
    },
  )
})

async function done(server: Server, ...words: string[]): Promise<void> {
  const { code, stderr } = await server.ashlar(...words)
  assert.equal(code, 0, stderr)
}
