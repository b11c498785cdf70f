/**
 * The tables, as Kysely sees them. The same on both dialects:
 *
 * - times are microseconds since 1970 in UTC, as numbers (they fit in 53 bits until the year 2255);
 * - truth values are 0 and 1; documents (`*_json`) are text; bytes are Uint8Array;
 * - names, paths and keys compare by their bytes (`COLLATE "C"` on PostgreSQL, BINARY on SQLite).
 *
 * History: a row that can end carries the change that added it and the change that removed it. It belongs to the
 * state at revision r if the adding change was sealed at or before r and the removing one was not.
 */
import type { Generated } from 'kysely'

export type Micros = number
export type Flag = 0 | 1

/** A tenant. */
export interface ScopeTable {
  id: Generated<number>
  name: string
  created_at: Micros
}

/** The unit of access, expiry and publishing within a scope. */
export interface WorkspaceTable {
  id: Generated<number>
  scope_id: number
  name: string
  public: Flag
  created_at: Micros
  /** How long its artifacts stay that nothing holds and that have no delay of their own; null: for ever. */
  expire_after_seconds: number | null
  /** How long a revision of its archive stays installable after the next one; null: for ever. */
  keep_revisions_seconds: number | null
  /** How long the record of what an expired revision held stays after that; null: for ever. */
  keep_history_seconds: number | null
}

/**
 * Who does things here; or, under `name~origin`, who did them where the records come from. The latter has no tokens and
 * no grants.
 */
export interface UserTable {
  id: Generated<number>
  name: string
  created_at: Micros
  /** The account that turned out to be them, which has their records now and gets those that come later. */
  attached_to: number | null
}

/** A secret that acts for a user; only its SHA-256 is kept. */
export interface TokenTable {
  id: Generated<number>
  user_id: number
  name: string
  hash: string
  created_at: Micros
  expires_at: Micros | null
  revoked_at: Micros | null
}

/** A role of a user: on the instance (both null), a scope, or a workspace. */
export interface GrantTable {
  id: Generated<number>
  user_id: number
  scope_id: number | null
  workspace_id: number | null
  role: 'admin' | 'owner' | 'contributor' | 'reader'
  created_at: Micros
}

/** Bytes that exist, proven and not claimed; or that did, while something still tells of them (`gone_at`). */
export interface FileTable {
  id: Generated<number>
  sha256: string
  size: number
  created_at: Micros
  /** Since when no store has it, and none is meant to. A put brings it back, unless it was purged. */
  gone_at: Micros | null
  gone_reason: 'expired' | 'purged' | null
}

/** A place that keeps files, for every scope or for one. */
export interface FileStoreTable {
  id: Generated<number>
  name: string
  kind: 'local' | 's3' | 'remote'
  /** The only scope that may use it; null: every scope may. */
  scope_id: number | null
  /** Where it is, for the driver of its kind. */
  location_json: string
  /** Credentials, for the driver of its kind; never shown. */
  secret_json: string | null
  /** A vacuum moves files out above this size. */
  soft_max_bytes: number | null
  /** An upload that would pass this size goes to another store. */
  hard_max_bytes: number | null
  /** Generations below were used for files whose rows are gone; a new copy takes this one or a later one. */
  next_generation: number
  /** Sums over its rows in file_copy, kept by every transaction that adds or removes one. */
  used_files: number
  used_bytes: number
  /** 1 if uploads in progress are kept here, where every server reaches them. */
  holds_uploads: Flag
  created_at: Micros
}

/** How a scope uses a store; with scope_id null, how every scope does that has no row of its own for it. */
export interface StorePolicyTable {
  id: Generated<number>
  store_id: number
  scope_id: number | null
  /** Uploads go to the store with the highest one that has room; null: none go there. */
  upload_priority: number | null
  /** Downloads come from the present copy in the store with the highest one; null counts as 0. */
  download_priority: number | null
  /** Keep a copy of everything the scope has. */
  populate: Flag
  /** Move out everything that no other scope needs there. */
  drain: Flag
  /** Where to, instead of by upload priority. */
  drain_to: number | null
  read_only: Flag
  /** Never read from. */
  write_only: Flag
  /** A vacuum moves the scope's files out above this size. */
  soft_max_bytes: number | null
}

