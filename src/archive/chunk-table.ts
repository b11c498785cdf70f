/** Chunks as they are stored: which run of keys, which text, and where its compressed forms lie in a pack. */
import { LRUCache } from 'lru-cache'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import type { StoredFile } from '../storage/storage.ts'

/** A file of chunks, and whose stores have it. */
export interface Pack extends StoredFile {
  readonly scopeId: number
}

/** A chunk in a pack: the xz block, then the gzip member, then the zstd frame; one that it lacks has 0 bytes. It never changes. */
export interface Chunk {
  readonly id: number
  readonly firstKey: string
  readonly textSha256: Sha256
  readonly textBytes: number
  /** Undefined for chunks that older versions of this program made, until somebody asks. */
  readonly textLines: number | undefined
  readonly entries: number
  readonly pack: Pack
  readonly packOffset: number
  readonly xzBytes: number
  readonly xzUnpaddedBytes: number
  readonly gzBytes: number
  readonly zstBytes: number
}

const BYTES_PER_ID = 6
const CHUNKS_PER_QUERY = 500

/** The chunk ids of a map, as the database keeps them. */
export function packIds(ids: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(ids.length * BYTES_PER_ID)
  for (const [index, id] of ids.entries()) bytes.writeUIntLE(id, index * BYTES_PER_ID, BYTES_PER_ID)
  return bytes
}

export function unpackIds(packed: Uint8Array): number[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
  return Array.from({ length: bytes.length / BYTES_PER_ID }, (_, i) => bytes.readUIntLE(i * BYTES_PER_ID, BYTES_PER_ID))
}

/** In the table `maintenance`: when chunks last got another place, in any archive. */
export const REBUILD_NAME = 'rebuild'

/**
 * Reads chunks; remembers those it has read, since each revision shares nearly all with the one before. What it remembers
 * holds until a repair puts chunks elsewhere (rebuild-packs.ts), which every process sees by the time of the last one.
 */
export class ChunkTable {
  readonly #database: Database
  readonly #known = new LRUCache<number, Chunk>({ max: 20_000 })
  #rebuiltAt = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** The chunks of a map, in order. */
  async ofMap(mapId: number): Promise<Chunk[]> {
    const map = await this.#database.read
      .selectFrom('index_map')
      .select(['chunks', this.#lastRebuild().as('rebuiltAt')])
      .where('id', '=', mapId)
      .executeTakeFirstOrThrow()
    return this.#load(unpackIds(map.chunks), map.rebuiltAt ?? 0)
  }

  /** The chunk of an archive with this text, if there is one. */
  async withText(archiveId: number, textSha256: Sha256): Promise<Chunk | undefined> {
    const row = await this.#database.read
      .selectFrom('chunk')
      .select(['id', this.#lastRebuild().as('rebuiltAt')])
      .where('archive_id', '=', archiveId)
      .where('text_sha256', '=', textSha256)
      .executeTakeFirst()
    return row === undefined ? undefined : (await this.#load([row.id], row.rebuiltAt ?? 0))[0]
  }

  /** Puts on record how many lines chunks have, of which that was not known. */
  async noteLines(lines: ReadonlyMap<number, number>): Promise<void> {
    const rows = [...lines]
    for (let start = 0; start < rows.length; start += CHUNKS_PER_QUERY) {
      await this.#database.write(async (trx) => {
        for (const [id, count] of rows.slice(start, start + CHUNKS_PER_QUERY)) {
          await trx.updateTable('chunk').set({ text_lines: count }).where('id', '=', id).execute()
        }
      })
    }
    for (const [id, textLines] of lines) {
      const known = this.#known.get(id)
      if (known !== undefined) this.#known.set(id, { ...known, textLines })
    }
  }

  #lastRebuild() {
    return this.#database.read.selectFrom('maintenance').select('started_at').where('name', '=', REBUILD_NAME)
  }

  /** @param rebuiltAt of the last rebuild before these ids were read */
  async #load(ids: readonly number[], rebuiltAt: number): Promise<Chunk[]> {
    if (rebuiltAt > this.#rebuiltAt) {
      this.#known.clear()
      this.#rebuiltAt = rebuiltAt
    }
    const found = new Map<number, Chunk>()
    const unknown: number[] = []
    for (const id of ids) {
      const chunk = this.#known.get(id)
      if (chunk === undefined) unknown.push(id)
      else found.set(id, chunk)
    }
    for (let start = 0; start < unknown.length; start += CHUNKS_PER_QUERY) {
      const rows = await this.#database.read
        .selectFrom('chunk')
        .innerJoin('file', 'file.id', 'chunk.pack_file_id')
        .innerJoin('archive', 'archive.id', 'chunk.archive_id')
        .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
        .selectAll('chunk')
        .select(['file.sha256', 'file.size', 'workspace.scope_id'])
        .where('chunk.id', 'in', unknown.slice(start, start + CHUNKS_PER_QUERY))
        .execute()
      for (const row of rows) {
        const chunk: Chunk = {
          id: row.id,
          firstKey: row.first_key,
          textSha256: digestOf(row.text_sha256),
          textBytes: row.text_size,
          textLines: row.text_lines ?? undefined,
          entries: row.entries,
          pack: {
            id: row.pack_file_id,
            sha256: digestOf(row.sha256),
            sizeBytes: row.size,
            scopeId: row.scope_id,
          },
          packOffset: row.pack_offset,
          xzBytes: row.xz_size,
          xzUnpaddedBytes: row.xz_unpadded_size,
          gzBytes: row.gz_size,
          zstBytes: row.zst_size,
        }
        // Read before a rebuild that another call has seen meanwhile, it is of no use to anyone else.
        if (rebuiltAt === this.#rebuiltAt) this.#known.set(chunk.id, chunk)
        found.set(chunk.id, chunk)
      }
    }
    return ids.map((id) => {
      const chunk = found.get(id)
      if (chunk === undefined) throw new Error(`Chunk ${id} of a map is missing`)
      return chunk
    })
  }
}

function digestOf(text: string): Sha256 {
  const digest = parseSha256(text)
  if (digest === undefined) throw new Error(`The database holds '${text}' where a SHA-256 belongs`)
  return digest
}
