/** Parts of a long list, for statements that name each of its rows. */

/** Both dialects limit the parameters of a statement (SQLite 32,766, PostgreSQL 65,535), and a row has up to twenty. */
const ROWS_PER_STATEMENT = 200

/** The rows in their order, in parts that one statement can name. */
export function rowBatches<Row>(rows: readonly Row[]): Row[][] {
  return Array.from({ length: Math.ceil(rows.length / ROWS_PER_STATEMENT) }, (_, i) =>
    rows.slice(i * ROWS_PER_STATEMENT, (i + 1) * ROWS_PER_STATEMENT),
  )
}
