/** Finds what was signed and accepted anywhere: without a token it counts once for all workspaces. */
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createIndex('signed_text_sha256_index').on('signed_text').column('sha256').execute()
}
