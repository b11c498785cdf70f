/** The first tables: access, files, artifacts, packages, archives with their history, leases. schema.ts explains them. */
import type { Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import type { Tables } from '../schema.ts'
import { type AnyLayout, bytes, createTables, id, idOf, integer, type LayoutOf, orNull, text } from './layout.ts'

/** Tables that a later migration changes. */
type Changed =
  | 'workspace'
  | 'user'
  | 'file'
  | 'file_store'
  | 'file_copy'
  | 'artifact'
  | 'upload'
  | 'archive'
  | 'change'
  | 'chunk'
  | 'index_file'
  | 'release_index'
  | 'package'
  | 'pool_name'
/** Tables that a later migration makes. */
type Later =
  | 'store_policy'
  | 'store_figure'
  | 'expiring_artifact'
  | 'maintenance'
  | 'event'
  | 'keyring'
  | 'keyring_key'
  | 'received_upload'
  | 'signed_text'
  | 'incoming_file'
  | 'archive_file'
  | 'mirror'
  | 'taken_index'

/**
 * In an order in which each table refers to earlier ones. The compiler holds it to schema.ts; a table that a later
 * migration changes is left out of that comparison here.
 */
const layout = {
  scope: { columns: { id, name: text, created_at: integer }, unique: [['name']] },
  workspace: {
    columns: { id, scope_id: idOf('scope'), name: text, public: integer, created_at: integer },
    unique: [['scope_id', 'name']],
  },
  user: { columns: { id, name: text, created_at: integer }, unique: [['name']] },
  token: {
    columns: {
      id,
      user_id: idOf('user'),
      name: text,
      hash: text,
      created_at: integer,
      expires_at: orNull(integer),
      revoked_at: orNull(integer),
    },
    unique: [['hash']],
    index: [['user_id']],
  },
  grant: {
    columns: {
      id,
      user_id: idOf('user'),
      scope_id: orNull(idOf('scope')),
      workspace_id: orNull(idOf('workspace')),
      role: text,
      created_at: integer,
    },
    index: [['user_id'], ['scope_id'], ['workspace_id']],
  },

  file: { columns: { id, sha256: text, size: integer, created_at: integer }, unique: [['sha256']] },
  file_store: { columns: { id, name: text, kind: text, location_json: text, created_at: integer }, unique: [['name']] },
  file_copy: {
    columns: {
      file_id: idOf('file'),
      store_id: idOf('file_store'),
      generation: integer,
      state: text,
      created_at: integer,
      verified_at: orNull(integer),
    },
    primaryKey: ['file_id', 'store_id', 'generation'],
    index: [['store_id', 'state']],
  },

  artifact: {
    columns: {
      id,
      workspace_id: idOf('workspace'),
      category: text,
      data_json: text,
      created_by: orNull(idOf('user')),
      created_at: integer,
      completed_at: orNull(integer),
      idempotency_key: orNull(text),
    },
    unique: [['workspace_id', 'idempotency_key']],
    index: [['workspace_id', 'id']],
  },
  upload: {
    columns: { id: text, artifact_id: idOf('artifact'), path: text, created_at: integer, touched_at: integer },
    primaryKey: ['id'],
    index: [['artifact_id', 'path'], ['touched_at']],
  },
  artifact_file: {
    columns: {
      artifact_id: idOf('artifact'),
      path: text,
      sha256: text,
      size: integer,
      file_id: orNull(idOf('file')),
    },
    primaryKey: ['artifact_id', 'path'],
    index: [['sha256']],
    indexWhereSet: ['file_id'],
  },
  artifact_relation: {
    columns: { artifact_id: idOf('artifact'), target_id: idOf('artifact'), type: text },
    primaryKey: ['artifact_id', 'target_id', 'type'],
    index: [['target_id']],
  },

  package: {
    columns: {
      id,
      file_id: idOf('file'),
      kind: text,
      name: text,
      version: text,
      version_key: text,
      architecture: text,
      source_name: text,
      source_version: text,
      section: orNull(text),
      priority: orNull(text),
      debug_symbols: integer,
      stanza: text,
      created_at: integer,
    },
    unique: [['file_id']],
    index: [['name']],
  },
  package_file: {
    columns: { package_id: idOf('package'), name: text, file_id: idOf('file') },
    primaryKey: ['package_id', 'name'],
    index: [['file_id']],
  },
  package_contents: { columns: { package_id: idOf('package'), paths: bytes }, primaryKey: ['package_id'] },

  archive: {
    columns: { id, workspace_id: idOf('workspace'), head: integer, sealed_at: integer, issue: integer },
    unique: [['workspace_id']],
  },
  archive_key: {
    columns: {
      id,
      archive_id: idOf('archive'),
      fingerprint: text,
      public_key: text,
      private_key: text,
      created_at: integer,
    },
    index: [['archive_id']],
  },
  change: {
    columns: {
      id,
      archive_id: idOf('archive'),
      kind: text,
      request_json: text,
      user_id: orNull(idOf('user')),
      idempotency_key: orNull(text),
      state: text,
      revision: orNull(integer),
      refusal_json: orNull(text),
      created_at: integer,
      touched_at: integer,
    },
    unique: [['archive_id', 'idempotency_key']],
    // Whole rather than partial: SQLite does not match a partial index with a state that is a parameter.
    index: [
      ['archive_id', 'state', 'id'],
      ['archive_id', 'revision'],
    ],
  },
  revision: {
    columns: {
      archive_id: idOf('archive'),
      number: integer,
      sealed_at: integer,
      state: text,
      pack_file_id: orNull(idOf('file')),
    },
    primaryKey: ['archive_id', 'number'],
    index: [['archive_id', 'sealed_at']],
    indexWhereSet: ['pack_file_id'],
  },

  suite: {
    columns: { id, archive_id: idOf('archive'), name: text, created_at: integer },
    unique: [['archive_id', 'name']],
  },
  suite_settings: {
    columns: {
      id,
      suite_id: idOf('suite'),
      settings_json: text,
      added_by: idOf('change'),
      removed_by: orNull(idOf('change')),
    },
    index: [['suite_id'], ['added_by']],
    indexWhereSet: ['removed_by'],
  },
  suite_alias: {
    columns: {
      id,
      archive_id: idOf('archive'),
      name: text,
      suite_id: idOf('suite'),
      added_by: idOf('change'),
      removed_by: orNull(idOf('change')),
    },
    index: [['archive_id', 'name'], ['suite_id'], ['added_by']],
    indexWhereSet: ['removed_by'],
  },
  suite_item: {
    columns: {
      id,
      suite_id: idOf('suite'),
      package_id: idOf('package'),
      name: text,
      source_name: text,
      component: text,
      section: orNull(text),
      priority: orNull(text),
      map_kind: text,
      architecture: text,
      entry_key: text,
      directory: text,
      added_by: idOf('change'),
      removed_by: orNull(idOf('change')),
    },
    index: [['suite_id', 'component', 'map_kind', 'architecture', 'entry_key'], ['added_by'], ['package_id']],
    indexWhereSet: ['removed_by'],
    indexWhereNull: [
      ['removed_by', 'suite_id', 'component', 'map_kind', 'architecture', 'entry_key'],
      ['removed_by', 'suite_id', 'name'],
      ['removed_by', 'suite_id', 'source_name'],
    ],
  },
  pool_name: {
    columns: { archive_id: idOf('archive'), path: text, file_id: idOf('file'), change_id: idOf('change') },
    primaryKey: ['archive_id', 'path'],
    index: [['change_id'], ['file_id']],
  },

  chunk: {
    columns: {
      id,
      archive_id: idOf('archive'),
      text_sha256: text,
      text_size: integer,
      first_key: text,
      last_key: text,
      pack_file_id: idOf('file'),
      entries: integer,
      pack_offset: integer,
      xz_size: integer,
      xz_unpadded_size: integer,
      gz_size: integer,
      zst_size: integer,
    },
    unique: [['archive_id', 'text_sha256']],
    index: [['pack_file_id']],
  },
  index_map: {
    columns: { id, archive_id: idOf('archive'), chunks: bytes, entries: integer, text_size: integer },
    index: [['archive_id']],
  },
  suite_map: {
    columns: {
      suite_id: idOf('suite'),
      component: text,
      map_kind: text,
      architecture: text,
      map_id: idOf('index_map'),
      from_revision: integer,
      until_revision: orNull(integer),
    },
    primaryKey: ['suite_id', 'component', 'map_kind', 'architecture', 'from_revision'],
    // With all that is asked of what holds now: else SQLite takes the primary key, and reads all history with it.
    index: [['map_id'], ['suite_id', 'until_revision', 'component', 'map_kind', 'architecture', 'map_id']],
  },
  index_file: {
    columns: {
      id,
      archive_id: idOf('archive'),
      sha256: text,
      size: integer,
      form: text,
      maps_json: text,
      created_at: integer,
    },
    unique: [['archive_id', 'sha256', 'form']],
  },
  release_index: {
    columns: {
      suite_id: idOf('suite'),
      path: text,
      index_file_id: idOf('index_file'),
      from_revision: integer,
      until_revision: orNull(integer),
    },
    primaryKey: ['suite_id', 'path', 'from_revision'],
    index: [['index_file_id'], ['suite_id', 'until_revision', 'path', 'index_file_id']],
  },
  release_issue: {
    columns: {
      suite_id: idOf('suite'),
      revision: integer,
      kind: text,
      date_seconds: integer,
      release: bytes,
      clear_signature: text,
      detached_signature: text,
    },
    primaryKey: ['suite_id', 'revision', 'kind'],
    index: [['suite_id', 'date_seconds']],
  },

  lease: { columns: { name: text, holder: text, fence: integer, expires_at: integer }, primaryKey: ['name'] },
} as const satisfies LayoutOf<Omit<Tables, Changed | Later>> & AnyLayout<Changed>

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await createTables(db, types, layout)
}
