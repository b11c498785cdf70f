import { sql } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'

/** Column types on PostgreSQL. Text compares by its bytes, whatever the locale of the database. */
export const postgresColumnTypes: ColumnTypes = {
  id: { type: 'bigint', build: (column) => column.generatedByDefaultAsIdentity().primaryKey() },
  integer: 'bigint',
  text: sql`text collate "C"`,
  bytes: 'bytea',
  tableEnd: undefined,
  keyedTableEnd: undefined,
  dropsConstraints: true,
}