/**
 * Where a file's bytes are.
 *
 * `present`: good as far as is known. `damaged`: missing, or with other bytes. `condemned`: to be deleted after a grace
 * time, readable until then, never revived: a later put of the same digest is a new generation. `deleting`: its bytes
 * may be gone at any moment; the row goes after them.
 */
export interface FileCopyTable {
  file_id: number
  store_id: number
  generation: number
  state: 'present' | 'damaged' | 'condemned' | 'deleting'
  created_at: Micros
  verified_at: Micros | null
  /** When it was last put; a copy that was put lately is not condemned for want of a reason. */
  kept_at: Micros
  /** When it was last read, to a day; at first when it was made. */
  used_at: Micros
  /** Since when it is in a state other than present, and by which rule. */
  state_at: Micros | null
  state_reason: string | null
  /** Remote stores: its path below the store's URL. */
  location: string | null
}

/** The figures of a store, or of one scope in it, at a moment. */
export interface StoreFigureTable {
  id: Generated<number>
  store_id: number
  scope_id: number | null
  taken_at: Micros
  files: number
  bytes: number
  /** Bytes that the artifacts' files would take without deduplication. */
  logical_bytes: number
}

/** A file on its way into an artifact; its bytes so far lie in the spool under `id`, whose length is the offset. */
export interface UploadTable {
  id: string
  artifact_id: number
  path: string
  created_at: Micros
  touched_at: Micros
  /** The store that keeps what came so far for all servers, and the sizes of its pieces there, as JSON. */
  parked_in: number | null
  parts_json: string | null
}

export interface ArtifactTable {
  id: Generated<number>
  workspace_id: number
  category: string
  data_json: string
  created_by: number | null
  created_at: Micros
  /** Null while files are missing. A complete artifact never changes. */
  completed_at: Micros | null
  idempotency_key: string | null
  /** Its own delay; null: the workspace's; 0: never. */
  expire_after_seconds: number | null
}

/** Artifacts that the vacuum under way is about to expire. */
export interface ExpiringArtifactTable {
  artifact_id: number
  rule: string
}

export interface ArtifactFileTable {
  artifact_id: number
  path: string
  /** What the creator announced. */
  sha256: string
  size: number
  /** Set when the bytes are proven. */
  file_id: number | null
}

export interface ArtifactRelationTable {
  artifact_id: number
  target_id: number
  /** All hold their target but `copied-from`, which says where it came from, and ends with the target. */
  type: 'extends' | 'relates-to' | 'built-using' | 'copied-from'
}

/**
 * What a .deb, .udeb or .dsc says of itself; one row per such file, whoever holds it. Beside it there may be rows of what
 * the indexes of mirrors say of the same file: those count in the archive that read them, and nowhere else.
 */
export interface PackageTable {
  id: Generated<number>
  /** The .deb or the .dsc. */
  file_id: number
  /** The archive in whose mirror an index says it; 0: it was read from the bytes of the file. */
  claimed_in: number
  /** SHA-256 of what is claimed; empty for what was read from the bytes. */
  claim: string
  kind: 'deb' | 'udeb' | 'dsc'
  name: string
  version: string
  /** Orders like dpkg when compared by bytes. */
  version_key: string
  /** `all`, `amd64` …; `source` for a .dsc. */
  architecture: string
  source_name: string
  source_version: string
  section: string | null
  priority: string | null
  /** 1 for automatically built debug symbols (`-dbgsym`). */
  debug_symbols: Flag
  /** The index stanza without what its place in an archive decides (Filename, Directory, overrides). */
  stanza: string
  /** Of what is claimed: when that was last found in an index. */
  created_at: Micros
}

/** The files of a package: the .deb itself, or a .dsc and what it lists. */
export interface PackageFileTable {
  package_id: number
  /** Base name, as the .dsc lists it; for a .deb its canonical name. */
  name: string
  file_id: number
}

/** The paths that a .deb installs, as zstd of the sorted paths joined by newlines (no leading `./`, no directories). */
export interface PackageContentsTable {
  package_id: number
  paths: Uint8Array
}

