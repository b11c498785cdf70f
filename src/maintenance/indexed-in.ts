import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'

/** The archives that have indexes in a file, or chunks of some: it is a pack of theirs, or an index that a mirror took. */
export function archivesIndexedIn(db: Kysely<Tables>, fileId: number) {
  return db
    .selectFrom('chunk')
    .select('chunk.archive_id')
    .where('chunk.pack_file_id', '=', fileId)
    .union(db.selectFrom('index_file').select('index_file.archive_id').where('index_file.file_id', '=', fileId))
    .union(
      db
        .selectFrom('taken_index')
        .innerJoin('suite', 'suite.id', 'taken_index.suite_id')
        .select('suite.archive_id')
        .where('taken_index.file_id', '=', fileId),
    )
}
