/**
 * Raw indexes: files of a suite beside those that are made of chunk maps. Their bytes lie in the pack of the revision
 * that made them, or they are files that the stores have already, as a mirror takes them over.
 */
import { hash } from 'node:crypto'
import type { Kysely } from 'kysely'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import type { Tables } from '../database/schema.ts'
import type { StoredFile } from '../storage/storage.ts'
import { endings, type IndexForm } from './assembly.ts'
import type { BuiltIndex } from './index-builder.ts'
import type { PackWriter } from './pack-writer.ts'
import { ONLY_TOLD, type SuiteIndexes } from './release-table.ts'

/** A raw index that a suite is to have. */
export type RawIndex = {
  /** Below the suite's directory, with its ending. */
  readonly path: string
  /** Whether the Release lists it; if not, it is only served. */
  readonly listed: boolean
} & (
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly file: StoredFile }
  /** Only its digest is told: its bytes are not here. */
  | { readonly kind: 'told'; readonly sha256: Sha256; readonly sizeBytes: number }
  /** As the suite has it now. */
  | { readonly kind: 'kept' }
)

/** A raw index that is new at its path; its bytes have their place, of which the file may not be kept yet. */
export interface FreshRaw {
  readonly index: Omit<BuiltIndex, 'content'>
  /** Undefined for the pack of this seal; null if its bytes are not here. */
  readonly file: { readonly id: number } | undefined | null
  readonly offset: number
}

/** The raw indexes whose bytes differ from what the suite has at their paths; new bytes are added to the pack. */
export async function packRaw(
  db: Kysely<Tables>,
  archiveId: number,
  now: SuiteIndexes,
  wanted: readonly RawIndex[],
  pack: PackWriter,
): Promise<FreshRaw[]> {
  const digested = wanted.filter((raw) => raw.kind !== 'kept').map((raw) => ({ raw, ...digestOf(raw) }))
  const changed = digested.filter(({ raw, sha256 }) => {
    const before = now.get(raw.path)
    if (before?.sha256 !== sha256 || before.listed !== raw.listed) return true
    // Whatever its bytes are made of, they are those.
    return !before.hasBytes && raw.kind !== 'told'
  })
  const known = await knownPlaces(
    db,
    archiveId,
    changed.map(({ sha256 }) => sha256),
  )
  const fresh: FreshRaw[] = []
  for (const { raw, sha256, sizeBytes } of changed) {
    const index = { path: raw.path, listed: raw.listed, form: formOf(raw.path), sha256, sizeBytes }
    const place = fixedPlace(raw) ?? known.get(sha256)
    if (place !== undefined) fresh.push({ index, ...place })
    else if (raw.kind === 'bytes') {
      const offset = await pack.addBytes(raw.bytes)
      known.set(sha256, { file: undefined, offset })
      fresh.push({ index, file: undefined, offset })
    }
  }
  return fresh
}

function fixedPlace(raw: RawIndex): Pick<FreshRaw, 'file' | 'offset'> | undefined {
  if (raw.kind === 'told') return { file: null, offset: 0 }
  return raw.kind === 'file' ? { file: raw.file, offset: 0 } : undefined
}

/** A fresh one as it is recorded, now that the pack of its seal is kept. */
export function placed({ index, file, offset }: FreshRaw, pack: StoredFile | undefined): BuiltIndex {
  if (file === null) return { ...index, content: { fileId: null, offset: ONLY_TOLD } }
  const fileId = file?.id ?? pack?.id
  if (fileId === undefined) throw new Error(`${index.path} has no file`)
  return { ...index, content: { fileId, offset } }
}

function digestOf(raw: Exclude<RawIndex, { kind: 'kept' }>): { sha256: Sha256; sizeBytes: number } {
  if (raw.kind === 'file') return raw.file
  if (raw.kind === 'told') return raw
  return { sha256: hash('sha256', raw.bytes) as Sha256, sizeBytes: raw.bytes.length }
}

/** The form that the ending of its name tells; everything else is taken as it is. */
function formOf(path: string): IndexForm {
  const forms = ['xz', 'gz', 'zst'] as const
  return forms.find((form) => path.endsWith(endings[form])) ?? 'plain'
}

/** Where the archive has bytes of indexes already, by their digests. */
async function knownPlaces(
  db: Kysely<Tables>,
  archiveId: number,
  digests: readonly Sha256[],
): Promise<Map<Sha256, Pick<FreshRaw, 'file' | 'offset'>>> {
  const known = new Map<Sha256, Pick<FreshRaw, 'file' | 'offset'>>()
  for (let start = 0; start < digests.length; start += DIGESTS_PER_QUERY) {
    const rows = await db
      .selectFrom('index_file')
      .select(['sha256', 'file_id', 'file_offset'])
      .where('archive_id', '=', archiveId)
      .where('sha256', 'in', digests.slice(start, start + DIGESTS_PER_QUERY))
      .where('file_id', 'is not', null)
      .execute()
    for (const { sha256, file_id: id, file_offset: offset } of rows) {
      const digest = parseSha256(sha256)
      if (digest !== undefined && id !== null) known.set(digest, { file: { id }, offset: offset ?? 0 })
    }
  }
  return known
}

const DIGESTS_PER_QUERY = 200
