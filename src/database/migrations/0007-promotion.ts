/** Changes of several steps. schema.ts explains the columns. */
import { sql, type Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import { addColumns, idOf, integer, orNull, text } from './layout.ts'

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await addColumns(db, types, 'change', {
    batch_id: orNull(idOf('change')),
    step: orNull(integer),
    outcome_json: orNull(text),
  })
  await db.schema
    .createIndex('change_batch_id_index')
    .on('change')
    .column('batch_id')
    .where(sql.ref('batch_id'), 'is not', null)
    .execute()
}
