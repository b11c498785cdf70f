import { sql, type RawBuilder } from 'kysely'

/**
 * The rows of a `values` clause, each value with its type, so that both dialects know it: for changing many rows, each
 * to something else, in one statement.
 *
 * @example sql`with v (id, name) as (values ${valueRows(['bigint', 'text'], [[1, 'a'], [2, 'b']])})
 *   update thing set name = v.name from v where thing.id = v.id`
 */
export function valueRows(
  types: readonly ('bigint' | 'text')[],
  rows: readonly (readonly (number | string | null)[])[],
): RawBuilder<unknown> {
  const tuples = rows.map((row) => {
    const values = row.map((value, column) => sql`cast(${value} as ${sql.raw(types[column] ?? 'text')})`)
    return sql`(${sql.join(values)})`
  })
  return sql.join(tuples)
}
