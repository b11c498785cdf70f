/**
 * The indexes of one seal: compresses the chunks that are new, writes them together as one pack, and finds the digest
 * of every index that a changed map is part of.
 */
import { hash } from 'node:crypto'
import { type Sha256, parseSha256 } from '../common/digest.ts'
import type { Faults } from '../common/faults.ts'
import { inOrder } from '../common/in-order.ts'
import { workerFile, WorkerPool } from '../common/worker-pool.ts'
import type { Storage, StoredFile } from '../storage/storage.ts'
import { chunkPieces, endings, endPieces, type IndexForm, type Piece, startPieces } from './assembly.ts'
import type { Chunk, ChunkTable } from './chunk-table.ts'
import type { PlannedChunk } from './index-map.ts'
import type { IndexPath } from './index-paths.ts'
import type { CompressedChunk, IndexAnswer, IndexRequest, LocalPiece } from './index-worker.ts'
import { type Place, placeKey } from './suite-items.ts'

/** A map whose chunks are planned. */
export interface PlannedMap {
  readonly place: Place
  readonly chunks: readonly PlannedChunk[]
}

/** A chunk that no revision had before; its id is 0 until it is recorded. */
export interface NewChunk extends Chunk {
  readonly lastKey: string
}

export interface BuiltMap {
  readonly place: Place
  readonly chunks: readonly Chunk[]
}

export interface BuiltPack {
  readonly pack: StoredFile | undefined
  readonly newChunks: readonly NewChunk[]
  /** In the order of the planned ones. */
  readonly maps: readonly BuiltMap[]
}

export interface BuiltIndex {
  readonly path: string
  readonly form: IndexForm
  readonly sha256: Sha256
  readonly sizeBytes: number
  readonly places: readonly Place[]
}

/** Threads: one more than this would only fight for the processor with the server. */
const THREADS = 2
/** Chunks that are read, compressed or waiting to be written at once; each has its text and its forms in memory. */
const CHUNKS_IN_WORK = 3

export class IndexBuilder implements AsyncDisposable {
  readonly #storage: Storage
  readonly #chunks: ChunkTable
  readonly #faults: Faults
  readonly #threads = new WorkerPool<IndexRequest, IndexAnswer>(workerFile(import.meta.url, 'index-worker'), THREADS)

  constructor(storage: Storage, chunks: ChunkTable, faults: Faults) {
    this.#storage = storage
    this.#chunks = chunks
    this.#faults = faults
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#threads.close()
  }

  /** Compresses what is new in the maps into one pack. A text that the archive has in a chunk already is not packed again. */
  async pack(archiveId: number, maps: readonly PlannedMap[]): Promise<BuiltPack> {
    await this.#faults.reach('seal.pack')
    const writer = new PackWriter(this.#storage)
    const known = new Map<Sha256, Chunk>()
    const built: BuiltMap[] = []
    try {
      for (const map of maps) {
        const chunks: Chunk[] = []
        const ready = inOrder(map.chunks, CHUNKS_IN_WORK, (planned) => this.#compress(archiveId, planned))
        for await (const { kept, fresh } of ready) {
          const chunk = kept ?? known.get(fresh.textSha256) ?? (await writer.add(fresh))
          known.set(chunk.textSha256, chunk)
          chunks.push(chunk)
        }
        built.push({ place: map.place, chunks })
      }
      return await writer.finish(built)
    } catch (error) {
      await writer.discard()
      throw error
    }
  }

  async #compress(archiveId: number, planned: PlannedChunk): Promise<Ready> {
    if (planned.kind === 'kept') return { kept: planned.chunk }
    const text = await planned.text()
    const kept = await this.#chunks.withText(archiveId, digest(hash('sha256', text)))
    if (kept !== undefined) return { kept }
    const compressed = await this.#threads.run({ kind: 'compress', text })
    if (!('xzBytes' in compressed)) throw new Error('A thread answered another question')
    const { firstKey, lastKey, entries } = planned
    const textSha256 = digest(compressed.textSha256)
    return { fresh: { compressed, textSha256, textBytes: text.length, firstKey, lastKey, entries } }
  }

  /**
   * The digests of the texts of indexes. They need no compressed chunk, so where the new texts are at hand this goes on
   * while those are compressed.
   */
  async digestTexts(
    indexes: readonly IndexPath[],
    chunksOf: (place: Place) => readonly PlannedChunk[],
  ): Promise<BuiltIndex[]> {
    const texts = new Map<string, Promise<Piece[]>>()
    const piecesOf = (place: Place): Promise<Piece[]> => {
      const known = texts.get(placeKey(place)) ?? Promise.all(chunksOf(place).map(textPiece))
      texts.set(placeKey(place), known)
      return known
    }
    return this.#digestForms(['plain'], indexes, async (_form, place) => piecesOf(place))
  }

  /** The digests of indexes in their compressed forms. */
  async digestCompressed(
    indexes: readonly IndexPath[],
    chunksOf: (place: Place) => readonly Chunk[],
  ): Promise<BuiltIndex[]> {
    await this.#faults.reach('index.assemble')
    return this.#digestForms(
      ['xz', 'gz', 'zst'],
      indexes,
      async (form, place) => chunkPieces(form, chunksOf(place)),
      (form, places) => endPieces(form, places.flatMap(chunksOf)),
    )
  }

