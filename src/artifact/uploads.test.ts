import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { artifactRoom, pieces, type ArtifactRoom } from '../../test/support/artifact-room.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { makeSource } from '../../test/support/make-deb.ts'
import { readAll } from '../../test/support/read-all.ts'
import { storageWorld } from '../../test/support/storage-world.ts'
import type { Artifact, Artifacts } from './artifacts.ts'

/** Large enough to be recorded while it is under way. */
const large = randomBytes(3 << 20)

forEachDialect((_dialect, openFresh) => {
  it('an upload that stops continues where it stopped', async () => {
    await using room = await artifactRoom(openFresh)
    for (const bytes of [large, large.subarray(0, 10_000)]) {
      const artifact = await room.announce('generic', { a: bytes })
      const part = await sendPart(room, artifact, bytes, 0, 4000)
      assert.deepEqual([part.complete, part.files[0]?.offset], [false, 4000])
      assert.deepEqual(await room.artifacts.offset(room.workspace, artifact.id, 'a'), {
        offset: 4000,
        size: bytes.length,
        complete: false,
      })
      assert.equal((await sendPart(room, artifact, bytes, 4000, 4000)).files[0]?.offset, 4000)
      assert.equal((await sendPart(room, artifact, bytes, 4000, 9000)).files[0]?.offset, 9000)
      assert.equal((await sendPart(room, artifact, bytes, 9000, bytes.length)).complete, true)
      await assertStored(room, artifact, bytes)
    }
  })

  it('an upload whose connection breaks continues in another process', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: large })
    await assert.rejects(
      upload(room.artifacts, room, artifact, {
        bytes: (async function* () {
          yield large.subarray(0, 2_000_000)
          throw new Error('connection lost')
        })(),
        start: 0,
        total: large.length,
      }),
      /connection lost/,
    )
    await using other = await room.another()
    const { offset } = await other.artifacts.offset(room.workspace, artifact.id, 'a')
    assert.equal(offset, 2_000_000)
    const body = { bytes: pieces(large.subarray(offset)), start: offset, total: large.length }
    assert.equal((await upload(other.artifacts, room, artifact, body)).complete, true)
    await assertStored(room, artifact, large)
  })

  it('another offset than the stored one is refused with the stored one', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: large })
    await assert.rejects(sendPart(room, artifact, large, 5, 10), { code: 'upload-offset', extra: { offset: 0 } })
    await sendPart(room, artifact, large, 0, 1000)
    for (const start of [1, 999, 1001]) {
      await assert.rejects(sendPart(room, artifact, large, start, 2000), {
        code: 'upload-offset',
        extra: { offset: 1000 },
      })
    }
    assert.equal((await sendPart(room, artifact, large, 1000, large.length)).complete, true)
  })

  it('an upload may begin again at 0', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: large })
    await sendPart(room, artifact, large, 0, 2_000_000)
    assert.equal((await room.send(artifact, 'a', large)).complete, true)
    assert.deepEqual(await room.db.read.selectFrom('upload').selectAll().execute(), [])
    assert.deepEqual(await readdir(join(room.dataDirectory, 'spool')), [])
  })

  it('other bytes than announced are dropped, and the right ones are taken then', async () => {
    await using room = await artifactRoom(openFresh)
    for (const bytes of [large, large.subarray(0, 5000)]) {
      const artifact = await room.announce('generic', { a: bytes })
      const wrong = Buffer.from(bytes)
      wrong[1234] = (wrong[1234] ?? 0) ^ 1
      await assert.rejects(room.send(artifact, 'a', wrong), { code: 'digest-mismatch' })
      assert.deepEqual((await room.artifacts.get(room.workspace, artifact.id)).missing, ['a'])
      assert.equal((await room.artifacts.offset(room.workspace, artifact.id, 'a')).offset, 0)
      assert.deepEqual(await readdir(join(room.dataDirectory, 'spool')), [])
      assert.deepEqual(await room.db.read.selectFrom('upload').selectAll().execute(), [])
      assert.equal((await room.send(artifact, 'a', bytes)).complete, true)
    }
    assert.equal((await room.db.read.selectFrom('file').selectAll().execute()).length, 2)
  })

  it('more bytes than announced, or another total, are refused', async () => {
    await using room = await artifactRoom(openFresh)
    const bytes = randomBytes(5000)
    const artifact = await room.announce('generic', { a: bytes })
    const longer = { bytes: pieces(Buffer.concat([bytes, bytes])), start: 0, total: bytes.length }
    await assert.rejects(upload(room.artifacts, room, artifact, longer), { code: 'too-large' })
    const other = { bytes: pieces(bytes), start: 0, total: bytes.length + 1 }
    await assert.rejects(upload(room.artifacts, room, artifact, other), { code: 'digest-mismatch' })
    assert.equal((await room.artifacts.get(room.workspace, artifact.id)).complete, false)
  })

  it('many uploads of one file at once all succeed', async () => {
    await using room = await artifactRoom(openFresh)
    await using other = await room.another()
    const artifact = await room.announce('generic', { a: large })
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        upload((index % 2 === 0 ? room : other).artifacts, room, artifact, {
          bytes: pieces(large, 100_000 + index),
          start: 0,
          total: large.length,
        }),
      ),
    )
    assert.ok(results.every((result) => result.complete))
    await assertStored(room, artifact, large)
    assert.deepEqual(await room.db.read.selectFrom('upload').selectAll().execute(), [])
    assert.deepEqual(await readdir(join(room.dataDirectory, 'spool')), [])
  })

  it('a bad upload beside a good one of the same file harms nothing', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: large })
    const wrong = randomBytes(large.length)
    const outcomes = await Promise.allSettled([wrong, large, wrong].map((bytes) => room.send(artifact, 'a', bytes)))
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['rejected', 'fulfilled', 'rejected'],
    )
    await assertStored(room, artifact, large)
  })

  it('the newer of two requests that continue an upload wins, and the older ends', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: large })
    await sendPart(room, artifact, large, 0, 1000)
    const started = Promise.withResolvers<void>()
    const stuck = upload(room.artifacts, room, artifact, {
      bytes: (async function* () {
        yield large.subarray(1000, 2000)
        started.resolve()
        await new Promise(() => {})
      })(),
      start: 1000,
      total: large.length,
    })
    await started.promise
    const [older, newer] = await Promise.allSettled([stuck, sendPart(room, artifact, large, 2000, large.length)])
    assert.ok(older.status === 'rejected')
    assert.ok(newer.status === 'fulfilled' && newer.value.complete)
    await assertStored(room, artifact, large)
  })

  it('a request that ends after another server went on with its upload changes nothing', async () => {
    await using room = await artifactRoom(openFresh)
    await using other = await room.another()
    for (const end of ['breaks off', 'stops'] as const) {
      const sent = randomBytes(large.length)
      const artifact = await room.announce('generic', { a: sent })
      const cut = Promise.withResolvers<void>()
      const started = Promise.withResolvers<void>()
      const older = upload(room.artifacts, room, artifact, {
        bytes: (async function* () {
          yield sent.subarray(0, 1_000_000)
          started.resolve()
          await cut.promise
          if (end === 'breaks off') throw new Error('connection lost')
        })(),
        start: 0,
        total: sent.length,
      })
      await started.promise
      const bytes = pieces(sent.subarray(1_000_000, 2_000_000))
      await upload(other.artifacts, room, artifact, { bytes, start: 1_000_000, total: sent.length })
      cut.resolve()
      if (end === 'breaks off') await assert.rejects(older, /connection lost/)
      else assert.equal((await older).files[0]?.offset, 2_000_000)
      for (const { artifacts } of [room, other]) {
        assert.equal((await artifacts.offset(room.workspace, artifact.id, 'a')).offset, 2_000_000)
      }
      assert.equal((await room.db.read.selectFrom('upload').selectAll().execute()).length, 1)
      assert.equal((await readdir(join(room.dataDirectory, 'spool'))).length, 1)
      assert.equal((await sendPart(room, artifact, sent, 2_000_000, sent.length)).complete, true)
    }
  })

  it('an aborted request ends at once, and keeps what came', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: large })
    const controller = new AbortController()
    const body = {
      bytes: (async function* () {
        yield large.subarray(0, 1000)
        controller.abort()
        await new Promise(() => {})
      })(),
      start: 0,
      total: large.length,
    }
    await assert.rejects(room.artifacts.upload(room.workspace, artifact.id, 'a', body, controller.signal), {
      name: 'AbortError',
    })
    assert.equal((await room.artifacts.offset(room.workspace, artifact.id, 'a')).offset, 1000)
  })

  it('a file that is there may be sent again, and only with the same bytes', async () => {
    await using room = await artifactRoom(openFresh)
    const bytes = randomBytes(5000)
    const artifact = await room.announce('generic', { a: bytes })
    const complete = await room.send(artifact, 'a', bytes)
    assert.deepEqual(await room.send(artifact, 'a', bytes), complete)
    assert.deepEqual(await sendPart(room, artifact, bytes, 5000, 5000), complete)
    await assert.rejects(room.send(artifact, 'a', randomBytes(5000)), { code: 'digest-mismatch' })
    await assert.rejects(sendPart(room, artifact, bytes, 10, 20), { code: 'upload-offset', extra: { offset: 5000 } })
    await assertStored(room, artifact, bytes)
  })

  it('a file whose copies were all lost comes back when it is sent again', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(100_000)
    const artifact = await world.artifact({ a: bytes })
    for (const path of await world.stored('local')) await unlink(path)
    await world.vacuum()
    await assert.rejects(world.read(artifact, 'a'), { code: 'file-corrupt' })
    const other = randomBytes(bytes.length)
    await assert.rejects(world.send(artifact, 'a', other), { code: 'digest-mismatch' })
    await assert.rejects(world.send(artifact, 'a', bytes.subarray(1)), { code: 'digest-mismatch' })
    assert.deepEqual(await world.stored('local'), [])
    assert.equal((await world.send(artifact, 'a', bytes)).complete, true)
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
    assert.deepEqual(await readdir(join(world.dataDirectory, 'spool')), [])
  })

  it('a file that can still be read is not stored again, also while its copy is condemned', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    const artifact = await world.artifact({ a: bytes })
    for (const state of ['present', 'condemned'] as const) {
      await world.db.write((trx) => trx.updateTable('file_copy').set({ state, state_at: 1 }).execute())
      await world.send(artifact, 'a', bytes)
      assert.deepEqual(await world.copies(), [`local ${state}`])
    }
    // What its scope cannot read is as good as lost to it.
    await world.policy('local', { write_only: 1, upload_priority: null })
    await world.addStore('disk', { upload_priority: 100 })
    await world.send(artifact, 'a', bytes)
    assert.deepEqual(await world.storesOf(artifact, 'a'), ['disk'])
  })

  it('a path that was not announced is not found', async () => {
    await using room = await artifactRoom(openFresh)
    const artifact = await room.announce('generic', { a: Buffer.from('a') })
    await assert.rejects(room.send(artifact, 'b', Buffer.from('b')), { code: 'not-found' })
    await assert.rejects(room.artifacts.offset(room.workspace, artifact.id, 'b'), { code: 'not-found' })
  })

  it('files of one artifact that come at once complete it', async () => {
    await using room = await artifactRoom(openFresh)
    await using other = await room.another()
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, randomBytes(100 + index)]))
    const artifact = await room.announce('generic', files)
    await Promise.all(
      Object.entries(files).map(([path, bytes], index) =>
        (index % 2 === 0 ? room : other).artifacts.upload(room.workspace, artifact.id, path, {
          bytes: pieces(bytes),
          start: 0,
          total: bytes.length,
        }),
      ),
    )
    assert.equal((await room.artifacts.get(room.workspace, artifact.id)).complete, true)
  })

  for (const point of [
    'spool.write',
    'spool.sync',
    'store.move',
    'store.sync-directory',
    'store.record',
    'artifact.complete',
  ]) {
    for (const [effect, code] of [
      ['enospc', 'storage-full'],
      ['eio', 'storage-failed'],
    ] as const) {
      it(`${effect} at ${point} refuses the upload with ${code}; the client goes on from the offset it is told`, async () => {
        await using room = await artifactRoom(openFresh, { faults: `${point}:${effect}:1` })
        const bytes = randomBytes(200_000)
        const artifact = await room.announce('generic', { a: bytes })
        await assert.rejects(room.send(artifact, 'a', bytes), { code })
        assert.equal((await room.artifacts.get(room.workspace, artifact.id)).complete, false)
        const { offset } = await room.artifacts.offset(room.workspace, artifact.id, 'a')
        assert.equal((await sendPart(room, artifact, bytes, offset, bytes.length)).complete, true)
        await assertStored(room, artifact, bytes)
        assert.deepEqual(await readdir(join(room.dataDirectory, 'spool')), [])
      })
    }
  }

  it('a source package that a failure leaves incomplete names the file to send again', async () => {
    const files = makeSource({ name: 'wall', version: '1.0' })
    const [dsc = '', tarball = ''] = Object.keys(files)
    // The first time for the .dsc, the second and third for the tarball.
    for (const time of [2, 3]) {
      await using room = await artifactRoom(openFresh, { faults: `artifact.complete:eio:${time}` })
      const artifact = await room.announce('debian:source-package', files)
      await room.send(artifact, dsc, files[dsc] ?? Buffer.alloc(0))
      await assert.rejects(room.send(artifact, tarball, files[tarball] ?? Buffer.alloc(0)), { code: 'storage-failed' })
      assert.deepEqual((await room.artifacts.get(room.workspace, artifact.id)).missing, [tarball])
      assert.equal((await room.send(artifact, tarball, files[tarball] ?? Buffer.alloc(0))).complete, true)
    }
  })

  it('a failure to record new artifacts creates none', async () => {
    await using room = await artifactRoom(openFresh, { faults: 'artifact.record:enospc:1' })
    await assert.rejects(room.announce('generic', {}), { code: 'storage-full' })
    assert.deepEqual((await room.artifacts.list(room.workspace, {})).items, [])
    assert.equal((await room.announce('generic', {})).complete, true)
  })
})

async function upload(
  artifacts: Artifacts,
  room: ArtifactRoom,
  artifact: Artifact,
  body: { bytes: AsyncIterable<Uint8Array>; start: number; total: number },
): Promise<Artifact> {
  return await artifacts.upload(room.workspace, artifact.id, 'a', body)
}

async function sendPart(
  room: ArtifactRoom,
  artifact: Artifact,
  bytes: Uint8Array,
  start: number,
  end: number,
): Promise<Artifact> {
  return await upload(room.artifacts, room, artifact, {
    bytes: pieces(bytes.subarray(start, end)),
    start,
    total: bytes.length,
  })
}

async function assertStored(room: ArtifactRoom, artifact: Artifact, bytes: Uint8Array): Promise<void> {
  const opened = await room.artifacts.openFile(room.workspace, artifact.id, 'a')
  assert.ok((await readAll(opened.stream)).equals(bytes))
}