/** The set of suites that share one pool; one per workspace, made with its first suite. */
export interface ArchiveTable {
  id: Generated<number>
  workspace_id: number
  /** Number of the newest sealed revision; 0 before the first. */
  head: number
  /** `sealed_at` of the head; the next is greater. */
  sealed_at: Micros
  /** Grows with each revision and each new issue of a Release: what was read at the same number still holds. */
  issue: number
  /** The oldest revision that is still installable; those before it have expired. */
  retained_from: number
}

export interface ArchiveKeyTable {
  id: Generated<number>
  archive_id: number
  fingerprint: string
  public_key: string
  private_key: string
  created_at: Micros
}

/** What is asked of an archive; sealed with others into a revision. `preparing` while a bulk change writes its items. */
export interface ChangeTable {
  id: Generated<number>
  archive_id: number
  kind: string
  request_json: string
  user_id: number | null
  idempotency_key: string | null
  state: 'preparing' | 'pending' | 'sealed' | 'refused'
  /** The revision that sealed it; for a change that changed nothing, the head it was compared with. */
  revision: number | null
  /** Why it was refused: `{code, detail}`. */
  refusal_json: string | null
  created_at: Micros
  /** When a preparing change last showed life. */
  touched_at: Micros
  /** The batch that it is a step of, with which it is sealed or refused; null for a change of its own. */
  batch_id: number | null
  /** Which step of the batch, from 1. */
  step: number | null
  /** What its items do not tell of it once it is sealed: `{leftOut, unmet, uninstallable, takenIndexes}`; null if there is nothing. */
  outcome_json: string | null
}

/** One sealed, signed state of an archive. */
export interface RevisionTable {
  archive_id: number
  number: number
  sealed_at: Micros
  state: 'sealed' | 'expired'
  /** The pack with the chunks that this revision made; null if it made none. */
  pack_file_id: number | null
}

export interface SuiteTable {
  id: Generated<number>
  archive_id: number
  /** The directory below dists/; may contain slashes. */
  name: string
  created_at: Micros
}

/** Settings that shape a Release, with history. */
export interface SuiteSettingsTable {
  id: Generated<number>
  suite_id: number
  settings_json: string
  added_by: number
  removed_by: number | null
}

/** Another name of a suite (`stable` -> `bookworm`), with history. */
export interface SuiteAliasTable {
  id: Generated<number>
  archive_id: number
  name: string
  suite_id: number
  added_by: number
  removed_by: number | null
}

/** A package in a suite, from one change to another. */
export interface SuiteItemTable {
  id: Generated<number>
  suite_id: number
  package_id: number
  /** The package's own name and that of its source, so that what a suite has of them is found without its history. */
  name: string
  source_name: string
  component: string
  /** Overrides; null takes the package's own. */
  section: string | null
  priority: string | null
  /** Which map of the suite lists it. */
  map_kind: 'packages' | 'udeb' | 'debug' | 'sources'
  /** The map's architecture: `all`, `amd64` …, `source`. */
  architecture: string
  /** Orders the map; see archive/entry-key.ts. */
  entry_key: string
  /** Directory below the archive's root, `pool/main/h/hello`. */
  directory: string
  added_by: number
  removed_by: number | null
}

/** A pool path and the bytes it has meant, for ever. Counts once its change is sealed. */
export interface PoolNameTable {
  archive_id: number
  path: string
  file_id: number
  change_id: number
  /** 1 if only the index of a mirror says so: the bytes come from upstream, unless the archive has them (archive_file). */
  claimed: Flag
}

/** A file that an archive has had itself: fetched from an upstream and proven, or sent to its workspace. */
export interface ArchiveFileTable {
  archive_id: number
  file_id: number
}

/** A suite that follows one of another repository. */
export interface MirrorTable {
  id: Generated<number>
  archive_id: number
  name: string
  /** The suite here. */
  suite: string
  /** The remote store that its files come from. */
  store_id: number
  /** What is mirrored and how: src/mirror/mirror-settings.ts. */
  settings_json: string
  /** The public keys that its Release may be signed with, armored or as base64. */
  keyring: string
  /** When the next update is due by itself; null: when it is asked for. */
  next_at: Micros | null
  /** What upstream was when it was last taken over: src/mirror/upstream-state.ts; null before the first time. */
  state_json: string | null
  /** The last work on it, also while that goes on: src/mirror/mirror-work.ts. */
  work_state: 'running' | 'done' | 'failed' | null
  work_json: string | null
  created_at: Micros
  /** Since when it is not followed any more; what is listed still comes from its store. */
  removed_at: Micros | null
}

