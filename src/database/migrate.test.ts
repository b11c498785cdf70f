import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sql } from 'kysely'
import { startProgram } from '../../test/support/child.ts'
import { forEachDialect } from '../../test/support/databases.ts'
import { type Database, openDatabase } from './database.ts'

const openDatabaseProgram = new URL('../../test/support/programs/open-database.ts', import.meta.url)

async function migrationsOf(db: Database): Promise<unknown[]> {
  return (await sql`select * from kysely_migration order by name`.execute(db.read)).rows
}

forEachDialect((dialect, open, createEmpty) => {
  it('opening again changes nothing', async () => {
    const { db, url } = await open()
    await db.write((trx) => trx.insertInto('scope').values({ name: 'kept', created_at: 1 }).execute())
    const before = await migrationsOf(db)
    assert.ok(before.length > 0)
    await using again = await openDatabase(url)
    assert.deepEqual(await migrationsOf(again), before)
    assert.deepEqual(await again.read.selectFrom('scope').select('name').execute(), [{ name: 'kept' }])
  })

  it('processes that open an empty database at once all succeed', async () => {
    const { url, remove } = await createEmpty()
    const children = Array.from({ length: 4 }, () => startProgram(openDatabaseProgram, [url]))
    const statuses = await Promise.all(children.map((child) => child.ended()))
    assert.deepEqual(statuses, [0, 0, 0, 0])
    await using db = await openDatabase(url)
    assert.deepEqual(await db.read.selectFrom('scope').select('id').execute(), [])
    await db.close()
    await remove()
  })

  it('many Databases of one process can open it at once too', async () => {
    const { url, remove } = await createEmpty()
    const databases = await Promise.all(Array.from({ length: 5 }, () => openDatabase(url)))
    await Promise.all(databases.map((db) => db.close()))
    await remove()
  })

  it('a database of a newer Ashlar is refused and left as it is', async () => {
    const { db, url } = await open()
    await db.write(async (trx) => {
      await sql`insert into kysely_migration (name, timestamp) values ('9999-later', '2999-01-01T00:00:00.000Z')`.execute(
        trx,
      )
    })
    const before = await migrationsOf(db)
    await assert.rejects(openDatabase(url), { code: 'database-unusable', message: /newer Ashlar .*9999-later/ })
    assert.deepEqual(await migrationsOf(db), before)
  })

  if (dialect === 'postgres') {
    it('every text column compares by bytes, whatever the locale of the database', async () => {
      const { db } = await open()
      const { rows } = await sql`
        select table_name, column_name, collation_name from information_schema.columns
        where table_schema = 'public' and data_type = 'text' and collation_name is distinct from 'C'
      `.execute(db.read)
      assert.deepEqual(rows, [])
    })
  } else {
    it('every table holds its columns to their types', async () => {
      const { db } = await open()
      const { rows } = await sql`
        select name from pragma_table_list
        where schema = 'main' and type = 'table' and not strict and name not like 'sqlite%' and name not like 'kysely%'
      `.execute(db.read)
      assert.deepEqual(rows, [])
    })
  }
})
