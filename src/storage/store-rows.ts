/** Stores and policies as the database has them. There are few, so they are read whole. */
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import { StoreMap } from './store-policy.ts'

/** All stores and policies now. */
export async function loadStores(db: Kysely<Tables>): Promise<StoreMap> {
  const [stores, policies] = await Promise.all([
    db.selectFrom('file_store').selectAll().orderBy('id').execute(),
    db.selectFrom('store_policy').selectAll().orderBy('id').execute(),
  ])
  return new StoreMap(
    stores.map((row) => ({
      id: row.id,
      name: row.name,
      kind: row.kind,
      scopeId: row.scope_id,
      locationJson: row.location_json,
      secretJson: row.secret_json,
      softMaxBytes: row.soft_max_bytes,
      hardMaxBytes: row.hard_max_bytes,
      usedFiles: row.used_files,
      usedBytes: row.used_bytes,
      holdsUploads: row.holds_uploads === 1,
      nextGeneration: row.next_generation,
    })),
    policies.map((row) => ({
      storeId: row.store_id,
      scopeId: row.scope_id,
      uploadPriority: row.upload_priority,
      downloadPriority: row.download_priority,
      populate: row.populate === 1,
      drain: row.drain === 1,
      drainTo: row.drain_to,
      readOnly: row.read_only === 1,
      writeOnly: row.write_only === 1,
      softMaxBytes: row.soft_max_bytes,
    })),
  )
}
