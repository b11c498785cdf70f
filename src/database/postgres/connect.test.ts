import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { forEachDialect } from '../../../test/support/databases.ts'
import { startPostgres } from '../../../test/support/postgres.ts'
import { openDatabase } from '../database.ts'
import { unusable } from './connect.ts'

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1)
}

it('a server older than PostgreSQL 15 is unusable, a newer one is not', () => {
  const settings = { version: '14.20', versionNumber: 140_020, encoding: 'UTF8', fsync: 'on', synchronousCommit: 'on' }
  assert.equal(unusable(settings), 'The server is PostgreSQL 14.20; Ashlar needs 15 or newer.')
  assert.equal(unusable({ ...settings, version: '15.0', versionNumber: 150_000 }), undefined)
})

it('a server that does not answer is named as such', async () => {
  await assert.rejects(openDatabase('postgres://postgres@127.0.0.1:1/ashlar'), { code: 'storage-failed' })
})

forEachDialect((dialect, open) => {
  if (dialect !== 'postgres') return

  it('a database with synchronous_commit off is refused, outside tests', async () => {
    const { url } = await open()
    await execute(url, `alter database ${databaseOf(url)} set synchronous_commit = off`)
    await assert.rejects(openDatabase(url), { code: 'database-unusable', message: /synchronous_commit = off/ })
    await using db = await openDatabase(url, { allowUnsafeDurability: true })
    await db.now()
  })

  it('a server that runs without fsync is refused, outside tests', async () => {
    const server = await startPostgres({ settings: { fsync: 'off' } })
    try {
      await assert.rejects(openDatabase(server.url), { code: 'database-unusable', message: /fsync = off/ })
      await using db = await openDatabase(server.url, { allowUnsafeDurability: true })
      await db.now()
    } finally {
      await server.stop()
    }
  })

  it('a database that is not in UTF-8 is refused, also in tests', async () => {
    const { url } = await open()
    const name = `${databaseOf(url)}_latin1`
    await execute(url, `create database ${name} template template0 encoding 'LATIN1' locale 'C'`)
    const other = new URL(url)
    other.pathname = `/${name}`
    await assert.rejects(openDatabase(other.href, { allowUnsafeDurability: true }), {
      code: 'database-unusable',
      message: /LATIN1/,
    })
    await execute(url, `drop database ${name} with (force)`)
  })

  it('connections that the server ends are replaced, and told of', async () => {
    const { url } = await open()
    const told: Error[] = []
    const bothTold = Promise.withResolvers<void>()
    await using db = await openDatabase(url, {
      onIdleError: (error) => {
        told.push(error)
        // The one that reads and the one that writes.
        if (told.length === 2) bothTold.resolve()
      },
    })
    await db.read.selectFrom('scope').selectAll().execute()
    await execute(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'ashlar'`,
    )
    await bothTold.promise
    await db.write((trx) => trx.insertInto('scope').values({ name: 'x', created_at: 0 }).execute())
    assert.equal((await db.read.selectFrom('scope').selectAll().execute()).length, 1)
  })

  it('a write whose connection breaks fails as storage-failed, and leaves nothing', async () => {
    const { db, url } = await open()
    const deed = db.write(async (trx) => {
      await trx.insertInto('scope').values({ name: 'half', created_at: 0 }).execute()
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
      await execute(url, `select pg_terminate_backend(${rows[0]?.pid})`)
      await trx.insertInto('scope').values({ name: 'other half', created_at: 0 }).execute()
    })
    await assert.rejects(deed, { code: 'storage-failed' })
    assert.deepEqual(await db.read.selectFrom('scope').selectAll().execute(), [])
  })
})
