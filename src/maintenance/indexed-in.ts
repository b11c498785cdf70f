import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'

/** The archives that have indexes in a file, or chunks of some: it is a pack of theirs, or an index that they took over. */
export function archivesIndexedIn(db: Kysely<Tables>, fileId: number) {
  return db
    .selectFrom('chunk')
    .select('chunk.archive_id')
    .where('chunk.pack_file_id', '=', fileId)
    .union(db.selectFrom('index_file').select('index_file.archive_id').where('index_file.file_id', '=', fileId))
}
