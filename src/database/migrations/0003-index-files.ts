/** Indexes that are bytes of a stored file, and ones that a Release does not list. schema.ts explains the columns. */
import { sql, type Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import { addColumns, idOf, integer, orNull, zero } from './layout.ts'

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await addColumns(db, types, 'index_file', { file_id: orNull(idOf('file')), file_offset: orNull(integer) })
  await addColumns(db, types, 'release_index', { listed: { ...zero, default: 1 } })
  await db.schema
    .createIndex('index_file_file_id_index')
    .on('index_file')
    .column('file_id')
    .where(sql.ref('file_id'), 'is not', null)
    .execute()
  // Again with all that is asked of what holds now.
  await db.schema.dropIndex('release_index_suite_id_until_revision_path_index_file_id_index').execute()
  await db.schema
    .createIndex('release_index_suite_id_until_revision_index')
    .on('release_index')
    .columns(['suite_id', 'until_revision', 'path', 'index_file_id', 'listed'])
    .execute()
}
