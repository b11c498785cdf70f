/** Several file stores with policies, expiry, and the record of maintenance. schema.ts explains the columns. */
import { sql, type Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import type { Tables } from '../schema.ts'
import { addColumns, createTables, id, idOf, integer, type LayoutOf, orNull, text, zero } from './layout.ts'

const layout = {
  store_policy: {
    columns: {
      id,
      store_id: idOf('file_store'),
      scope_id: orNull(idOf('scope')),
      upload_priority: orNull(integer),
      download_priority: orNull(integer),
      populate: integer,
      drain: integer,
      drain_to: orNull(idOf('file_store')),
      read_only: integer,
      write_only: integer,
      soft_max_bytes: orNull(integer),
    },
    unique: [['store_id', 'scope_id']],
    index: [['scope_id']],
  },
  store_figure: {
    columns: {
      id,
      store_id: idOf('file_store'),
      scope_id: orNull(idOf('scope')),
      taken_at: integer,
      files: integer,
      bytes: integer,
      logical_bytes: integer,
    },
    index: [['store_id', 'taken_at']],
  },
  expiring_artifact: { columns: { artifact_id: idOf('artifact'), rule: text }, primaryKey: ['artifact_id'] },
  maintenance: {
    columns: {
      name: text,
      state: text,
      started_at: integer,
      finished_at: orNull(integer),
      cursor: orNull(text),
      summary_json: text,
    },
    primaryKey: ['name'],
  },
  event: {
    columns: { id, at: integer, user_id: orNull(idOf('user')), kind: text, subject: text, data_json: text },
    index: [['subject', 'id']],
  },
} as const satisfies LayoutOf<
  Pick<Tables, 'store_policy' | 'store_figure' | 'expiring_artifact' | 'maintenance' | 'event'>
>

const added = {
  workspace: {
    expire_after_seconds: orNull(integer),
    keep_revisions_seconds: orNull(integer),
    keep_history_seconds: orNull(integer),
  },
  file: { gone_at: orNull(integer), gone_reason: orNull(text) },
  file_store: {
    scope_id: orNull(idOf('scope')),
    secret_json: orNull(text),
    soft_max_bytes: orNull(integer),
    hard_max_bytes: orNull(integer),
    next_generation: zero,
    used_files: zero,
    used_bytes: zero,
    holds_uploads: zero,
  },
  file_copy: {
    kept_at: zero,
    used_at: zero,
    state_at: orNull(integer),
    state_reason: orNull(text),
    location: orNull(text),
  },
  upload: { parked_in: orNull(idOf('file_store')), parts_json: orNull(text) },
  artifact: { expire_after_seconds: orNull(integer) },
  archive: { retained_from: { ...zero, default: 1 } },
} as const

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await createTables(db, types, layout)
  for (const [table, columns] of Object.entries(added)) await addColumns(db, types, table, columns)
  await sql`update file_copy set kept_at = created_at, used_at = created_at`.execute(db)
  await sql`
    update file_store set
      used_files = (select count(*) from file_copy where file_copy.store_id = file_store.id),
      used_bytes = (
        select coalesce(sum(file.size), 0) from file_copy join file on file.id = file_copy.file_id
        where file_copy.store_id = file_store.id
      )`.execute(db)
  await sql`
    insert into store_policy (store_id, upload_priority, download_priority, populate, drain, read_only, write_only)
    select id, 100, 100, 0, 0, 0, 0 from file_store`.execute(db)
  // The order in which a vacuum makes room, and that in which it walks through a store.
  await db.schema.dropIndex('file_copy_store_id_state_index').execute()
  await db.schema
    .createIndex('file_copy_store_id_state_used_at_index')
    .on('file_copy')
    .columns(['store_id', 'state', 'used_at', 'file_id'])
    .execute()
  await db.schema
    .createIndex('file_copy_store_id_file_id_index')
    .on('file_copy')
    .columns(['store_id', 'file_id'])
    .execute()
  await db.schema
    .createIndex('artifact_workspace_id_completed_at_index')
    .on('artifact')
    .columns(['workspace_id', 'completed_at'])
    .execute()
}