/** A run of index text, compressed once in each form. Found again by the digest of its text. */
export interface ChunkTable {
  id: Generated<number>
  archive_id: number
  /** SHA-256 of the text. */
  text_sha256: string
  text_size: number
  /** Null in chunks that older versions made, until somebody counts. */
  text_lines: number | null
  first_key: string
  last_key: string
  entries: number
  pack_file_id: number
  /** Offset of the xz block in the pack; the gzip member and the zstd frame follow it. */
  pack_offset: number
  xz_size: number
  /** "Unpadded Size" of the xz block, as the index of an xz stream wants it. */
  xz_unpadded_size: number
  gz_size: number
  zst_size: number
}

/** The chunks of one map at some time, in order. */
export interface IndexMapTable {
  id: Generated<number>
  archive_id: number
  /** Chunk ids as little-endian unsigned 48-bit numbers. */
  chunks: Uint8Array
  entries: number
  text_size: number
}

/** Which map a suite has in a place, from one revision to another. */
export interface SuiteMapTable {
  suite_id: number
  component: string
  /**
   * Maps of items have the items' kind; those of Contents are made of what packages of such a kind install, those of
   * translations of the long descriptions of packages. `translations-by-source`: in an order in which versions before
   * 0014-descriptions-by-name made them; served as long as a revision has them, and made no more.
   */
  map_kind:
    | SuiteItemTable['map_kind']
    | 'contents'
    | 'contents-udeb'
    | 'contents-debug'
    | 'translations'
    | 'translations-by-source'
  /** As that of items; of Contents it names all architectures that it lists (`all+amd64`); of translations the language. */
  architecture: string
  map_id: number
  from_revision: number
  until_revision: number | null
}

/** An index in one form: the chunks of its maps, one after the other; or, without maps, bytes of a stored file. */
export interface IndexFileTable {
  id: Generated<number>
  archive_id: number
  sha256: string
  size: number
  form: 'plain' | 'xz' | 'gz' | 'zst'
  /** Map ids, in order, as JSON; none if it is bytes of a file. */
  maps_json: string
  created_at: Micros
  /**
   * The file in which its bytes lie, and where they begin: a pack, or a file that is the index; null if it has maps. An
   * offset of -1 without a file: its bytes are not here, only its digest is told.
   */
  file_id: number | null
  file_offset: number | null
}

/** What a suite has as indexes, from one revision to another. */
export interface ReleaseIndexTable {
  suite_id: number
  /** Relative to the suite's directory: `main/binary-amd64/Packages.xz`. */
  path: string
  index_file_id: number
  from_revision: number
  until_revision: number | null
  /** 0 if it is served at its path and by its digest, but its Release does not list it. */
  listed: Flag
}

/** An index that a mirrored suite has now as its upstream has it, beside those that list packages. */
export interface TakenIndexTable {
  suite_id: number
  /** Relative to the suite's directory, with its ending. */
  path: string
  /** What is served; null: upstream's Release lists it, and only another form of it is fetched. */
  file_id: number | null
  sha256: string
  size: number
}

/** A Release and its signatures, as issued for a suite at a revision that changed it. */
export interface ReleaseIssueTable {
  suite_id: number
  revision: number
  kind: 'live' | 'snapshot'
  /** Date of the Release, in whole seconds. */
  date_seconds: number
  /** zstd of the text. */
  release: Uint8Array
  /** Armored; Release and this make InRelease. */
  clear_signature: string
  /** Armored: Release.gpg. */
  detached_signature: string
}

/** Public keys that a workspace trusts under one name; a suite says which of its keyrings count for it. */
export interface KeyringTable {
  id: Generated<number>
  workspace_id: number
  name: string
  created_at: Micros
}

