/** How many lines the text of a chunk has, for patches of indexes. schema.ts explains the columns. */
import type { Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import { addColumns, integer, orNull } from './layout.ts'

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await addColumns(db, types, 'chunk', { text_lines: orNull(integer) })
}
