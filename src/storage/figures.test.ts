import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { forEachDialect } from '../../test/support/databases.ts'
import { temporaryDirectory } from '../../test/support/temporary-directory.ts'
import type { Sha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import { recordCopies } from './file-copies.ts'
import { takeFigures } from './figures.ts'
import { openStorage } from './storage.ts'
import { listStores, showStore } from './store-info.ts'

const day = 24 * 60 * 60 * 1_000_000

/** Files of these sizes in the default store; each is named by the scope that has it and how often. */
async function fill(db: Database): Promise<void> {
  await db.write(async (trx) => {
    const created_at = await db.now(trx)
    const { id: store } = await trx.selectFrom('file_store').select('id').executeTakeFirstOrThrow()
    const file = async (text: string, size: number): Promise<number> => {
      const sha256 = createHash('sha256').update(text).digest('hex') as Sha256
      const [recorded] = await recordCopies(
        trx,
        [{ storeId: store, key: { sha256, generation: 0 }, sizeBytes: size }],
        1,
      )
      if (typeof recorded !== 'object' || recorded instanceof Error) throw new Error('not recorded')
      return recorded.id
    }
    const workspace = async (scope: string): Promise<number> => {
      const { id } = await trx
        .insertInto('scope')
        .values({ name: scope, created_at })
        .returning('id')
        .executeTakeFirstOrThrow()
      const values = { scope_id: id, name: 'main', public: 1 as const, created_at }
      const made = await trx.insertInto('workspace').values(values).returning('id').executeTakeFirstOrThrow()
      return made.id
    }
    const artifact = async (workspaceId: number, files: readonly number[]): Promise<void> => {
      const values = { workspace_id: workspaceId, category: 'x', data_json: '{}', created_at }
      const { id } = await trx.insertInto('artifact').values(values).returning('id').executeTakeFirstOrThrow()
      for (const [index, fileId] of files.entries()) {
        const row = { artifact_id: id, path: String(index), sha256: '', size: 0, file_id: fileId }
        await trx.insertInto('artifact_file').values(row).execute()
      }
    }
    const [alpha, beta] = [await workspace('alpha'), await workspace('beta')]
    const shared = await file('shared', 100)
    await artifact(alpha, [shared, await file('own', 10)])
    await artifact(alpha, [shared, shared])
    await artifact(beta, [shared])
    await file('nobody', 1)
    const pack = await file('pack', 1000)
    const { id: archive } = await trx
      .insertInto('archive')
      .values({ workspace_id: beta, head: 1, sealed_at: 1, issue: 1, retained_from: 1 })
      .returning('id')
      .executeTakeFirstOrThrow()
    await trx
      .insertInto('revision')
      .values({ archive_id: archive, number: 1, sealed_at: 1, state: 'sealed', pack_file_id: pack })
      .execute()
  })
}

forEachDialect((_dialect, open) => {
  it('figures say what each scope has in a store, and what keeping each file once saves', async () => {
    const { db, drop } = await open()
    await using home = await temporaryDirectory()
    await using storage = await openStorage({ database: db, dataDirectory: home.path })
    await fill(db)
    const now = 1000 * day + 5
    await takeFigures(db, now)
    const rooms = { database: db, stores: storage.stores }
    const { store, scopes } = await showStore(rooms, 'local')
    assert.deepEqual([store.files, store.bytes], [4, 1111])
    assert.deepEqual(store.figures, { takenAt: now, files: 4, bytes: 1111, logicalBytes: 410 + 1000 })
    const none = { day: null, week: null }
    assert.deepEqual(scopes, [
      { scope: 'beta', files: 2, bytes: 1100, logicalBytes: 1100, growth: none },
      { scope: 'alpha', files: 2, bytes: 110, logicalBytes: 310, growth: none },
    ])
    await storage[Symbol.asyncDispose]()
    await drop()
  })

  it('growth is told from the figures of about a day and a week before; old figures go', async () => {
    const { db, drop } = await open()
    await using home = await temporaryDirectory()
    await using storage = await openStorage({ database: db, dataDirectory: home.path })
    const now = 1000 * day + 5
    for (const [ago, bytes] of [
      [500, 1],
      [7.5, 300],
      [1.1, 1000],
    ] as const) {
      await db.write(async (trx) => {
        const { id } = await trx.selectFrom('file_store').select('id').executeTakeFirstOrThrow()
        const values = {
          store_id: id,
          scope_id: null,
          taken_at: now - ago * day,
          files: 1,
          bytes,
          logical_bytes: bytes,
        }
        await trx.insertInto('store_figure').values(values).execute()
      })
    }
    await fill(db)
    await takeFigures(db, now - 1)
    await takeFigures(db, now)
    const rooms = { database: db, stores: storage.stores }
    const [local] = await listStores(rooms)
    assert.deepEqual(local?.growth, { day: 111, week: 811 })
    const { scopes } = await showStore(rooms, 'local')
    assert.deepEqual(
      scopes.map(({ scope, growth }) => [scope, growth]),
      [
        ['beta', { day: 1100, week: 1100 }],
        ['alpha', { day: 110, week: 110 }],
      ],
    )
    const taken = await db.read.selectFrom('store_figure').select('taken_at').distinct().orderBy('taken_at').execute()
    assert.deepEqual(
      taken.map(({ taken_at }) => (now - taken_at) / day),
      [7.5, 1.1, 0],
    )
    await storage[Symbol.asyncDispose]()
    await drop()
  })
})
