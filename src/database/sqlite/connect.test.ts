import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { it } from 'node:test'
import { sql } from 'kysely'
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts'
import { openDatabase } from '../database.ts'

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}

it('the file, its log and a directory made for them are readable by their owner only', async () => {
  await using directory = await temporaryDirectory()
  const data = join(directory.path, 'made', 'data')
  await using db = await openDatabase(`sqlite:${join(data, 'ashlar.db')}`)
  await db.read.selectFrom('scope').selectAll().execute()
  assert.equal(await modeOf(data), 0o700)
  const files = await readdir(data)
  assert.deepEqual(files.toSorted(), ['ashlar.db', 'ashlar.db-shm', 'ashlar.db-wal'])
  for (const file of files) assert.equal(await modeOf(join(data, file)), 0o600, file)
})

it('a file that others could read is closed to them; the mode of a directory that was there is left', async () => {
  await using directory = await temporaryDirectory()
  const data = join(directory.path, 'data')
  await mkdir(data, { mode: 0o755 })
  await chmod(data, 0o755)
  const path = join(data, 'ashlar.db')
  await writeFile(path, '', { mode: 0o644 })
  await chmod(path, 0o644)
  await using db = await openDatabase(`sqlite:${path}`)
  await db.now()
  assert.equal(await modeOf(path), 0o600)
  assert.equal(await modeOf(data), 0o755)
})

it('commits are synced to the disk, and foreign keys are held', async () => {
  await using directory = await temporaryDirectory()
  await using db = await openDatabase(`sqlite:${join(directory.path, 'ashlar.db')}`)
  const setting = (name: string): Promise<unknown> =>
    db.write(async (trx) => (await sql`pragma ${sql.raw(name)}`.execute(trx)).rows[0])
  assert.deepEqual(await setting('journal_mode'), { journal_mode: 'wal' })
  assert.deepEqual(await setting('synchronous'), { synchronous: 2 })
  assert.deepEqual(await setting('foreign_keys'), { foreign_keys: 1 })
})

it('closing leaves one file, with nothing in a log', async () => {
  await using directory = await temporaryDirectory()
  const db = await openDatabase(`sqlite:${join(directory.path, 'ashlar.db')}`)
  await db.write((trx) => trx.insertInto('scope').values({ name: 'x', created_at: 0 }).execute())
  await db.read.selectFrom('scope').selectAll().execute()
  await db.close()
  assert.deepEqual(await readdir(directory.path), ['ashlar.db'])
})

it('a full disk refuses the write as storage-full, keeps what was there, and goes on once there is room', async () => {
  await using directory = await temporaryDirectory()
  await using db = await openDatabase(`sqlite:${join(directory.path, 'ashlar.db')}`)
  await db.write((trx) => trx.insertInto('scope').values({ name: 'before', created_at: 0 }).execute())
  const limitPages = (count: number): Promise<unknown> =>
    db.write((trx) => sql`pragma max_page_count = ${sql.lit(count)}`.execute(trx))
  const addMany = (): Promise<void> =>
    db.write(async (trx) => {
      for (let index = 0; index < 200; index += 1) {
        const name = `${index}-${'x'.repeat(4000)}`
        await trx.insertInto('scope').values({ name, created_at: 0 }).execute()
      }
    })
  await limitPages(1)
  await assert.rejects(addMany(), { code: 'storage-full' })
  assert.deepEqual(await db.read.selectFrom('scope').select('name').execute(), [{ name: 'before' }])
  await limitPages(1_000_000)
  await addMany()
  assert.equal((await db.read.selectFrom('scope').select('id').execute()).length, 201)
})

it('a transaction that SQLite ended by itself does not go on without its beginning', async () => {
  await using directory = await temporaryDirectory()
  await using db = await openDatabase(`sqlite:${join(directory.path, 'ashlar.db')}`)
  const deed = db.write(async (trx) => {
    await trx.insertInto('scope').values({ name: 'first', created_at: 0 }).execute()
    await sql`rollback`.execute(trx)
    await trx.insertInto('scope').values({ name: 'second', created_at: 0 }).execute()
  })
  await assert.rejects(deed, /ended by itself/)
  assert.deepEqual(await db.read.selectFrom('scope').select('name').execute(), [])
})

it('a file that another process keeps locked is busy, not damaged', async () => {
  await using directory = await temporaryDirectory()
  const path = join(directory.path, 'ashlar.db')
  await using db = await openDatabase(`sqlite:${path}`, { busyTimeoutMs: 20 })
  const other = new DatabaseSync(path)
  other.exec('begin immediate')
  const write = (): Promise<unknown> =>
    db.write((trx) => trx.insertInto('scope').values({ name: 'x', created_at: 0 }).execute())
  await assert.rejects(write(), { code: 'busy' })
  assert.deepEqual(await db.read.selectFrom('scope').selectAll().execute(), [])
  other.exec('rollback')
  other.close()
  await write()
})

it('a file that is no database, or cannot be made, is refused by name', async () => {
  await using directory = await temporaryDirectory()
  const path = join(directory.path, 'ashlar.db')
  await writeFile(path, 'This is a letter, not a database. '.repeat(100))
  await assert.rejects(openDatabase(`sqlite:${path}`), { code: 'database-unusable' })
  await assert.rejects(openDatabase('sqlite:/dev/null/ashlar.db'), {
    code: 'database-unusable',
    message: /\/dev\/null/,
  })
})
