/** What a vacuum does to files and copies, on real stores of two directories. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { announced, pieces } from '../../test/support/artifact-room.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { storageWorld } from '../../test/support/storage-world.ts'

forEachDialect((_dialect, openFresh) => {
  it('a file that nothing needs is condemned, then deleted, then forgotten', async () => {
    await using world = await storageWorld(openFresh)
    const file = await world.artifact({ a: randomBytes(1000) })
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['local present'])
    await world.deleteArtifact(file)
    assert.deepEqual(await world.plan(), ['files condemn 1000'])
    await world.vacuum()
    assert.deepEqual(await world.copies(), [])
    assert.deepEqual(await world.db.read.selectFrom('file').select('sha256').execute(), [])
    assert.deepEqual(await world.stored('local'), [])
    const store = await world.db.read.selectFrom('file_store').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual([store.used_files, store.used_bytes, store.next_generation], [0, 0, 1])
  })

  it('a drained store gives its files to the others, and loses them only then', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(5000)
    const artifact = await world.artifact({ a: bytes })
    await world.addStore('disk', { upload_priority: 200 })
    await world.policy('local', { drain: 1, upload_priority: null })
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['disk present'])
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
    assert.deepEqual(await world.stored('local'), [])
  })

  it('a populated store gets a copy of everything', async () => {
    await using world = await storageWorld(openFresh)
    await world.artifact({ a: randomBytes(10), b: randomBytes(20) })
    await world.addStore('backup', { populate: 1 })
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['backup present', 'backup present', 'local present', 'local present'])
  })

  it('a store above its soft maximum gives away what was used longest ago', async () => {
    await using world = await storageWorld(openFresh)
    const old = await world.artifact({ a: randomBytes(1000) })
    const young = await world.artifact({ a: randomBytes(1000) })
    await world.db.write((trx) => trx.updateTable('file_copy').set({ used_at: 1 }).where('file_id', '=', 1).execute())
    await world.addStore('disk', { upload_priority: 50 })
    await world.limit('local', { soft_max_bytes: 1500 })
    await world.vacuum()
    assert.deepEqual(await world.storesOf(old, 'a'), ['disk'])
    assert.deepEqual(await world.storesOf(young, 'a'), ['local'])
  })

  it('a store that is populated and has a soft maximum keeps its files, which is reported', async () => {
    await using world = await storageWorld(openFresh)
    await world.artifact({ a: randomBytes(1000), b: randomBytes(1000) })
    await world.addStore('disk', { upload_priority: 50 })
    await world.policy('local', { populate: 1, soft_max_bytes: 1500 })
    const reports = async (): Promise<unknown[]> =>
      (await world.vacuum()).flatMap((event) => (event.kind === 'line' ? [event.line] : []))
    const report = { stage: 'sizes', action: 'report', subject: 'local', store: 'local', bytes: 2000 }
    const why = 'by 500 bytes, and local is populated, so its files stay'
    const ofScope = { ...report, rule: `local is above its soft maximum in local ${why}` }
    assert.deepEqual(await reports(), [ofScope])
    await world.limit('local', { soft_max_bytes: 1500 })
    assert.deepEqual(await reports(), [{ ...report, rule: `local is above its soft maximum ${why}` }, ofScope])
  })

  it('a scope whose files another one keeps in the same store cannot get below its soft maximum, which is reported', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    await world.artifact({ a: bytes })
    const wish = { category: 'generic', files: announced({ a: bytes }) }
    const [foreign] = await world.artifacts.create(world.foreign, [wish], { userId: world.userId })
    const body = { bytes: pieces(bytes), start: 0, total: bytes.length }
    await world.artifacts.upload(world.foreign, foreign?.id ?? 0, 'a', body)
    await world.addStore('disk', { upload_priority: 50 })
    await world.policy('local', { upload_priority: 100, soft_max_bytes: 400 }, world.workspace.scopeId)
    const lines = (await world.vacuum()).flatMap((event) => (event.kind === 'line' ? [event.line] : []))
    assert.deepEqual(
      lines.map(({ stage, action, rule }) => [stage, action, rule]),
      [
        [
          'sizes',
          'report',
          'local is above its soft maximum in local by 600 bytes, and other scopes keep the same files there',
        ],
      ],
    )
  })

  it('a file that was lost everywhere comes back when anybody of its workspace sends it again', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(10)
    const first = await world.artifact({ a: bytes })
    for (const path of await world.stored('local')) await unlink(path)
    await world.vacuum()
    await assert.rejects(world.read(first, 'a'), { code: 'file-corrupt' })
    const again = await world.announce('generic', { b: bytes })
    assert.deepEqual(again.missing, ['b'])
    await world.send(again, 'b', bytes)
    assert.ok((await world.read(first, 'a')).equals(bytes))
  })

  it('a copy that is missing is noted, read from a backup, and made anew from it', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(10)
    const artifact = await world.artifact({ a: bytes })
    await world.addStore('backup', { populate: 1 })
    await world.vacuum()
    const [path = ''] = await world.stored('local')
    await unlink(path)
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['backup present', 'local damaged', 'local present'])
    assert.equal((await world.stored('local')).length, 1)
  })
})

forEachDialect((_dialect, openFresh) => {
  it('a store that goes out of reach while the server runs loses nothing, and is itself again when it comes back', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(10)
    const artifact = await world.artifact({ a: bytes })
    const gone = await world.artifact({ b: randomBytes(20) })
    await world.deleteArtifact(gone)
    await world.slow.vacuum()
    const [store, away] = [join(world.dataDirectory, 'store'), join(world.dataDirectory, 'away')]
    await rename(store, away)
    await mkdir(store)
    await world.vacuum()
    await assert.rejects(world.read(artifact, 'a'), { code: 'storage-failed' })
    assert.deepEqual(await world.copies(), ['local condemned', 'local present'])
    await rm(store, { recursive: true })
    await rename(away, store)
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['local present'])
  })

  it('a condemned copy stays while the one that takes its place is out of reach', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(5000)
    const artifact = await world.artifact({ a: bytes })
    await world.addStore('disk', { upload_priority: 200 })
    await world.policy('local', { drain: 1, upload_priority: null })
    await world.slow.vacuum()
    assert.deepEqual(await world.copies(), ['disk present', 'local condemned'])
    await rename(join(world.dataDirectory, 'disk'), join(world.dataDirectory, 'away'))
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['disk present', 'local condemned'])
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
    await rename(join(world.dataDirectory, 'away'), join(world.dataDirectory, 'disk'))
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['disk present'])
  })

  it('a store that fails keeps the others from nothing, and its vacuum counts as failed', async () => {
    await using world = await storageWorld(openFresh)
    for (let index = 0; index < 30; index += 1) await world.artifact({ a: randomBytes(100) })
    await world.addStore('disk', { upload_priority: 200 })
    await world.addStore('backup', { populate: 1 })
    await world.policy('local', { drain: 1, upload_priority: null })
    // Nothing can be put into it, but it is there.
    const shards = join(world.dataDirectory, 'backup')
    await rm(shards, { recursive: true })
    await world.limit('backup', { location_json: JSON.stringify({ directory: shards }) })
    await writeFile(shards, 'no directory')
    const events = await world.vacuum()
    assert.ok(events.some((event) => event.kind === 'failure' && event.line.to === 'backup'))
    await world.vacuum()
    assert.deepEqual(new Set(await world.copies()), new Set(['disk present']))
    assert.deepEqual(await world.stored('local'), [])
  })
})
