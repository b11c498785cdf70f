/**
 * Long descriptions in the order of the names of packages, no more in that of their sources: maps in the old order get a
 * kind of their own, and the next seal of their suites makes others. schema.ts explains the kinds.
 */
import { type Kysely, sql } from 'kysely'

const bytesPerId = 6
const mapsPerPage = 200

export async function up(db: Kysely<unknown>): Promise<void> {
  const columns = ['suite_id', 'component', 'map_kind', 'name']
  await db.schema
    .createIndex('suite_item_suite_id_component_map_kind_name_index')
    .on('suite_item')
    .columns(columns)
    .execute()
  await db.schema
    .createIndex('suite_item_suite_id_component_map_kind_name_now_index')
    .on('suite_item')
    .columns(columns)
    .where(sql.ref('removed_by'), 'is', null)
    .execute()
  await nameChunks(db)
  await sql`update suite_map set map_kind = 'translations-by-source' where map_kind = 'translations'`.execute(db)
}

/** Chunks are found again by their text: those that hold the same as one in the new order have to have its keys. */
async function nameChunks(db: Kysely<unknown>): Promise<void> {
  const seen = new Set<number>()
  for (let last = 0; ;) {
    const { rows: maps } = await sql<{ id: number; chunks: Uint8Array }>`
      select id, chunks from index_map
      where id > ${last} and id in (select map_id from suite_map where map_kind = 'translations')
      order by id limit ${mapsPerPage}`.execute(db)
    for (const id of maps.flatMap((map) => idsIn(map.chunks))) {
      if (seen.has(id)) continue
      seen.add(id)
      const { rows } = await sql<{ first: string; last: string }>`
        select first_key as first, last_key as last from chunk where id = ${id}`.execute(db)
      for (const keys of rows) {
        await sql`
          update chunk set first_key = ${nameIn(keys.first)}, last_key = ${nameIn(keys.last)} where id = ${id}`.execute(
          db,
        )
      }
    }
    last = maps.at(-1)?.id ?? last
    if (maps.length < mapsPerPage) return
  }
}

/** A key was `source name`. */
function nameIn(key: string): string {
  return key.slice(key.lastIndexOf(' ') + 1)
}

function idsIn(packed: Uint8Array): number[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
  return Array.from({ length: bytes.length / bytesPerId }, (_, i) => bytes.readUIntLE(i * bytesPerId, bytesPerId))
}
