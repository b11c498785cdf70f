import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { forEachDialect, type OpenFresh } from '../../test/support/databases.ts'
import { storageWorld } from '../../test/support/storage-world.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError, type ErrorCode } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { recordCopies } from './file-copies.ts'
import { openLocalStore } from './local-store.ts'
import { setPolicy, unsetPolicy } from './manage-policies.ts'
import { createStore, deleteStore, updateStore } from './manage-stores.ts'
import { changeStores, requireStore, type StoreRooms } from './store-change.ts'
import { listStores, showStore } from './store-info.ts'
import { openStorage, type Storage } from './storage.ts'

const secret = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'do-not-tell/anyone' }
const bucket = { bucket: 'ashlar', region: 'eu-central-1', prefix: '', pathStyle: false, redirect: false }

interface House extends AsyncDisposable {
  readonly db: Database
  readonly storage: Storage
  readonly rooms: StoreRooms
  /** A path below a fresh directory. */
  readonly at: (...names: string[]) => string
  /** The secrets that buckets were opened with; a bucket named `missing` does not open. */
  readonly opened: string[]
}

/** A database with the default store and the scopes alpha and beta; a bucket is a directory. */
async function house(open: OpenFresh): Promise<House> {
  const { db, drop } = await open()
  const home = await temporaryDirectory()
  const at = (...names: string[]): string => join(home.path, ...names)
  const storage = await openStorage({ database: db, dataDirectory: at('data') })
  const opened: string[] = []
  const rooms: StoreRooms = {
    database: db,
    buckets: { async claim() {}, async leave() {} },
    stores: {
      dataDirectory: storage.stores.dataDirectory,
      forget: () => storage.stores.forget(),
      open: (record) => storage.stores.open(record),
      async tryOpen(record) {
        if (record.kind !== 's3') return await storage.stores.tryOpen(record)
        const location = JSON.parse(record.locationJson) as { bucket: string }
        if (location.bucket === 'missing') throw new AshlarError('storage-failed', 'There is no bucket missing.')
        opened.push(record.secretJson ?? '')
        return await openLocalStore({ name: record.name, root: at('bucket', location.bucket) })
      },
    },
  }
  await db.write(async (trx) => {
    const created_at = await db.now(trx)
    await trx
      .insertInto('scope')
      .values(['alpha', 'beta'].map((name) => ({ name, created_at })))
      .execute()
    await trx.insertInto('user').values({ name: 'admin', created_at }).execute()
  })
  return {
    db,
    storage,
    rooms,
    at,
    opened,
    async [Symbol.asyncDispose]() {
      await storage[Symbol.asyncDispose]()
      await drop()
      await home[Symbol.asyncDispose]()
    },
  }
}

function fails(code: ErrorCode, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof AshlarError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, pattern)
    return true
  }
}

async function events(
  db: Database,
): Promise<{ kind: string; subject: string; data: unknown; user_id: number | null }[]> {
  const rows = await db.read.selectFrom('event').selectAll().orderBy('id').execute()
  return rows.map(({ kind, subject, data_json, user_id }) => ({
    kind,
    subject,
    data: JSON.parse(data_json) as unknown,
    user_id,
  }))
}

/** Records a file with a copy in a store, without bytes. */
async function fileIn(db: Database, storeName: string, text: string): Promise<void> {
  const { id } = await db.read
    .selectFrom('file_store')
    .select('id')
    .where('name', '=', storeName)
    .executeTakeFirstOrThrow()
  const sha256 = createHash('sha256').update(text).digest('hex') as Sha256
  await db.write(async (trx) => {
    const copy = { storeId: id, key: { sha256, generation: 0 }, sizeBytes: text.length }
    await recordCopies(trx, [copy], await db.now(trx))
  })
}

function local(directory: string): { readonly kind: 'local'; readonly directory: string } {
  return { kind: 'local', directory }
}

