import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sql } from 'kysely'
import { forEachDialect } from '../../test/support/databases.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './unique-violation.ts'

async function addScope(db: Database, name: string, createdAt = 0): Promise<void> {
  await db.write((trx) => trx.insertInto('scope').values({ name, created_at: createdAt }).execute())
}

async function scopeNames(db: Database): Promise<string[]> {
  return (await db.read.selectFrom('scope').select('name').orderBy('name').execute()).map((scope) => scope.name)
}

forEachDialect((dialect, open) => {
  it('a unique violation is told from other errors, for unique keys and primary keys', async () => {
    const { db } = await open()
    await addScope(db, 'twice')
    const violation = await addScope(db, 'twice').catch((error: unknown) => error)
    assert.equal(isUniqueViolation(violation), true)

    const lease = { name: 'l', holder: 'h', fence: 1, expires_at: 0 }
    await db.write((trx) => trx.insertInto('lease').values(lease).execute())
    const primary = await db
      .write((trx) => trx.insertInto('lease').values(lease).execute())
      .catch((error: unknown) => error)
    assert.equal(isUniqueViolation(primary), true)

    const foreign = await db
      .write((trx) =>
        trx.insertInto('workspace').values({ scope_id: 999, name: 'w', public: 0, created_at: 0 }).execute(),
      )
      .catch((error: unknown) => error)
    assert.ok(foreign instanceof Error)
    assert.equal(isUniqueViolation(foreign), false)
    assert.equal(isUniqueViolation('no error'), false)
  })

  it('text orders and compares by its bytes', async () => {
    const { db } = await open()
    const names = ['a', 'B', 'Z', '_', '~', 'é', 'e', 'ä', '10', '9', 'a b', 'a-b', 'ab', 'A', '\u{10400}', '\uFFFD']
    for (const name of names) await addScope(db, name)
    const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(await scopeNames(db), byBytes)
    const after = await db.read.selectFrom('scope').select('name').where('name', '>', 'Z').orderBy('name').execute()
    assert.deepEqual(
      after.map((row) => row.name),
      byBytes.slice(byBytes.indexOf('Z') + 1),
    )
  })

  it('whole numbers of 53 bits come back as numbers, greater ones are refused', async () => {
    const { db } = await open()
    await addScope(db, 'big', Number.MAX_SAFE_INTEGER)
    const [row] = await db.read.selectFrom('scope').select('created_at').execute()
    assert.equal(row?.created_at, Number.MAX_SAFE_INTEGER)

    await db.write((trx) => sql`update scope set created_at = 9007199254740993`.execute(trx).then(() => undefined))
    await assert.rejects(db.read.selectFrom('scope').select('created_at').execute(), /too large/)
    await assert.rejects(
      db.write((trx) => trx.selectFrom('scope').select('created_at').execute()),
      /too large/,
    )
  })

  it('counts and sums are numbers', async () => {
    const { db } = await open()
    await addScope(db, 'a', 2 ** 40)
    await addScope(db, 'b', 1)
    const row = await db.read
      .selectFrom('scope')
      .select(({ fn }) => [fn.countAll<number>().as('count'), fn.sum<number>('created_at').as('sum')])
      .executeTakeFirst()
    assert.deepEqual(row, { count: 2, sum: 2 ** 40 + 1 })
  })

  it('bytes come back as they were, also those of a view into a larger buffer', async () => {
    const { db } = await open()
    const all = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256)
    const fileId = await db.write(async (trx) => {
      const file = await trx
        .insertInto('file')
        .values({ sha256: 'x', size: 1, created_at: 0 })
        .returning('id')
        .executeTakeFirstOrThrow()
      return file.id
    })
    for (const bytes of [all, all.subarray(300, 700), new Uint8Array()]) {
      const sha256 = `pack-${bytes.length}`
      await db.write((trx) => trx.insertInto('file').values({ sha256, size: fileId, created_at: 0 }).execute())
      await db.write(async (trx) => {
        await sql`create table if not exists note (id integer primary key, body ${sql.raw(
          dialect === 'postgres' ? 'bytea' : 'blob',
        )})`.execute(trx)
        await sql`delete from note`.execute(trx)
        await sql`insert into note (id, body) values (1, ${bytes})`.execute(trx)
      })
      const { rows } = await sql<{ body: Uint8Array }>`select body from note`.execute(db.read)
      assert.ok(rows[0]?.body instanceof Uint8Array)
      assert.deepEqual(Uint8Array.from(rows[0].body), Uint8Array.from(bytes))
    }
  })

  it('the number of changed rows is told', async () => {
    const { db } = await open()
    for (const name of ['a', 'b', 'c']) await addScope(db, name)
    await db.write(async (trx) => {
      const update = trx.updateTable('scope').set({ created_at: 5 }).where('name', '>', 'a')
      assert.equal((await update.executeTakeFirst()).numUpdatedRows, 2n)
      assert.equal((await trx.deleteFrom('scope').executeTakeFirst()).numDeletedRows, 3n)
    })
  })

  it('an id is never given twice, though its row is gone', async () => {
    const { db } = await open()
    const insert = (): Promise<{ id: number }> =>
      db.write((trx) =>
        trx.insertInto('scope').values({ name: 'x', created_at: 0 }).returning('id').executeTakeFirstOrThrow(),
      )
    const first = await insert()
    await db.write((trx) => trx.deleteFrom('scope').execute())
    assert.ok((await insert()).id > first.id)
  })

  it('a NUL character in a text is refused, in reads and in writes', async () => {
    const { db } = await open()
    await assert.rejects(addScope(db, 'a\0b'), { code: 'request-invalid' })
    await assert.rejects(db.read.selectFrom('scope').selectAll().where('name', '=', '\0').execute(), {
      code: 'request-invalid',
    })
  })
})
