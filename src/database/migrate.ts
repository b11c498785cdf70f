/** Brings a database to the newest form that this program knows. */
import { CompiledQuery, sql, type Kysely, type Transaction } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'
import { AshlarError } from '../common/errors.ts'
import type { ColumnTypes } from './column-types.ts'
import * as core from './migrations/0001-core.ts'
import * as stores from './migrations/0002-stores.ts'
import * as indexFiles from './migrations/0003-index-files.ts'
import * as textLines from './migrations/0005-text-lines.ts'
import * as uploads from './migrations/0006-uploads.ts'
import * as promotion from './migrations/0007-promotion.ts'
import * as mirrors from './migrations/0008-mirrors.ts'
import * as origins from './migrations/0010-origins.ts'
import * as filterNames from './migrations/0011-filter-names.ts'
import * as uploadSigners from './migrations/0013-upload-signers.ts'
import * as descriptionsByName from './migrations/0014-descriptions-by-name.ts'
import * as signedTexts from './migrations/0015-signed-texts.ts'
import type { Tables } from './schema.ts'

/** In order; a name once released never changes, nor does what it did. */
const migrations: Readonly<Record<string, (db: Kysely<unknown>, types: ColumnTypes) => Promise<void>>> = {
  '0001-core': core.up,
  '0002-stores': stores.up,
  '0003-index-files': indexFiles.up,
  '0005-text-lines': textLines.up,
  '0006-uploads': uploads.up,
  '0007-promotion': promotion.up,
  '0008-mirrors': mirrors.up,
  '0010-origins': origins.up,
  '0011-filter-names': filterNames.up,
  '0013-upload-signers': uploadSigners.up,
  '0014-descriptions-by-name': descriptionsByName.up,
  '0015-signed-texts': signedTexts.up,
}

/** Any constant: the advisory lock of PostgreSQL that migrations take turns by. */
const advisoryLock = 4_702_111_234

/**
 * Runs the migrations that are missing, all in the one transaction that it is given. Processes that start at once
 * take turns: on SQLite by its write lock, on PostgreSQL by an advisory lock that ends with the transaction.
 *
 * @throws AshlarError database-unusable if the database has migrations that this program does not know.
 */
export async function migrate(
  trx: Transaction<Tables>,
  dialect: 'sqlite' | 'postgres',
  types: ColumnTypes,
): Promise<void> {
  if (dialect === 'postgres') await trx.executeQuery(CompiledQuery.raw(`select pg_advisory_xact_lock(${advisoryLock})`))
  await refuseNewer(trx)
  const provider = { getMigrations: async () => bound(types) }
  const { error } = await new Migrator({ db: trx, provider }).migrateToLatest()
  if (error !== undefined) throw error
}

async function refuseNewer(trx: Transaction<Tables>): Promise<void> {
  const tables = await trx.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some((table) => table.name === 'kysely_migration')) return
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(trx)
  const unknown = rows.find((row) => !(row.name in migrations))
  if (unknown === undefined) return
  throw new AshlarError(
    'database-unusable',
    `The database was written by a newer Ashlar (it has ${unknown.name}, which this version does not know); ` +
      'start that version, or restore a backup.',
  )
}

function bound(types: ColumnTypes): Record<string, Migration> {
  const entries = Object.entries(migrations).map(([name, up]): [string, Migration] => [
    name,
    { up: (db: Kysely<unknown>) => up(db, types) },
  ])
  return Object.fromEntries(entries)
}
