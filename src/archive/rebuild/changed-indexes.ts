/**
 * Which indexes have other bytes now that some of their chunks were compressed again. An index whose digest is still the
 * recorded one proves all of its chunks; so most indexes need not be read.
 */
import { AshlarError } from '../../common/errors.ts'
import type { Database } from '../../database/database.ts'
import type { IndexForm } from '../assembly.ts'
import { mapsListing } from './chunk-maps.ts'
import type { Chunk, ChunkTable } from '../chunk-table.ts'
import type { IndexBuilder } from '../index-builder.ts'

/** An index file, as it is now. */
export interface ChangedIndex {
  readonly id: number
  readonly sha256: string
  readonly sizeBytes: number
}

interface Reading {
  readonly database: Database
  readonly chunks: ChunkTable
  readonly indexes: IndexBuilder
}

type PackedForm = Exclude<IndexForm, 'plain'>

const FILES_PER_PAGE = 500

/** @param moved the chunks that were made again, by their ids */
export async function changedIndexes(
  context: Reading,
  archiveId: number,
  moved: ReadonlyMap<number, Chunk>,
  signal: AbortSignal,
): Promise<ChangedIndex[]> {
  const maps = new Set<number>()
  for await (const page of mapsListing(context.database.read, archiveId, new Set(moved.keys()))) {
    for (const { mapId } of page) maps.add(mapId)
  }
  const proven = { xz: new Set<number>(), gz: new Set<number>(), zst: new Set<number>() }
  const changed: ChangedIndex[] = []
  for await (const file of packedIndexes(context.database, archiveId)) {
    signal.throwIfAborted()
    if (!file.mapIds.some((id) => maps.has(id))) continue
    const chunks = (await Promise.all(file.mapIds.map((id) => context.chunks.ofMap(id)))).flat()
    const doubtful = chunks.filter(({ id }) => moved.has(id) && !proven[file.form].has(id))
    if (doubtful.length === 0) continue
    const now = await digest(
      context,
      file.form,
      chunks.map((chunk) => moved.get(chunk.id) ?? chunk),
    )
    if (now === undefined) continue
    if (now.sha256 === file.sha256) for (const { id } of doubtful) proven[file.form].add(id)
    else changed.push({ id: file.id, ...now })
  }
  return changed
}

/** Undefined if another of its packs is lost: then it cannot be served, whatever its digest. */
async function digest({ indexes }: Reading, form: PackedForm, chunks: readonly Chunk[]) {
  try {
    return await indexes.digestChunks(form, chunks)
  } catch (error) {
    if (error instanceof AshlarError && error.code === 'file-corrupt') return undefined
    throw error
  }
}

interface IndexFile {
  readonly id: number
  readonly sha256: string
  readonly form: PackedForm
  readonly mapIds: readonly number[]
}

/** The index files of an archive in compressed forms, the newest first. */
async function* packedIndexes({ read }: Database, archiveId: number): AsyncGenerator<IndexFile, void, undefined> {
  for (let before = Number.MAX_SAFE_INTEGER; ;) {
    const rows = await read
      .selectFrom('index_file')
      .select(['id', 'sha256', 'form', 'maps_json'])
      .where('archive_id', '=', archiveId)
      .where('id', '<', before)
      .orderBy('id', 'desc')
      .limit(FILES_PER_PAGE)
      .execute()
    for (const { id, sha256, form, maps_json: maps } of rows) {
      if (form !== 'plain') yield { id, sha256, form, mapIds: JSON.parse(maps) as number[] }
    }
    const last = rows.at(-1)
    if (last === undefined) return
    before = last.id
  }
}
