/** Servers with nothing in common but one PostgreSQL and one bucket. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { openDatabase } from '../../src/database/database.ts'
import { type FreshBucket, onRealS3 } from '../support/buckets.ts'
import { forEachDialect } from '../support/databases.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { proveSame, uploadSeries } from './several-servers.ts'

const mib = 1 << 20

onRealS3((freshBucket) => {
  forEachDialect((dialect, _open, createEmpty) => {
    if (dialect === 'sqlite') return

    it('publish together, and serve each other what they took', async () => {
      await using bucket = await freshBucket()
      await using home = await temporaryDirectory()
      const { url } = await createEmpty()
      await using one = await serveIn(home.path, 'one', url)
      await keepInBucket(url, bucket)
      await one.workspace.createSuite({ name: 'stable' })
      await using other = await serveIn(home.path, 'other', url)
      const acknowledged = await Promise.all([
        uploadSeries(one, 'one', 6),
        uploadSeries(other, 'other', 6),
        uploadSeries(one, 'more', 6),
      ])
      await proveSame(acknowledged, [one, other])
      await one.kill()
      const later = await uploadSeries(other, 'later', 3)
      await proveSame([...acknowledged, later], [other])
    })

    it('continue an upload that was begun at the other, also when that was killed', async () => {
      await using bucket = await freshBucket()
      await using home = await temporaryDirectory()
      const { url } = await createEmpty()
      await using one = await serveIn(home.path, 'one', url)
      await keepInBucket(url, bucket)
      await using other = await serveIn(home.path, 'other', url)

      const begun = await announce(one, 20 * mib)
      const half = begun.bytes.length / 2 + 1
      assert.equal((await send(one, begun, 0, half)).status, 202)
      assert.equal(await offsetAt(other, begun), half)
      assert.equal((await send(other, begun, half, begun.bytes.length)).status, 200)
      assert.ok((await download(one, begun)).equals(begun.bytes))

      const doomed = await announce(one, 40 * mib)
      const sending = sendSlowly(one, doomed, 36 * mib)
      while ((await offsetAt(other, doomed)) < 16 * mib) await sending.more()
      await one.kill()
      await sending.ended
      const offset = await offsetAt(other, doomed)
      assert.ok(offset >= 16 * mib && offset < doomed.bytes.length, `offset ${offset}`)
      assert.equal((await send(other, doomed, offset, doomed.bytes.length)).status, 200)
      assert.ok((await download(other, doomed)).equals(doomed.bytes))
      const leftovers = (await bucket.keys()).filter((key) => key.startsWith(`uploads/`))
      assert.ok(leftovers.length <= 3, `what a killed server left is little, and swept later: ${leftovers.length}`)
    })
  })
})

/** The bucket takes all uploads, and keeps those in progress; what lies elsewhere stays. */
async function keepInBucket(url: string, { location, secret }: FreshBucket): Promise<void> {
  await using database = await openDatabase(url)
  await database.write(async (trx) => {
    await trx.updateTable('store_policy').set({ upload_priority: null }).execute()
    const { id } = await trx
      .insertInto('file_store')
      .values({
        name: 'bucket',
        kind: 's3',
        location_json: JSON.stringify(location),
        secret_json: JSON.stringify(secret),
        next_generation: 0,
        used_files: 0,
        used_bytes: 0,
        holds_uploads: 1,
        created_at: 0,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await trx
      .insertInto('store_policy')
      .values({ store_id: id, upload_priority: 100, populate: 0, drain: 0, read_only: 0, write_only: 0 })
      .execute()
  })
  // What servers know of stores is at most a second old.
  await new Promise((resolve) => {
    setTimeout(resolve, 1200)
  })
}

/** With a data directory that no other server has. */
async function serveIn(home: string, name: string, database: string): Promise<Server> {
  await mkdir(join(home, name))
  return await serve({ home: join(home, name), database })
}

interface Announced {
  readonly path: string
  readonly bytes: Buffer
}

async function announce(server: Server, sizeBytes: number): Promise<Announced> {
  const bytes = randomBytes(sizeBytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const wish = { category: 'generic', files: [{ path: 'a', size: sizeBytes, sha256 }] }
  const [artifact] = await server.workspace.createArtifacts([wish])
  assert.ok(artifact !== undefined)
  return { path: `/api/v1/workspaces/local/main/artifacts/${artifact.id}/files/a`, bytes }
}

async function send(server: Server, { path, bytes }: Announced, start: number, end: number): Promise<Response> {
  return await server.request(path, {
    method: 'PUT',
    headers: {
      'content-type': 'application/octet-stream',
      'content-range': `bytes ${start}-${end - 1}/${bytes.length}`,
    },
    body: new Uint8Array(bytes.subarray(start, end)),
  })
}

/** Sends pieces of the beginning one by one; the request never gets further than `limit`. */
function sendSlowly(
  server: Server,
  { path, bytes }: Announced,
  limit: number,
): { more(): Promise<void>; readonly ended: Promise<unknown> } {
  let position = 0
  let wake = Promise.withResolvers<void>()
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await wake.promise
      if (position >= limit) return
      wake = Promise.withResolvers<void>()
      const piece = bytes.subarray(position, Math.min(limit, position + mib))
      position += piece.length
      controller.enqueue(new Uint8Array(piece))
    },
  })
  const init = {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) },
    body,
    duplex: 'half' as const,
  }
  const ended = server.request(path, init).catch(() => undefined)
  return {
    async more() {
      wake.resolve()
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    },
    ended,
  }
}

async function offsetAt(server: Server, { path }: Announced): Promise<number> {
  const answer = await server.request(path, { method: 'HEAD' })
  return Number(answer.headers.get('upload-offset') ?? 0)
}

async function download(server: Server, { path }: Announced): Promise<Buffer> {
  const answer = await server.request(path)
  assert.equal(answer.status, 200)
  return Buffer.from(await answer.arrayBuffer())
}
