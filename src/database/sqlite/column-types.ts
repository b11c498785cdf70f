import { sql } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'

/** Column types on SQLite. Text compares by its bytes (BINARY) unless told otherwise. */
export const sqliteColumnTypes: ColumnTypes = {
  // AUTOINCREMENT, so that the id of a deleted row is never given to another.
  id: { type: 'integer', build: (column) => column.primaryKey().autoIncrement() },
  integer: 'integer',
  text: 'text',
  bytes: 'blob',
  tableEnd: sql`strict`,
  // The rows live in the primary key itself: half the writes for tables that are looked up by it only.
  keyedTableEnd: sql`strict, without rowid`,
  dropsConstraints: false,
}
