/** Files, their copies and who needs them, a page at a time: never a whole table in memory. */
import type { Kysely } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { Micros, Tables } from '../database/schema.ts'
import type { FileCopy, StoredFile } from '../storage/file-copies.ts'
import { filesListed, type NeedsOptions, scopesNeeding } from './needs.ts'

export const filesPerPage = 1000

export interface CopyRow extends FileCopy {
  readonly keptAt: Micros
  readonly usedAt: Micros
  readonly stateAt: Micros | null
  readonly verifiedAt: Micros | null
}

export interface FileView extends StoredFile {
  readonly createdAt: Micros
  readonly copies: readonly CopyRow[]
  readonly scopes: ReadonlySet<number>
  /** A mirrored suite lists it: where it lies upstream stays on record. */
  readonly isListed: boolean
}

const nobody: ReadonlySet<number> = new Set()

export interface FilePage {
  readonly files: readonly FileView[]
  /** How much of all files has been seen with this page, from 0 to 1. */
  readonly part: number
}

/** All files that are not gone, in the order of their ids, with who needs them. */
export async function* filePages(
  db: Kysely<Tables>,
  options: NeedsOptions & { readonly signal: AbortSignal },
): AsyncGenerator<FilePage, void, undefined> {
  const newest = await db.selectFrom('file').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst()
  let after = 0
  for (;;) {
    options.signal.throwIfAborted()
    const rows = await db
      .selectFrom('file')
      .select(['id', 'sha256', 'size', 'created_at'])
      .where('id', '>', after)
      .where('gone_at', 'is', null)
      .orderBy('id')
      .limit(filesPerPage)
      .execute()
    if (rows.length === 0) return
    after = rows.at(-1)?.id ?? after
    yield { files: await withViews(db, rows, options), part: Math.min(1, after / (newest?.id ?? after)) }
    if (rows.length < filesPerPage) return
  }
}

/** The files with these ids that are not gone, in their order. */
export async function filesNow(
  db: Kysely<Tables>,
  ids: readonly number[],
  options: NeedsOptions = {},
): Promise<FileView[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('file')
    .select(['id', 'sha256', 'size', 'created_at'])
    .where('id', 'in', [...ids])
    .where('gone_at', 'is', null)
    .orderBy('id')
    .execute()
  return await withViews(db, rows, options)
}

async function withViews(
  db: Kysely<Tables>,
  rows: readonly { id: number; sha256: string; size: number; created_at: Micros }[],
  options: NeedsOptions,
): Promise<FileView[]> {
  const ids = rows.map((row) => row.id)
  const [needs, copies, listed] = await Promise.all([
    scopesNeeding(db, ids, options),
    copiesOfFiles(db, ids),
    filesListed(db, ids),
  ])
  return rows.map((row) => ({
    id: row.id,
    // The digest was checked when the row was written.
    sha256: row.sha256 as Sha256,
    sizeBytes: row.size,
    createdAt: row.created_at,
    copies: copies.get(row.id) ?? [],
    scopes: needs.get(row.id) ?? nobody,
    isListed: listed.has(row.id),
  }))
}

async function copiesOfFiles(db: Kysely<Tables>, ids: readonly number[]): Promise<Map<number, CopyRow[]>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('file_copy')
    .select(['file_id', 'store_id', 'generation', 'state', 'kept_at', 'used_at', 'state_at', 'verified_at'])
    .where('file_id', 'in', [...ids])
    .execute()
  const copies = new Map<number, CopyRow[]>()
  for (const row of rows) {
    const copy = {
      storeId: row.store_id,
      generation: row.generation,
      state: row.state,
      keptAt: row.kept_at,
      usedAt: row.used_at,
      stateAt: row.state_at,
      verifiedAt: row.verified_at,
    }
    const known = copies.get(row.file_id)
    if (known === undefined) copies.set(row.file_id, [copy])
    else known.push(copy)
  }
  return copies
}
