/** Mirrors, and what is claimed of files whose bytes nobody here has read. schema.ts explains the columns. */
import { sql, type Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import type { Tables } from '../schema.ts'
import {
  addColumns,
  type AnyLayout,
  createTables,
  id,
  idOf,
  integer,
  type LayoutOf,
  orNull,
  text,
  zero,
} from './layout.ts'

const layout = {
  archive_file: {
    columns: { archive_id: idOf('archive'), file_id: idOf('file') },
    primaryKey: ['archive_id', 'file_id'],
    index: [['file_id']],
  },
  mirror: {
    columns: {
      id,
      archive_id: idOf('archive'),
      name: text,
      suite: text,
      store_id: idOf('file_store'),
      settings_json: text,
      keyring: text,
      next_at: orNull(integer),
      state_json: orNull(text),
      work_state: orNull(text),
      work_json: orNull(text),
      created_at: integer,
      removed_at: orNull(integer),
    },
    index: [['archive_id', 'name'], ['store_id']],
  },
  taken_index: {
    columns: { suite_id: idOf('suite'), path: text, file_id: orNull(idOf('file')), sha256: text, size: integer },
    primaryKey: ['suite_id', 'path'],
    indexWhereSet: ['file_id'],
  },
} as const satisfies LayoutOf<Pick<Tables, 'archive_file' | 'mirror' | 'taken_index'>>

/** With a unique key over more than the file. */
const packages = {
  package: {
    columns: {
      id,
      file_id: idOf('file'),
      claimed_in: integer,
      claim: text,
      kind: text,
      name: text,
      version: text,
      version_key: text,
      architecture: text,
      source_name: text,
      source_version: text,
      section: orNull(text),
      priority: orNull(text),
      debug_symbols: integer,
      stanza: text,
      created_at: integer,
    },
    unique: [['file_id', 'claimed_in', 'claim']],
    index: [['name']],
  },
} as const satisfies LayoutOf<Pick<Tables, 'package'>> & AnyLayout<'package'>

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await createTables(db, types, layout)
  await addColumns(db, types, 'pool_name', { claimed: zero })
  if (types.dropsConstraints) await changePackages(db, types)
  else await remakePackages(db, types)
}

async function changePackages(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await addColumns(db, types, 'package', { claimed_in: zero })
  await db.schema
    .alterTable('package')
    .addColumn('claim', types.text, (column) => column.notNull().defaultTo(''))
    .execute()
  await db.schema.alterTable('package').dropConstraint('package_file_id_key').execute()
  await db.schema
    .alterTable('package')
    .addUniqueConstraint('package_file_id_claimed_in_claim_key', ['file_id', 'claimed_in', 'claim'])
    .execute()
}

/**
 * SQLite takes no constraint off a table, so the table is made again. What refers to its rows is held to them when the
 * transaction ends.
 */
async function remakePackages(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await sql`pragma defer_foreign_keys = on`.execute(db)
  await sql`create table package_before as select * from package`.execute(db)
  const { rows } = await sql<{ seq: number }>`select seq from sqlite_sequence where name = 'package'`.execute(db)
  await db.schema.dropTable('package').execute()
  await createTables(db, types, packages)
  await sql`
    insert into package
    select id, file_id, 0, '', kind, name, version, version_key, architecture, source_name, source_version, section,
      priority, debug_symbols, stanza, created_at
    from package_before order by id`.execute(db)
  // The ids of packages that are gone are given to no others, now as before.
  for (const { seq } of rows) await sql`update sqlite_sequence set seq = ${seq} where name = 'package'`.execute(db)
  await db.schema.dropTable('package_before').execute()
}