  async #digestForms(
    forms: readonly IndexForm[],
    indexes: readonly IndexPath[],
    piecesOf: (form: IndexForm, place: Place) => Promise<Piece[]>,
    endOf: (form: IndexForm, places: readonly Place[]) => Piece[] = () => [],
  ): Promise<BuiltIndex[]> {
    // Indexes that begin with the same map are hashed together, so that what all architectures share is hashed once.
    const groups = [...Map.groupBy(indexes, (index) => placeKey(index.places[0])).values()]
    const jobs = forms.flatMap((form) => groups.map((group) => ({ form, group })))
    const built = await Promise.all(
      jobs.map(async ({ form, group }) => {
        const [first] = group
        if (first === undefined) return []
        const shared = [...startPieces(form), ...(await piecesOf(form, first.places[0]))]
        const branches = await Promise.all(
          group.map(async ({ places }) => {
            const own = await Promise.all(places.slice(1).map((place) => piecesOf(form, place)))
            return this.#local([...own.flat(), ...endOf(form, places)])
          }),
        )
        const digests = await this.#threads.run({ kind: 'digest', shared: await this.#local(shared), branches })
        if ('xzBytes' in digests) throw new Error('A thread answered another question')
        return group.map(({ path, places }, i): BuiltIndex => {
          const { sha256, sizeBytes } = digests[i] ?? missing()
          return { path: `${path}${endings[form]}`, form, sha256: digest(sha256), sizeBytes, places }
        })
      }),
    )
    return built.flat()
  }

  async #local(pieces: readonly Piece[]): Promise<LocalPiece[]> {
    const paths = new Map<number, string>()
    const local: LocalPiece[] = []
    for (const piece of pieces) {
      if (piece.kind === 'bytes') {
        local.push({ bytes: piece.bytes })
        continue
      }
      const path = paths.get(piece.pack.id) ?? (await this.#storage.localPath(piece.pack))
      paths.set(piece.pack.id, path)
      const zstd = piece.kind === 'zstd'
      local.push({ path, offset: piece.offset, length: zstd ? piece.packedLength : piece.length, zstd })
    }
    return local
  }
}

interface FreshChunk {
  readonly compressed: CompressedChunk
  readonly textSha256: Sha256
  readonly textBytes: number
  readonly firstKey: string
  readonly lastKey: string
  readonly entries: number
}

type Ready =
  | { readonly kept: Chunk; readonly fresh?: undefined }
  | { readonly kept?: undefined; readonly fresh: FreshChunk }

/** Writes chunks one after the other into the spool; the pack is a file like any other once it is kept. */
class PackWriter {
  readonly #storage: Storage
  readonly #chunks: (Omit<NewChunk, 'pack'> & { pack: StoredFile })[] = []
  #spool: Awaited<ReturnType<Storage['spool']['create']>> | undefined
  #bytes = 0

  constructor(storage: Storage) {
    this.#storage = storage
  }

  async add(fresh: FreshChunk): Promise<NewChunk> {
    const { compressed } = fresh
    this.#spool ??= await this.#storage.spool.create()
    await this.#spool.append([compressed.bytes])
    const chunk = {
      id: 0,
      firstKey: fresh.firstKey,
      lastKey: fresh.lastKey,
      textSha256: fresh.textSha256,
      textBytes: fresh.textBytes,
      entries: fresh.entries,
      pack: unkept,
      packOffset: this.#bytes,
      xzBytes: compressed.xzBytes,
      xzUnpaddedBytes: compressed.xzUnpaddedBytes,
      gzBytes: compressed.gzBytes,
      zstBytes: compressed.zstBytes,
    }
    this.#bytes += compressed.bytes.length
    this.#chunks.push(chunk)
    return chunk
  }

  async finish(maps: readonly BuiltMap[]): Promise<BuiltPack> {
    if (this.#spool === undefined) return { pack: undefined, newChunks: [], maps }
    const pack = await this.#storage.keep(await this.#spool.finish())
    for (const chunk of this.#chunks) chunk.pack = pack
    return { pack, newChunks: this.#chunks, maps }
  }

  async discard(): Promise<void> {
    await this.#spool?.discard()
  }
}

/** The text of a planned chunk: given, or decompressed from where it is packed. */
async function textPiece(chunk: PlannedChunk): Promise<Piece> {
  if (chunk.kind === 'new') return { kind: 'bytes', bytes: await chunk.text() }
  const [piece] = chunkPieces('plain', [chunk.chunk])
  return piece ?? missing()
}

/** Stands for the pack until it is kept. */
const unkept: StoredFile = { id: 0, sha256: '' as Sha256, sizeBytes: 0 }

function digest(text: string): Sha256 {
  return parseSha256(text) ?? missing()
}

function missing(): never {
  throw new Error('An index has no map')
}
