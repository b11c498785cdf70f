/**
 * Runs the same tests on both dialects, each test on databases of its own.
 *
 * PostgreSQL is the server named by ASHLAR_TEST_POSTGRES (the test runner starts one for all files), or one that this
 * module starts when a file is run alone. Where none can be started its tests are skipped by name; with CI=true they
 * fail instead.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Client } from 'pg'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { startPostgres } from './postgres.ts'

export type DialectName = Database['dialect']

export interface FreshDatabase {
  readonly db: Database
  /** For opening it once more, here or in another process. */
  readonly url: string
  /** Closes and removes it. What a test leaves is dropped after the tests of its dialect. */
  readonly drop: () => Promise<void>
}

/** A database before anything is opened or migrated. */
export interface EmptyDatabase {
  readonly url: string
  readonly remove: () => Promise<void>
}

export type OpenFresh = () => Promise<FreshDatabase>
export type CreateEmpty = () => Promise<EmptyDatabase>
type Define = (dialect: DialectName, open: OpenFresh, createEmpty: CreateEmpty) => void

const postgres = await availablePostgres()

/** Defines the tests once for each dialect: `forEachDialect((dialect, open) => { it('…', async () => { … }) })`. */
export function forEachDialect(define: Define): void {
  defineOn('sqlite', createSqlite, define)
  if ('url' in postgres) {
    defineOn('postgres', () => createPostgres(postgres.url), define)
  } else if (process.env['CI'] === 'true') {
    it('PostgreSQL can be started', () => {
      throw postgres.error
    })
  } else {
    const missing = (): Promise<never> => Promise.reject(postgres.error)
    describe('on postgres', { skip: `PostgreSQL could not be started: ${String(postgres.error)}` }, () => {
      define('postgres', missing, missing)
    })
  }
}

function defineOn(dialect: DialectName, create: CreateEmpty, define: Define): void {
  describe(`on ${dialect}`, () => {
    const left = new Set<() => Promise<void>>()
    after(async () => {
      await Promise.all([...left].map((remove) => remove()))
    })
    const createEmpty = async (): Promise<EmptyDatabase> => {
      const empty = await create()
      const remove = async (): Promise<void> => {
        if (left.delete(remove)) await empty.remove()
      }
      left.add(remove)
      return { url: empty.url, remove }
    }
    const open = async (): Promise<FreshDatabase> => {
      const empty = await create()
      const db = await openDatabase(empty.url)
      const drop = async (): Promise<void> => {
        if (!left.delete(drop)) return
        await db.close()
        await empty.remove()
      }
      left.add(drop)
      return { db, url: empty.url, drop }
    }
    define(dialect, open, createEmpty)
  })
}

/** A SQLite database, for tests of something that no dialect makes a difference to. */
export async function openSqliteFresh(): Promise<FreshDatabase> {
  const { url, remove } = await createSqlite()
  const db = await openDatabase(url)
  return {
    db,
    url,
    async drop() {
      await db.close()
      await remove()
    },
  }
}

async function createSqlite(): Promise<EmptyDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'ashlar-test-'))
  return {
    url: `sqlite:${join(directory, 'ashlar.db')}`,
    remove: () => rm(directory, { recursive: true, force: true }),
  }
}

async function createPostgres(serverUrl: string): Promise<EmptyDatabase> {
  const name = `ashlar_test_${randomBytes(8).toString('hex')}`
  // A collation that orders by language, so that text which should compare by bytes and does not is noticed.
  const locale = `template template0 encoding 'UTF8' locale 'C.UTF-8' locale_provider icu icu_locale 'en-US'`
  await execute(serverUrl, `create database ${name} ${locale}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return { url: url.href, remove: () => execute(serverUrl, `drop database ${name} with (force)`) }
}

/** Runs one statement on a server. */
async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function availablePostgres(): Promise<{ readonly url: string } | { readonly error: unknown }> {
  const url = process.env['ASHLAR_TEST_POSTGRES']
  if (url !== undefined && url !== '') return { url }
  try {
    const server = await startPostgres()
    after(() => server.stop())
    return { url: server.url }
  } catch (error) {
    return { error }
  }
}
