/** What was asked for has the names of now: a `filter` instead of a `query`, `withDeps` instead of `withDependencies`. */
import { sql, type Kysely } from 'kysely'

const rowsAtOnce = 500
const names: Readonly<Record<string, string>> = { query: 'filter', withDependencies: 'withDeps' }

export async function up(db: Kysely<unknown>): Promise<void> {
  await rewrite(db, 'change', 'request_json', renamed)
  await rewrite(db, 'mirror', 'settings_json', renamed)
  await rewrite(db, 'mirror', 'state_json', renamedChoice)
}

async function rewrite(
  db: Kysely<unknown>,
  table: string,
  column: string,
  change: (value: unknown) => unknown,
): Promise<void> {
  const [json, from] = [sql.ref(column), sql.table(table)]
  for (let last = 0; ;) {
    const { rows } = await sql<{ id: number; json: string }>`
      select id, ${json} as json from ${from}
      where id > ${last} and (${json} like '%"query%' or ${json} like '%withDependencies%')
      order by id limit ${rowsAtOnce}`.execute(db)
    for (const row of rows) {
      const after = JSON.stringify(change(JSON.parse(row.json)))
      if (after !== row.json) await sql`update ${from} set ${json} = ${after} where id = ${row.id}`.execute(db)
    }
    last = rows.at(-1)?.id ?? last
    if (rows.length < rowsAtOnce) return
  }
}

/** With other names of members, in their order, at any depth: no member of another meaning had one of these names. */
function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [names[name] ?? name, renamed(inner)]))
}

/** With which settings an upstream was taken over, is kept as the text of an object. */
function renamedChoice(state: unknown): unknown {
  if (typeof state !== 'object' || state === null || !('choice' in state)) return state
  return { ...state, choice: JSON.stringify(renamed(JSON.parse(String(state.choice)))) }
}