forEachDialect((_dialect, open) => {
  it('a store in a directory is made, used, changed, and taken away again', async () => {
    await using the = await house(open)
    const { db, storage, rooms, at } = the
    await createStore(
      rooms,
      { name: 'big', place: local(at('disk')), hardMaxBytes: 1000, policy: { uploadPriority: 200 } },
      1,
    )
    const map = await storage.stores.map()
    const [scope] = await db.read.selectFrom('scope').select('id').where('name', '=', 'alpha').execute()
    assert.deepEqual(
      map.uploadTargets(scope?.id ?? 0).map(({ name }) => name),
      ['big', 'local'],
    )
    const store = map.named('big')
    assert.ok(store !== undefined)
    assert.equal((await storage.stores.open(store)).name, 'big')

    await updateStore(rooms, 'big', { softMaxBytes: 500, hardMaxBytes: null }, 1)
    const [, big] = await listStores(rooms)
    assert.deepEqual({ soft: big?.softMaxBytes, hard: big?.hardMaxBytes }, { soft: 500, hard: null })
    assert.deepEqual(big?.place, local(at('disk')))

    await deleteStore(rooms, 'big', 1)
    assert.equal((await listStores(rooms)).length, 1)
    await assert.rejects(stat(at('disk', 'ashlar-store')), { code: 'ENOENT' })
    assert.deepEqual(
      (await events(db)).map(({ kind, subject, user_id }) => [kind, subject, user_id]),
      [
        ['store.create', 'big', 1],
        ['store.update', 'big', 1],
        ['store.delete', 'big', 1],
      ],
    )
    // Its directory is free for another one.
    await createStore(rooms, { name: 'large', place: local(at('disk')) }, null)
  })

  it('a directory is not given to two stores, nor one within the other, nor with other things in it', async () => {
    await using the = await house(open)
    const { rooms, at } = the
    await createStore(rooms, { name: 'big', place: local(at('disk/store')) }, null)
    await mkdir(at('full'))
    await writeFile(at('full', 'thesis.tex'), '')
    await symlink(at('disk'), at('link'))
    const refusals: [string, RegExp][] = [
      [at('disk/store'), /holds another store/],
      [at('disk/store/ab'), /lies within the store big, or around it/],
      [at('disk'), /lies within the store big, or around it/],
      [at('link/store/inner'), /lies within the store big/],
      [at('data/store/more'), /the store local/],
      [at('data/spool'), /the spool of this server/],
      [at('data'), /or around it/],
      [at('full'), /holds other things, such as thesis\.tex/],
    ]
    for (const [directory, pattern] of refusals) {
      await assert.rejects(
        createStore(rooms, { name: 'other', place: local(directory) }, null),
        fails('conflict', pattern),
      )
    }
    await assert.rejects(
      createStore(rooms, { name: 'other', place: local('disk') }, null),
      fails('request-invalid', /absolute/),
    )
    await assert.rejects(
      createStore(rooms, { name: 'other', place: local(at('full/thesis.tex/x')) }, null),
      fails('store-unusable', /The store other cannot be used there\. The system refused/),
    )
    assert.equal((await listStores(rooms)).length, 2)
  })

  it('what refuses a new store leaves its directory free', async () => {
    await using the = await house(open)
    const { rooms, at } = the
    await assert.rejects(
      createStore(rooms, { name: 'big', place: local(at('disk')), scope: 'nowhere' }, null),
      fails('not-found', /no scope "nowhere"/),
    )
    await assert.rejects(
      createStore(rooms, { name: 'big', place: local(at('disk')), policy: { uploadPriority: 1, drain: true } }, null),
      fails('policy-impossible', /while it is drained/),
    )
    await createStore(rooms, { name: 'big', place: local(at('disk')) }, null)
    await assert.rejects(
      createStore(rooms, { name: 'big', place: local(at('disk2')) }, null),
      fails('conflict', /There is a store big already/),
    )
  })

  it('names and limits that make no sense are refused', async () => {
    await using the = await house(open)
    const { rooms, at } = the
    const place = local(at('disk'))
    for (const name of ['', 'Big', '../x', 'a b', '-a']) {
      await assert.rejects(createStore(rooms, { name, place }, null), fails('request-invalid', /cannot be the name/))
    }
    const limits = { softMaxBytes: 2, hardMaxBytes: 1 }
    await assert.rejects(createStore(rooms, { name: 'big', place, ...limits }, null), fails('request-invalid', /above/))
    await assert.rejects(
      createStore(rooms, { name: 'big', place, hardMaxBytes: 0 }, null),
      fails('request-invalid', /at least one byte/),
    )
    await createStore(rooms, { name: 'big', place, hardMaxBytes: 10 }, null)
    await assert.rejects(updateStore(rooms, 'big', { softMaxBytes: 11 }, null), fails('request-invalid', /above/))
    await assert.rejects(updateStore(rooms, 'none', {}, null), fails('not-found', /no store "none"/))
  })

  it('a bucket is opened before it is recorded, and its secret is never told', async () => {
    await using the = await house(open)
    const { db, rooms } = the
    const missing = { kind: 's3', s3: { ...bucket, bucket: 'missing' }, secret } as const
    await assert.rejects(createStore(rooms, { name: 'cloud', place: missing }, null), (error) => {
      assert.doesNotMatch(String(error), /do-not-tell/)
      return fails('store-unusable', /There is no bucket missing/)(error)
    })
    await createStore(rooms, { name: 'cloud', place: { kind: 's3', s3: bucket, secret }, holdsUploads: true }, null)
    await updateStore(rooms, 'cloud', { s3: { storageClass: 'STANDARD_IA', redirect: true } }, null)
    await updateStore(rooms, 'cloud', { secret: { ...secret, accessKeyId: 'NEW' }, s3: { redirect: null } }, null)
    assert.deepEqual(
      the.opened.map((json) => (JSON.parse(json) as { accessKeyId: string }).accessKeyId),
      ['AKIAEXAMPLE', 'AKIAEXAMPLE', 'NEW'],
    )
    const { store } = await showStore(rooms, 'cloud')
    assert.deepEqual(store.place, { kind: 's3', s3: { ...bucket, storageClass: 'STANDARD_IA' }, secret: null })
    assert.deepEqual([store.ownCredentials, store.holdsUploads], [true, true])
    const told = JSON.stringify([await listStores(rooms), await events(db)])
    assert.doesNotMatch(told, /do-not-tell|AKIAEXAMPLE|NEW/)

    await assert.rejects(
      createStore(rooms, { name: 'two', place: { kind: 's3', s3: bucket, secret: null }, holdsUploads: true }, null),
      fails('conflict', /cloud keeps the uploads in progress/),
    )
    await updateStore(rooms, 'cloud', { secret: null }, null)
    assert.equal((await showStore(rooms, 'cloud')).store.ownCredentials, false)
  })

  it('a place has no password in its URL, and no secret in what is said of it', async () => {
    await using the = await house(open)
    const places = [
      { kind: 'remote', url: 'https://user:hunter2@deb.example.org/' },
      { kind: 's3', s3: { ...bucket, endpoint: 'http://user:hunter2@minio:9000' }, secret: null },
      { kind: 's3', s3: bucket, secret: { accessKeyId: 'x', secretAccessKey: 'hunter2 with blanks' } },
    ] as const
    for (const place of places) {
      await assert.rejects(createStore(the.rooms, { name: 'x', place }, null), (error) => {
        assert.doesNotMatch(String(error), /hunter2/)
        return fails('request-invalid', /password|without user|the secret of an access key/)(error)
      })
    }
    await createStore(the.rooms, { name: 'x', place: { kind: 'remote', url: 'https://deb.example.org/debian' } }, null)
    const { store } = await showStore(the.rooms, 'x')
    assert.deepEqual(store.place, { kind: 'remote', url: 'https://deb.example.org/debian/' })
  })

  it('a store with files stays where they are; a disk may be mounted elsewhere', async () => {
    await using the = await house(open)
    const { db, rooms, at } = the
    await createStore(rooms, { name: 'big', place: local(at('disk')) }, null)
    await createStore(rooms, { name: 'cloud', place: { kind: 's3', s3: bucket, secret } }, null)
    const marker = await readFile(at('disk', 'ashlar-store'), 'utf8')
    await fileIn(db, 'big', 'hello')
    await fileIn(db, 'cloud', 'hello')
    await assert.rejects(
      updateStore(rooms, 'big', { directory: at('other') }, null),
      fails('conflict', /big cannot go elsewhere while it has files \(1 file\)/),
    )
    await assert.rejects(stat(at('other', 'ashlar-store')), { code: 'ENOENT' })
    await assert.rejects(
      updateStore(rooms, 'cloud', { s3: { prefix: 'x' } }, null),
      fails('conflict', /cloud cannot go elsewhere/),
    )
    await updateStore(rooms, 'cloud', { s3: { endpoint: 'https://s3.example.org' } }, null)
    await assert.rejects(
      updateStore(rooms, 'cloud', { directory: at('x') }, null),
      fails('request-invalid', /cloud is s3, not local/),
    )
    await rename(at('disk'), at('mnt'))
    await updateStore(rooms, 'big', { directory: at('mnt') }, null)
    assert.equal(await readFile(at('mnt', 'ashlar-store'), 'utf8'), marker)
    assert.deepEqual((await showStore(rooms, 'big')).store.place, local(at('mnt')))
    assert.equal((await showStore(rooms, 'big')).store.unreachable, null)
  })

  it('a store is not deleted while something refers to it', async () => {
    await using the = await house(open)
    const { db, rooms, at } = the
    await createStore(rooms, { name: 'big', place: local(at('disk')) }, null)
    await createStore(rooms, { name: 'old', place: local(at('old')) }, null)
    await fileIn(db, 'old', 'hello')
    await assert.rejects(deleteStore(rooms, 'old', null), fails('conflict', /old cannot be deleted while it has files/))
    await setPolicy(rooms, { store: 'old', scope: null }, { drain: true, drainTo: 'big' }, null)
    await assert.rejects(deleteStore(rooms, 'big', null), fails('conflict', /The store old is drained to big/))
    await assert.rejects(
      deleteStore(rooms, 'local', null),
      fails('policy-impossible', /no store would take the uploads of the scope alpha/),
    )
    await assert.rejects(deleteStore(rooms, 'none', null), fails('not-found', /none/))
  })

  it('policies are set, replaced and unset, for one scope and for all', async () => {
    await using the = await house(open)
    const { db, rooms, at } = the
    await createStore(rooms, { name: 'big', place: local(at('disk')) }, null)
    await createStore(rooms, { name: 'betas', place: local(at('betas')), scope: 'beta' }, null)
    const everywhere = { store: 'big', scope: null }
    await setPolicy(rooms, everywhere, { uploadPriority: 50, softMaxBytes: 1000 }, 1)
    await setPolicy(rooms, { store: 'big', scope: 'alpha' }, { populate: true }, 1)
    await setPolicy(rooms, everywhere, { uploadPriority: 60 }, 1)
    const { store } = await showStore(rooms, 'big')
    assert.deepEqual(
      store.policies.map(({ scope, uploadPriority, populate, softMaxBytes }) => [
        scope,
        uploadPriority,
        populate,
        softMaxBytes,
      ]),
      [
        [null, 60, false, null],
        ['alpha', null, true, null],
      ],
    )
    await unsetPolicy(rooms, { store: 'big', scope: 'alpha' }, 1)
    await assert.rejects(
      unsetPolicy(rooms, { store: 'big', scope: 'alpha' }, 1),
      fails('not-found', /big has no policy for the scope alpha/),
    )
    await assert.rejects(
      setPolicy(rooms, { store: 'betas', scope: 'alpha' }, {}, 1),
      fails('policy-impossible', /betas belongs to another scope/),
    )
    await assert.rejects(
      unsetPolicy(rooms, { store: 'local', scope: null }, 1).then(() => unsetPolicy(rooms, everywhere, 1)),
      fails('policy-impossible', /the uploads of the scope beta/),
    )
    await assert.rejects(
      setPolicy(rooms, everywhere, { uploadPriority: -1 }, 1),
      fails('request-invalid', /A priority is a whole number/),
    )
    const set = (await events(db)).filter(({ kind }) => kind.startsWith('policy.'))
    assert.deepEqual(set[0], {
      kind: 'policy.set',
      subject: 'big',
      user_id: 1,
      data: { scope: null, uploadPriority: 50, softMaxBytes: 1000 },
    })
    assert.deepEqual(
      set.map(({ kind }) => kind),
      ['policy.set', 'policy.set', 'policy.set', 'policy.unset', 'policy.unset'],
    )
  })

  it('a policy that lets a scope read what only that store has is not taken back', async () => {
    await using world = await storageWorld(open)
    const rooms: StoreRooms = { database: world.db, stores: world.storage.stores }
    await world.addStore('cold')
    await setPolicy(rooms, { store: 'cold', scope: null }, { populate: true, writeOnly: true }, null)
    const own = { store: 'cold', scope: 'local' }
    await setPolicy(rooms, own, { uploadPriority: 500 }, null)
    const artifact = await world.artifact({ a: Buffer.from('only there') })
    assert.deepEqual(await world.storesOf(artifact, 'a'), ['cold'])
    const refused = fails(
      'policy-impossible',
      /^The scope local could not read what only cold has, such as [0-9a-f]{64}/,
    )
    await assert.rejects(unsetPolicy(rooms, own, null), refused)
    await assert.rejects(setPolicy(rooms, own, { writeOnly: true }, null), refused)
    assert.equal((await world.read(artifact, 'a')).toString(), 'only there')
    // Of another scope, which has nothing there, it is.
    await setPolicy(rooms, { store: 'cold', scope: 'other' }, { uploadPriority: 500 }, null)
    await unsetPolicy(rooms, { store: 'cold', scope: 'other' }, null)
    // Once it is elsewhere too, so is this one.
    await setPolicy(rooms, own, { drain: true }, null)
    await world.vacuum()
    await unsetPolicy(rooms, own, null)
    assert.equal((await world.read(artifact, 'a')).toString(), 'only there')
  })

  it('two administrators at once cannot take away the last two stores that take uploads', async () => {
    await using the = await house(open)
    const { rooms, at } = the
    await createStore(rooms, { name: 'big', place: local(at('disk')), policy: { uploadPriority: 1 } }, null)
    const begun = Promise.withResolvers<void>()
    const first = changeStores(rooms, async ({ trx, map }) => {
      await trx.deleteFrom('store_policy').where('store_id', '=', requireStore(map, 'local').id).execute()
      begun.resolve()
      await sleep(300)
    })
    await begun.promise
    const second = setPolicy(rooms, { store: 'big', scope: null }, {}, null)
    await assert.rejects(second, fails('policy-impossible', /no store would take the uploads/))
    await first
  })

  it('what was wrong before does not keep anybody from mending it', async () => {
    await using the = await house(open)
    const { db, rooms, at } = the
    await createStore(rooms, { name: 'betas', place: local(at('betas')), scope: 'beta' }, null)
    await db.write((trx) => trx.deleteFrom('store_policy').execute())
    await setPolicy(rooms, { store: 'betas', scope: 'beta' }, { uploadPriority: 1 }, null)
    await assert.rejects(
      setPolicy(rooms, { store: 'betas', scope: 'beta' }, {}, null),
      fails('policy-impossible', /of the scope beta/),
    )
    await setPolicy(rooms, { store: 'local', scope: null }, { uploadPriority: 1 }, null)
  })
})
