/** What a check finds and repairs, on real stores of several directories. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rename, truncate, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { it } from 'node:test'
import { forEachDialect } from '../../test/support/databases.ts'
import { flipBit, fsck } from '../../test/support/fsck-run.ts'
import { type StorageWorld, storageWorld } from '../../test/support/storage-world.ts'
import { faultsFrom } from '../common/faults.ts'
import { storageError } from '../storage/storage-error.ts'
import { type FsckOptions, Maintenance } from './maintenance.ts'

/** A world with a file that lies in two stores. */
async function twoCopies(world: StorageWorld, bytes: Uint8Array) {
  const artifact = await world.artifact({ a: bytes })
  await world.addStore('backup', { populate: 1 })
  await world.vacuum()
  assert.deepEqual(await world.copies(), ['backup present', 'local present'])
  return artifact
}

async function only(world: StorageWorld, store: string): Promise<string> {
  const paths = await world.stored(store)
  assert.equal(paths.length, 1)
  return paths[0] ?? ''
}

forEachDialect((_dialect, openFresh) => {
  const check = (world: StorageWorld, options: FsckOptions = {}) => fsck(world.maintenance, options)

  it('nothing is wrong with what is well', async () => {
    await using world = await storageWorld(openFresh)
    await twoCopies(world, randomBytes(1000))
    const { lines, summary, events } = await check(world, { deep: true, repair: true, rebuild: true })
    assert.deepEqual(lines, [])
    const stages = events.flatMap((event) => (event.kind === 'stage' ? [event.stage] : []))
    assert.deepEqual(stages, ['sums', 'listing', 'deep', 'files'])
    assert.deepEqual(summary, {
      checked: 1,
      readFiles: 2,
      readBytes: 2000,
      damaged: 0,
      repaired: 0,
      lost: 0,
      unknown: 0,
      strays: 0,
      left: 0,
    })
  })

  it('a flipped bit is found by re-reading only, and replaced under a new generation', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(5000)
    const artifact = await twoCopies(world, bytes)
    await flipBit(await only(world, 'local'))
    assert.equal((await check(world)).summary.left, 0)
    const found = await check(world, { deep: true })
    assert.deepEqual(found.lines, ['damaged open local'])
    assert.match(found.findings[0]?.what ?? '', /^it has 5000 bytes with the digest [0-9a-f]{64}$/)
    assert.equal(found.summary.left, 1)
    assert.deepEqual(await world.copies(), ['backup present', 'local damaged'])

    const repaired = await check(world, { repair: true })
    assert.deepEqual(repaired.lines, ['damaged open local', 'damaged repaired local'])
    assert.equal(repaired.summary.left, 0)
    assert.deepEqual(await world.copies(), ['backup present', 'local deleting', 'local present'])
    await world.vacuum()
    assert.deepEqual(await world.copies(), ['backup present', 'local present'])
    assert.match(await only(world, 'local'), /\.1$/)
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
    assert.deepEqual((await check(world, { deep: true })).lines, [])
  })

  for (const [how, harm] of [
    ['missing', unlink],
    ['cut', (path: string) => truncate(path, 10)],
  ] as const) {
    it(`a copy that is ${how} is found by listing, and restored from the other store`, async () => {
      await using world = await storageWorld(openFresh)
      const bytes = randomBytes(1000)
      const artifact = await twoCopies(world, bytes)
      await harm(await only(world, 'local'))
      const { lines, summary } = await check(world, { repair: true })
      assert.deepEqual(lines, ['damaged open local', 'damaged repaired local'])
      assert.deepEqual([summary.damaged, summary.repaired, summary.left], [1, 1, 0])
      await unlink(await only(world, 'backup'))
      assert.ok((await world.read(artifact, 'a')).equals(bytes))
    })
  }

  it('what no store has whole is lost, and named with what it touches', async () => {
    await using world = await storageWorld(openFresh)
    const artifact = await twoCopies(world, randomBytes(1000))
    await flipBit(await only(world, 'local'))
    await flipBit(await only(world, 'backup'))
    const { lines, findings, summary } = await check(world, { deep: true, repair: true })
    assert.deepEqual(lines, ['damaged open local', 'damaged open backup', 'lost open'])
    assert.deepEqual(findings[2]?.touches, {
      artifacts: [{ id: artifact.id, workspace: 'local/main', path: 'a' }],
      packages: [],
      indexes: [],
    })
    assert.deepEqual([summary.lost, summary.left], [1, 3])
    // Bad copies stay, for those who know more.
    assert.deepEqual(await world.copies(), ['backup damaged', 'local damaged'])
    assert.equal((await check(world)).summary.lost, 1)
  })

  it('a copy that turns out to be right after all is put anew', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    const artifact = await world.artifact({ a: bytes })
    const path = await only(world, 'local')
    await rename(path, `${path}.away`)
    assert.deepEqual((await check(world)).lines, ['damaged open local', 'lost open'])
    await rename(`${path}.away`, path)
    const { lines, summary } = await check(world, { repair: true })
    assert.deepEqual(lines, ['damaged open local', 'damaged repaired local'])
    assert.equal(summary.left, 0)
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
  })

  it('where the store of a bad copy takes none, the scope gets one where its uploads go', async () => {
    await using world = await storageWorld(openFresh)
    const bytes = randomBytes(1000)
    const artifact = await twoCopies(world, bytes)
    await world.policy('backup', { write_only: 1, upload_priority: null })
    await world.addStore('disk', { upload_priority: 200 })
    await world.policy('local', { read_only: 1 })
    await unlink(await only(world, 'local'))
    const { lines, summary } = await check(world, { repair: true })
    assert.deepEqual(lines, ['damaged open local', 'damaged repaired local'])
    assert.equal(summary.left, 0)
    assert.deepEqual(await world.storesOf(artifact, 'a'), ['backup', 'disk'])
    assert.ok((await world.read(artifact, 'a')).equals(bytes))
  })

  it('a full store that cannot take a copy back leaves the problem, and says so', async () => {
    await using world = await storageWorld(openFresh)
    const artifact = await twoCopies(world, randomBytes(1000))
    await world.policy('backup', { write_only: 1, upload_priority: null })
    await world.limit('local', { hard_max_bytes: 1000 })
    await unlink(await only(world, 'local'))
    const { lines, summary, findings } = await check(world, { repair: true })
    assert.deepEqual(lines, ['damaged open local', 'missing open'])
    assert.match(findings[1]?.what ?? '', /there is one in backup/)
    assert.equal(summary.left, 2)
    await world.limit('local', { hard_max_bytes: null })
    assert.equal((await check(world, { repair: true })).summary.left, 0)
    assert.deepEqual(await world.storesOf(artifact, 'a'), ['backup', 'local'])
  })

  it('a file in a store that its scope does not read from is brought to one that it does', async () => {
    await using world = await storageWorld(openFresh)
    const artifact = await twoCopies(world, randomBytes(10))
    await world.policy('local', { write_only: 1, upload_priority: null })
    await world.policy('backup', { upload_priority: 200 })
    await unlink(await only(world, 'backup'))
    await world.db.write((trx) => trx.deleteFrom('file_copy').where('store_id', '=', 2).execute())
    assert.deepEqual((await check(world)).lines, ['wrong open backup', 'missing open'])
    const { lines, summary } = await check(world, { repair: true })
    assert.deepEqual(lines, ['wrong open backup', 'wrong repaired backup', 'missing open', 'missing repaired'])
    assert.equal(summary.left, 0)
    assert.deepEqual(await world.storesOf(artifact, 'a'), ['backup', 'local'])
  })

  it('a bad copy of what nothing needs goes without being replaced', async () => {
    await using world = await storageWorld(openFresh)
    const artifact = await twoCopies(world, randomBytes(10))
    await world.deleteArtifact(artifact)
    await unlink(await only(world, 'local'))
    assert.equal((await check(world, { repair: true })).summary.left, 0)
    assert.deepEqual(await world.copies(), ['backup present', 'local deleting'])
    await world.vacuum()
    assert.deepEqual(await world.copies(), [])
  })

  it('a store that this server does not reach is unknown, which is a problem', async () => {
    await using world = await storageWorld(openFresh)
    await twoCopies(world, randomBytes(10))
    const marker = join(dirname(dirname(await only(world, 'backup'))), 'ashlar-store')
    await writeFile(marker, 'another\n')
    // Opened already it would stay open; another server would not reach it.
    await using other = await world.another()
    await using maintenance = new Maintenance({ database: world.db, storage: other.storage })
    const { lines, summary } = await fsck(maintenance, { deep: true })
    assert.deepEqual(lines, ['unknown open backup'])
    assert.deepEqual([summary.unknown, summary.left, summary.readFiles], [1, 1, 1])
  })

  it('bytes that nothing records are told of, and left to a vacuum', async () => {
    await using world = await storageWorld(openFresh)
    await world.artifact({ a: randomBytes(10) })
    const stray = 'f'.repeat(64)
    await writeFile(join(dirname(dirname(await only(world, 'local'))), 'ff', stray), 'stray')
    const { lines, summary } = await check(world, { repair: true })
    assert.deepEqual(lines, ['stray harmless local'])
    assert.deepEqual([summary.strays, summary.left], [1, 0])
    assert.equal((await world.stored('local')).length, 2)
  })

  it('sums that are off are told, and corrected beside uploads that go on', async () => {
    await using world = await storageWorld(openFresh)
    await world.artifact({ a: randomBytes(1000) })
    await world.limit('local', { used_files: 7, used_bytes: 5 })
    assert.match((await check(world)).findings[0]?.what ?? '', /\+6 files and -995 bytes off/)
    const uploads = Array.from({ length: 10 }, () => world.artifact({ b: randomBytes(100) }))
    const { lines } = await check(world, { repair: true })
    await Promise.all(uploads)
    // Bytes that are just being recorded may look as if nothing did.
    assert.deepEqual(
      lines.filter((line) => !line.startsWith('stray')),
      ['wrong open local', 'wrong repaired local'],
    )
    const store = await world.db.read.selectFrom('file_store').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual([store.used_files, store.used_bytes], [11, 2000])
    assert.deepEqual((await check(world)).lines, [])
  })

  it('what is gone by its record only is told, and put right', async () => {
    await using world = await storageWorld(openFresh)
    const needed = await world.artifact({ a: randomBytes(10) })
    const unneeded = await world.artifact({ b: randomBytes(10) })
    const purged = await world.artifact({ c: randomBytes(10) })
    await world.deleteArtifact(unneeded)
    const setGone = (ids: number[], reason: 'expired' | 'purged') =>
      world.db.write((trx) =>
        trx.updateTable('file').set({ gone_at: 1, gone_reason: reason }).where('id', 'in', ids).execute(),
      )
    await setGone([1, 2], 'expired')
    await setGone([3], 'purged')
    assert.deepEqual((await check(world)).lines, ['wrong open', 'wrong open', 'wrong open'])
    assert.equal((await check(world, { repair: true })).summary.left, 0)
    assert.deepEqual(await world.copies(), ['local condemned', 'local deleting', 'local present'])
    assert.equal((await world.read(needed, 'a')).length, 10)
    assert.equal(purged.files.length, 1)
    assert.deepEqual((await check(world)).lines, [])
  })

  it('only the store that is named is looked into', async () => {
    await using world = await storageWorld(openFresh)
    await twoCopies(world, randomBytes(10))
    await unlink(await only(world, 'local'))
    assert.deepEqual((await check(world, { store: 'backup' })).lines, [])
    assert.deepEqual((await check(world, { store: 'local' })).lines, ['damaged open local'])
    await assert.rejects(check(world, { store: 'nowhere' }), { code: 'not-found' })
  })

  it('one at a time: a second check is told to wait', async () => {
    await using world = await storageWorld(openFresh)
    const first = world.maintenance.fsck()
    await first.next()
    await assert.rejects(check(world), { code: 'busy' })
    await first.return()
    await check(world)
  })

  it('a scrub that is interrupted goes on where it was, and one that was finished starts anew', async () => {
    await using world = await storageWorld(openFresh)
    await world.artifact(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, randomBytes(10 + i)])))
    const abort = new AbortController()
    let first: unknown
    await assert.rejects(async () => {
      for await (const event of world.maintenance.fsck({ deep: true, signal: abort.signal })) {
        if (event.kind !== 'progress' || event.stage !== 'deep') continue
        first = event.bytes
        abort.abort(new Error('enough'))
      }
    }, /enough/)
    assert.ok(Number(first) > 0)
    const stopped = await record(world)
    assert.equal(stopped.state, 'stopped')
    const done = (JSON.parse(stopped.summary_json) as { files: number }).files
    assert.ok(done >= 64 && done < 100, `${done} files were read`)

    const { summary } = await check(world, { deep: true })
    assert.equal(summary.readFiles, 100 - done)
    const finished = await record(world)
    assert.equal(finished.started_at, stopped.started_at)
    assert.deepEqual([finished.state, finished.cursor], ['done', null])
    const total = Array.from({ length: 100 }, (_, i) => 10 + i).reduce((sum, size) => sum + size, 0)
    assert.deepEqual(JSON.parse(finished.summary_json), { files: 100, bytes: total, bad: 0 })
    const unread = await world.db.read
      .selectFrom('file_copy')
      .select('file_id')
      .where('verified_at', 'is', null)
      .execute()
    assert.deepEqual(unread, [])

    assert.equal((await check(world, { deep: true })).summary.readFiles, 100)
    assert.ok((await record(world)).started_at > finished.started_at)
  })

  it('one file that a disk does not give any more is damaged; a disk that gives none is unknown', async () => {
    await using world = await storageWorld(openFresh)
    await world.artifact(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, randomBytes(10 + i)])))
    const unreadable = new Set<string>()
    await failReads(world, unreadable)
    const rows = await world.db.read.selectFrom('file').select('sha256').orderBy('id').execute()
    unreadable.add(rows[7]?.sha256 ?? '').add(rows[29]?.sha256 ?? '')
    const some = await check(world, { deep: true })
    assert.deepEqual(some.lines.slice(0, 2), ['damaged open local', 'damaged open local'])
    assert.match(some.findings[0]?.what ?? '', /EIO/)
    assert.equal((await record(world)).state, 'done')

    for (const { sha256 } of rows) unreadable.add(sha256)
    const none = await check(world, { deep: true })
    const told = none.lines.filter((line) => line.endsWith('local'))
    assert.deepEqual(
      told.filter((line) => line === 'unknown open local').length,
      20,
      'a store of which nothing can be read is given up',
    )
    const stopped = await record(world)
    assert.deepEqual([stopped.state, stopped.cursor], ['stopped', '0'])
    const present = (await world.copies()).filter((line) => line === 'local present')
    assert.equal(present.length, 28)

    unreadable.clear()
    assert.equal((await check(world, { deep: true, repair: true })).summary.left, 0)
  })

  it('a scrub within a bandwidth reads everything', async () => {
    await using world = await storageWorld(openFresh)
    await world.artifact({ a: randomBytes(1000), b: randomBytes(100_000) })
    const { summary } = await check(world, { deep: true, bytesPerSecond: 100 << 20 })
    assert.equal(summary.readBytes, 101_000)
  })

  it('a repair that a fault breaks off can be done again, and nothing becomes unreadable by it', async () => {
    for (const point of ['transfer.put', 'transfer.verify', 'transfer.record', 'copy.condemn'] as const) {
      await using world = await storageWorld(openFresh)
      const bytes = randomBytes(1000)
      const artifact = await twoCopies(world, bytes)
      await flipBit(await only(world, 'local'))
      await using failing = new Maintenance({
        database: world.db,
        storage: world.storage,
        faults: faultsFrom(`${point}:eio:1`),
      })
      const broken = await fsck(failing, { deep: true, repair: true })
      assert.ok(
        broken.events.some((event) => event.kind === 'failure'),
        point,
      )
      assert.equal(broken.summary.left, 1, point)
      assert.ok((await world.read(artifact, 'a')).equals(bytes))
      assert.equal((await check(world, { repair: true })).summary.left, 0, point)
      assert.deepEqual(await world.copies(), ['backup present', 'local deleting', 'local present'])
      assert.ok((await world.read(artifact, 'a')).equals(bytes))
    }
  })
})

/** Makes the local store refuse to read some files, as a disk with bad sectors does. */
async function failReads(world: StorageWorld, unreadable: ReadonlySet<string>): Promise<void> {
  const { stores } = world.storage
  const [record] = (await stores.map()).all
  assert.ok(record !== undefined)
  const store = await stores.open(record)
  const open = store.open.bind(store)
  store.open = async (key, range) => {
    if (!unreadable.has(key.sha256)) return await open(key, range)
    throw storageError(Object.assign(new Error('EIO'), { code: 'EIO', errno: -5 }), 'reading a stored file')
  }
}

async function record(world: StorageWorld) {
  return await world.db.read
    .selectFrom('maintenance')
    .selectAll()
    .where('name', '=', 'scrub:1')
    .executeTakeFirstOrThrow()
}
