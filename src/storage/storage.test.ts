import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, truncate, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { forEachDialect, type OpenFresh } from '../../test/support/databases.ts'
import { readAll } from '../../test/support/read-all.ts'
import { storageWorld } from '../../test/support/storage-world.ts'
import { defaultStore } from '../../test/support/stores.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import { faultsFrom } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { SpooledFile } from './file-store.ts'
import { orphanedSpoolFiles, sweepSpool, unrecordedBytes } from './leftovers.ts'
import { openStorage, type Storage, type StoredFile } from './storage.ts'
import { markerOf } from './store-marker.ts'

/** Any scope: the default store is for all. */
const scopeId = 1
const dayMs = 24 * 60 * 60 * 1000

forEachDialect((_dialect, openFresh) => {
  it('a kept file is recorded, and gives back its bytes', async () => {
    await using given = await setUp(openFresh)
    const bytes = randomBytes(10_000)
    const file = await given.storage.keep(await spool(given.storage, bytes), scopeId)
    assert.equal(file.sizeBytes, 10_000)
    assert.ok((await readStored(given.storage, file)).equals(bytes))
    assert.deepEqual(await readdir(join(given.directory, 'spool')), [])
    const row = await given.db.read.selectFrom('file').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual([row.id, row.sha256, row.size], [file.id, file.sha256, 10_000])
  })

  it('the same bytes are one file, however often and however concurrently they are kept', async () => {
    await using given = await setUp(openFresh)
    const bytes = randomBytes(10_000)
    const spooled = await Promise.all(Array.from({ length: 10 }, () => spool(given.storage, bytes)))
    const files = await Promise.all(spooled.map((one) => given.storage.keep(one, scopeId)))
    const again = await given.storage.keep(await spool(given.storage, bytes), scopeId)
    assert.equal(new Set([...files, again].map((file) => file.id)).size, 1)
    assert.deepEqual(await readdir(join(given.directory, 'spool')), [])
    assert.equal((await given.db.read.selectFrom('file_copy').selectAll().execute()).length, 1)
  })

  it('many concurrent keeps share transactions', async () => {
    await using given = await setUp(openFresh)
    let writes = 0
    const counting: Database = {
      dialect: given.db.dialect,
      read: given.db.read,
      write: async (deed) => {
        writes += 1
        return await given.db.write(deed)
      },
      now: (executor) => given.db.now(executor),
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    const storage = await openStorage({ database: counting, dataDirectory: given.directory })
    const spooled = await Promise.all(Array.from({ length: 200 }, () => spool(storage, randomBytes(100))))
    writes = 0
    const files = await Promise.all(spooled.map((one) => storage.keep(one, scopeId)))
    assert.equal(new Set(files.map((file) => file.id)).size, 200)
    assert.ok(writes <= 20, `${writes} transactions`)
  })

  it('two servers may keep the same files at once', async () => {
    await using given = await setUp(openFresh)
    const other = await openStorage({ database: given.db, dataDirectory: given.directory })
    const contents = Array.from({ length: 50 }, () => randomBytes(200))
    const kept = await Promise.all(
      [given.storage, other].map(async (storage) =>
        Promise.all(contents.map(async (bytes) => storage.keep(await spool(storage, bytes), scopeId))),
      ),
    )
    assert.deepEqual(kept[0], kept[1])
  })

  it('a condemned copy is never revived: the bytes get a new generation', async () => {
    await using given = await setUp(openFresh)
    const bytes = randomBytes(100)
    const file = await given.storage.keep(await spool(given.storage, bytes), scopeId)
    await given.db.write(async (trx) => {
      await trx.updateTable('file_copy').set({ state: 'condemned' }).execute()
    })
    // It is readable until its bytes go.
    assert.ok((await readStored(given.storage, file)).equals(bytes))
    const again = await given.storage.keep(await spool(given.storage, bytes), scopeId)
    assert.equal(again.id, file.id)
    // The late deletion of the condemned copy harms nobody.
    const { store } = await defaultStore(given.storage)
    await store.delete({ sha256: file.sha256, generation: 0 })
    assert.ok((await readStored(given.storage, again)).equals(bytes))
  })

  it('stored bytes that were damaged are noticed when read, and made good when the file is kept again', async () => {
    await using given = await setUp(openFresh)
    const bytes = randomBytes(100)
    const file = await given.storage.keep(await spool(given.storage, bytes), scopeId)
    await truncate(await pathOf(given.storage, file), 99)
    await assert.rejects(given.storage.open(file, scopeId), { code: 'file-corrupt' })
    await assert.rejects(given.storage.local(file, scopeId), { code: 'file-corrupt' })
    await given.storage.keep(await spool(given.storage, bytes), scopeId)
    assert.ok((await readStored(given.storage, file)).equals(bytes))
    const copies = await given.db.read.selectFrom('file_copy').select(['generation', 'state']).execute()
    assert.deepEqual(copies, [
      { generation: 0, state: 'damaged' },
      { generation: 1, state: 'present' },
    ])
  })

  it('stored bytes that were lost come back when the file is kept again', async () => {
    await using given = await setUp(openFresh)
    const bytes = randomBytes(100)
    const file = await given.storage.keep(await spool(given.storage, bytes), scopeId)
    await unlink(await pathOf(given.storage, file))
    await given.storage.keep(await spool(given.storage, bytes), scopeId)
    assert.ok((await readStored(given.storage, file)).equals(bytes))
  })

  for (const point of ['store.move', 'store.sync-directory', 'store.record']) {
    for (const [effect, code] of [
      ['enospc', 'storage-full'],
      ['eio', 'storage-failed'],
    ] as const) {
      it(`${effect} at ${point} refuses the file with ${code}, records nothing, and the next try succeeds`, async () => {
        await using given = await setUp(openFresh)
        const faults = faultsFrom(`${point}:${effect}:1`)
        const storage = await openStorage({ database: given.db, dataDirectory: given.directory, faults })
        const bytes = randomBytes(100)
        const spooled = await spool(storage, bytes)
        await assert.rejects(storage.keep(spooled, scopeId), { code })
        assert.deepEqual(await given.db.read.selectFrom('file').selectAll().execute(), [])
        const file = await storage.keep(spooled, scopeId)
        assert.ok((await readStored(storage, file)).equals(bytes))
      })
    }
  }

  it('a store that fails does not keep a file from the next one', async () => {
    await using world = await storageWorld(openFresh)
    await world.addStore('big', { upload_priority: 200 })
    await world.storage.keep(await spool(world.storage, randomBytes(100)), world.workspace.scopeId)
    await rename(join(world.dataDirectory, 'big'), join(world.dataDirectory, 'away'))
    const bytes = randomBytes(100)
    const file = await world.storage.keep(await spool(world.storage, bytes), world.workspace.scopeId)
    assert.ok((await readAll((await world.storage.open(file, world.workspace.scopeId)).stream)).equals(bytes))
    assert.deepEqual(await world.copies(), ['big present', 'local present'])
  })

  it('if every store fails the error is that of the first, and the file can be kept later', async () => {
    await using world = await storageWorld(openFresh)
    await world.addStore('big', { upload_priority: 200 })
    const { scopeId } = world.workspace
    await world.storage.keep(await spool(world.storage, randomBytes(100)), scopeId)
    const stores = ['big', 'store'].map((name) => join(world.dataDirectory, name))
    for (const store of stores) await rename(store, `${store}.away`)
    const spooled = await spool(world.storage, randomBytes(100))
    await assert.rejects(world.storage.keep(spooled, scopeId), {
      code: 'storage-failed',
      message: /store big/,
    })
    for (const store of stores) await rename(`${store}.away`, store)
    assert.equal((await world.storage.keep(spooled, scopeId)).sha256, spooled.sha256)
    assert.deepEqual(await world.copies(), ['big present', 'big present'])
  })

  it('a spooled file that is gone is an error', async () => {
    await using world = await storageWorld(openFresh)
    await world.addStore('big', { upload_priority: 200 })
    const spooled = await spool(world.storage, randomBytes(100))
    await unlink(spooled.path)
    await assert.rejects(world.storage.keep(spooled, world.workspace.scopeId), { code: 'storage-failed' })
    assert.deepEqual(await world.copies(), [])
  })

  it('a store from before stores had marks gets one, in a directory with its files only', async () => {
    await using given = await setUp(openFresh)
    const root = join(given.directory, 'store')
    const reopened = async (): Promise<{ marker: string | undefined; identity: string | undefined }> => {
      await using _storage = await openStorage({ database: given.db, dataDirectory: given.directory })
      const { location_json: json } = await given.db.read
        .selectFrom('file_store')
        .select('location_json')
        .executeTakeFirstOrThrow()
      const { identity } = JSON.parse(json) as { identity?: string }
      return { marker: await markerOf(root), identity }
    }
    const unmark = async (): Promise<void> => {
      const values = { location_json: JSON.stringify({ directory: 'store' }) }
      await given.db.write((trx) => trx.updateTable('file_store').set(values).execute())
      await unlink(join(root, 'ashlar-store'))
    }
    await unmark()
    const ofEmpty = await reopened()
    assert.ok(ofEmpty.identity !== undefined && ofEmpty.marker === ofEmpty.identity)

    // As it is now, with the new identity.
    given.storage.stores.forget()
    await given.storage.keep(await spool(given.storage, randomBytes(100)), scopeId)
    await unmark()
    // As if its disk is not mounted.
    await rename(root, `${root}.away`)
    await mkdir(root)
    assert.deepEqual(await reopened(), { marker: undefined, identity: undefined })

    await rm(root, { recursive: true })
    await rename(`${root}.away`, root)
    const ofFull = await reopened()
    assert.ok(ofFull.identity !== undefined && ofFull.marker === ofFull.identity)
    assert.deepEqual(await reopened(), ofFull)

    // As if a crash came between the record of the identity and the mark.
    await unlink(join(root, 'ashlar-store'))
    assert.deepEqual(await reopened(), ofFull)
  })

  it('bytes without a record are found, recorded ones are not', async () => {
    await using given = await setUp(openFresh)
    const kept = await given.storage.keep(await spool(given.storage, randomBytes(100)), scopeId)
    const lost = await spool(given.storage, randomBytes(100))
    const { store, storeId } = await defaultStore(given.storage)
    await store.put({ sha256: lost.sha256, generation: 0 }, lost)
    const options = { database: given.db, store, storeId }
    const found = await Array.fromAsync(unrecordedBytes({ ...options, olderThanMs: -dayMs }))
    assert.deepEqual(
      found.map((entry) => entry.key),
      [{ sha256: lost.sha256, generation: 0 }],
    )
    assert.deepEqual(await Array.fromAsync(unrecordedBytes({ ...options, olderThanMs: dayMs })), [])
    assert.notEqual(kept.sha256, lost.sha256)
  })

  it('the sweep takes old spool files of no upload, and nothing else', async () => {
    await using given = await setUp(openFresh)
    const { storage, db } = given
    const [owned, old, young] = await Promise.all([1, 2, 3].map(() => spool(storage, randomBytes(10))))
    assert.ok(owned !== undefined && old !== undefined && young !== undefined)
    await insertUpload(db, idOf(owned))
    const twoDaysAgo = new Date(Date.now() - 2 * dayMs)
    for (const file of [owned, old]) await utimes(file.path, twoDaysAgo, twoDaysAgo)
    const from = { database: db, spool: storage.spool, olderThanMs: dayMs }
    assert.deepEqual(
      (await Array.fromAsync(orphanedSpoolFiles(from))).map((entry) => entry.id),
      [idOf(old)],
    )
    assert.equal(await sweepSpool(from), 1)
    assert.deepEqual((await readdir(join(given.directory, 'spool'))).sort(), [idOf(owned), idOf(young)].sort())
  })

  it('opening sweeps what an older crash left', async () => {
    await using given = await setUp(openFresh)
    const old = await spool(given.storage, randomBytes(10))
    const twoDaysAgo = new Date(Date.now() - 2 * dayMs)
    await utimes(old.path, twoDaysAgo, twoDaysAgo)
    await openStorage({ database: given.db, dataDirectory: given.directory })
    assert.deepEqual(await readdir(join(given.directory, 'spool')), [])
  })
})

async function setUp(
  openFresh: OpenFresh,
): Promise<{ db: Database; storage: Storage; directory: string } & AsyncDisposable> {
  const directory = await temporaryDirectory()
  const fresh = await openFresh()
  const storage = await openStorage({ database: fresh.db, dataDirectory: directory.path })
  return {
    db: fresh.db,
    storage,
    directory: directory.path,
    async [Symbol.asyncDispose]() {
      await fresh.drop()
      await directory[Symbol.asyncDispose]()
    },
  }
}

async function spool(storage: Storage, bytes: Uint8Array): Promise<SpooledFile> {
  const writer = await storage.spool.create()
  await writer.append([bytes])
  return await writer.finish()
}

async function readStored(storage: Storage, file: StoredFile): Promise<Buffer> {
  return await readAll((await storage.open(file, scopeId)).stream)
}

async function pathOf(storage: Storage, file: StoredFile): Promise<string> {
  await using local = await storage.local(file, scopeId)
  return local.path
}

function idOf(spooled: SpooledFile): string {
  return spooled.path.slice(-36)
}

async function insertUpload(db: Database, id: string): Promise<void> {
  await db.write(async (trx) => {
    const scope = await trx
      .insertInto('scope')
      .values({ name: 's', created_at: 0 })
      .returning('id')
      .executeTakeFirstOrThrow()
    const workspace = await trx
      .insertInto('workspace')
      .values({ scope_id: scope.id, name: 'w', public: 1, created_at: 0 })
      .returning('id')
      .executeTakeFirstOrThrow()
    const artifact = await trx
      .insertInto('artifact')
      .values({
        workspace_id: workspace.id,
        category: 'generic',
        data_json: '{}',
        created_by: null,
        created_at: 0,
        completed_at: null,
        idempotency_key: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await trx
      .insertInto('upload')
      .values({ id, artifact_id: artifact.id, path: 'x', created_at: 0, touched_at: 0 })
      .execute()
  })
}
