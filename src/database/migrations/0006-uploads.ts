/** Uploads as dput makes them: keyrings, files that wait for their .changes, and verdicts. schema.ts explains the columns. */
import type { Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import type { Tables } from '../schema.ts'
import { type AnyLayout, createTables, id, idOf, integer, type LayoutOf, orNull, text } from './layout.ts'

const layout = {
  keyring: {
    columns: { id, workspace_id: idOf('workspace'), name: text, created_at: integer },
    unique: [['workspace_id', 'name']],
  },
  keyring_key: {
    columns: {
      keyring_id: idOf('keyring'),
      fingerprint: text,
      public_key: text,
      added_at: integer,
      added_by: orNull(idOf('user')),
    },
    primaryKey: ['keyring_id', 'fingerprint'],
  },
  received_upload: {
    columns: {
      id,
      workspace_id: idOf('workspace'),
      suite_id: idOf('suite'),
      name: text,
      sha256: text,
      text_sha256: orNull(text),
      source: orNull(text),
      version: orNull(text),
      state: text,
      signer: orNull(text),
      user_id: orNull(idOf('user')),
      findings_json: text,
      plan_json: orNull(text),
      change_id: orNull(integer),
      revision: orNull(integer),
      artifact_id: orNull(idOf('artifact')),
      received_at: integer,
      decided_at: orNull(integer),
    },
    index: [
      ['workspace_id', 'sha256'],
      ['workspace_id', 'id'],
      ['suite_id', 'state', 'id'],
    ],
    indexWhereSet: ['artifact_id', 'plan_json'],
  },
  signed_text: {
    columns: { workspace_id: idOf('workspace'), sha256: text, upload_id: idOf('received_upload') },
    primaryKey: ['workspace_id', 'sha256'],
  },
  incoming_file: {
    columns: {
      id,
      suite_id: idOf('suite'),
      name: text,
      size: integer,
      md5: orNull(text),
      file_id: orNull(idOf('file')),
      user_id: orNull(idOf('user')),
      upload_id: orNull(idOf('received_upload')),
      touched_at: integer,
    },
    index: [['suite_id', 'name']],
    indexWhereSet: ['file_id', 'upload_id'],
  },
  // A later migration adds to `received_upload`.
} as const satisfies LayoutOf<Pick<Tables, 'keyring' | 'keyring_key' | 'signed_text' | 'incoming_file'>> &
  AnyLayout<'received_upload'>

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await createTables(db, types, layout)
}