export interface KeyringKeyTable {
  keyring_id: number
  fingerprint: string
  /** Armored. */
  public_key: string
  added_at: Micros
  added_by: number | null
}

/** A .changes that came, and what was decided about it. */
export interface ReceivedUploadTable {
  id: Generated<number>
  workspace_id: number
  suite_id: number
  /** The name of the .changes. */
  name: string
  /** Of the .changes as it came. */
  sha256: string
  /** Of the text that a trusted key has signed, without its frame; null if none has. */
  text_sha256: string | null
  source: string | null
  version: string | null
  /** `accepting`: decided, and being carried out; who finds it so goes on with it. */
  state: 'accepting' | 'accepted' | 'refused'
  /** Fingerprint of the key that signed it, and what that key called itself. */
  signer: string | null
  signer_name: string | null
  user_id: number | null
  /** The verdict, item by item. */
  findings_json: string
  /** What is to be published; only while it is accepting. */
  plan_json: string | null
  /** No reference: the history of an archive may end before. */
  change_id: number | null
  revision: number | null
  /** The debian:upload; of a refused one the .changes alone. Null once it has expired. */
  artifact_id: number | null
  received_at: Micros
  decided_at: Micros | null
}

/** Texts whose upload was accepted, for ever: the same one is never accepted again. */
export interface SignedTextTable {
  workspace_id: number
  sha256: string
  upload_id: number
}

/** A file that waits for its .changes, or is on its way (`file_id` null) and has its room. */
export interface IncomingFileTable {
  id: Generated<number>
  suite_id: number
  name: string
  /** Of one on its way what was announced. */
  size: number
  md5: string | null
  file_id: number | null
  /** Who sent it; null: somebody without a token. */
  user_id: number | null
  /** The upload that takes it, which is being carried out. */
  upload_id: number | null
  /** When it last showed life. */
  touched_at: Micros
}

/** Background work: who does it until when. The fence grows with each holder, so that a late one is noticed. */
export interface LeaseTable {
  name: string
  holder: string
  fence: number
  expires_at: Micros
}

/** Background work as it was last done: `vacuum:{store}`, `scrub:{store}`, `retention:{archive}`, `history:{archive}` … */
export interface MaintenanceTable {
  name: string
  state: 'running' | 'done' | 'stopped' | 'failed'
  started_at: Micros
  finished_at: Micros | null
  /** Where to go on. */
  cursor: string | null
  summary_json: string
}

/** What happened that somebody may have to answer for, in order. */
export interface EventTable {
  id: Generated<number>
  at: Micros
  user_id: number | null
  /** `file.purge`, `store.create` … */
  kind: string
  /** What it happened to: a digest, the name of a store … */
  subject: string
  data_json: string
}

export interface Tables {
  scope: ScopeTable
  workspace: WorkspaceTable
  user: UserTable
  token: TokenTable
  grant: GrantTable
  file: FileTable
  file_store: FileStoreTable
  file_copy: FileCopyTable
  store_policy: StorePolicyTable
  store_figure: StoreFigureTable
  upload: UploadTable
  artifact: ArtifactTable
  artifact_file: ArtifactFileTable
  expiring_artifact: ExpiringArtifactTable
  artifact_relation: ArtifactRelationTable
  package: PackageTable
  package_file: PackageFileTable
  package_contents: PackageContentsTable
  archive: ArchiveTable
  archive_key: ArchiveKeyTable
  change: ChangeTable
  revision: RevisionTable
  suite: SuiteTable
  suite_settings: SuiteSettingsTable
  suite_alias: SuiteAliasTable
  suite_item: SuiteItemTable
  pool_name: PoolNameTable
  archive_file: ArchiveFileTable
  mirror: MirrorTable
  chunk: ChunkTable
  index_map: IndexMapTable
  suite_map: SuiteMapTable
  index_file: IndexFileTable
  release_index: ReleaseIndexTable
  taken_index: TakenIndexTable
  release_issue: ReleaseIssueTable
  keyring: KeyringTable
  keyring_key: KeyringKeyTable
  received_upload: ReceivedUploadTable
  signed_text: SignedTextTable
  incoming_file: IncomingFileTable
  lease: LeaseTable
  maintenance: MaintenanceTable
  event: EventTable
}
