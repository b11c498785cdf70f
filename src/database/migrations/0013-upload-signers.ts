/** What a key that signed an upload calls itself, and the way from a change to the upload that asked for it. */
import { sql, type Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import { addColumns, orNull, text } from './layout.ts'

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await addColumns(db, types, 'received_upload', { signer_name: orNull(text) })
  await db.schema
    .createIndex('received_upload_change_id_index')
    .on('received_upload')
    .column('change_id')
    .where(sql.ref('change_id'), 'is not', null)
    .execute()
}
