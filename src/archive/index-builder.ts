/**
 * The indexes of one seal: compresses the chunks that are new, writes them together as one pack, and finds the digest
 * of every index that a changed map is part of.
 */
import { hash } from 'node:crypto'
import { type Sha256, parseSha256 } from '../common/digest.ts'
import type { Faults } from '../common/faults.ts'
import { inOrder } from '../common/in-order.ts'
import { workerFile, WorkerPool } from '../common/worker-pool.ts'
import type { Storage } from '../storage/storage.ts'
import {
  chunkPieces,
  endings,
  endPieces,
  type IndexForm,
  type NamedPiece,
  type PackedForm,
  type Piece,
  startPieces,
} from './assembly.ts'
import type { Chunk, ChunkTable } from './chunk-table.ts'
import type { PlannedChunk } from './index-map.ts'
import { formsOf, packedFormsOf } from './index-forms.ts'
import type { IndexPath } from './index-paths.ts'
import type { IndexAnswer, IndexDigest, IndexRequest } from './index-worker.ts'
import { LocalPaths } from './local-paths.ts'
import { localPieces } from './local-pieces.ts'
import { type FreshChunk, PackWriter } from './pack-writer.ts'
import type { LocalPiece } from './piece-reader.ts'
import type { Place } from './suite-items.ts'

/** A map whose chunks are planned. */
export interface PlannedMap {
  readonly place: Place
  readonly chunks: readonly PlannedChunk[]
}

/** The text of a chunk that is to be packed, in which forms, and which run of keys it is. */
export interface ChunkText {
  readonly forms: readonly PackedForm[]
  readonly firstKey: string
  readonly lastKey: string
  readonly entries: number
  readonly text: Uint8Array
}

export interface BuiltMap {
  readonly place: Place
  readonly chunks: readonly Chunk[]
}

export interface BuiltIndex {
  readonly path: string
  readonly form: IndexForm
  readonly sha256: Sha256
  readonly sizeBytes: number
  /** Whether the Release lists it. */
  readonly listed: boolean
  readonly content:
    | { readonly places: readonly Place[] }
    | { readonly fileId: number; readonly offset: number }
    /** Its bytes are not here, only its digest is told. */
    | { readonly fileId: null; readonly offset: number }
}

const worker = workerFile(import.meta.url, 'index-worker')
/** Threads that compress: more would only fight for the processor with the server. */
const COMPRESSING_THREADS = 2
/** Chunks that are read, compressed or waiting to be written at once; each has its text and its forms in memory. */
const CHUNKS_IN_WORK = 3

export class IndexBuilder implements AsyncDisposable {
  readonly #storage: Storage
  readonly #chunks: ChunkTable
  readonly #faults: Faults
  readonly #compressors = new WorkerPool<IndexRequest, IndexAnswer>(worker, COMPRESSING_THREADS)
  /** One thread, which remembers how far it has hashed what many indexes have in common. */
  readonly #hasher = new WorkerPool<IndexRequest, IndexAnswer>(worker, 1)

  constructor(storage: Storage, chunks: ChunkTable, faults: Faults) {
    this.#storage = storage
    this.#chunks = chunks
    this.#faults = faults
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#compressors.close(), this.#hasher.close()])
  }

  /** A pack to write to, for the stores of a scope. */
  startPack(scopeId: number): PackWriter {
    return new PackWriter(this.#storage, scopeId)
  }

  /** Compresses what is new in the maps into a pack. A text that the archive has in a chunk already is not packed again. */
  async packMaps(archiveId: number, maps: readonly PlannedMap[], pack: PackWriter): Promise<BuiltMap[]> {
    await this.#faults.reach('seal.pack')
    const known = new Map<Sha256, Chunk>()
    const built: BuiltMap[] = []
    for (const map of maps) {
      const chunks: Chunk[] = []
      const ready = inOrder(map.chunks, CHUNKS_IN_WORK, (planned) =>
        this.#compress(archiveId, planned, packedFormsOf(map.place)),
      )
      for await (const { kept, fresh } of ready) {
        const chunk = kept ?? known.get(fresh.textSha256) ?? (await pack.addChunk(fresh))
        known.set(chunk.textSha256, chunk)
        chunks.push(chunk)
      }
      built.push({ place: map.place, chunks })
    }
    return built
  }

  /** Compresses these texts into a pack, in their order, whatever chunks the archive has. */
  async packTexts(texts: AsyncIterable<ChunkText>, pack: PackWriter): Promise<void> {
    const ready = inOrder(texts, CHUNKS_IN_WORK, async ({ text, forms, ...range }): Promise<FreshChunk> => {
      const compressed = await this.#compressors.run({ kind: 'compress', text, forms })
      if (!('xzBytes' in compressed)) throw new Error('A thread answered another question')
      return { ...range, compressed, textSha256: digest(compressed.textSha256), textBytes: text.length }
    })
    for await (const fresh of ready) await pack.addChunk(fresh)
  }

  /** The digest of an index of these chunks in a compressed form. */
  async digestChunks(form: PackedForm, chunks: readonly Chunk[]): Promise<IndexDigest> {
    await using paths = new LocalPaths(this.#storage)
    const pieces = await localPieces(paths, namedPieces(form, chunks))
    const digests = await this.#hasher.run({ kind: 'digest', indexes: [pieces] })
    if ('xzBytes' in digests) throw new Error('A thread answered another question')
    return digests[0] ?? missing()
  }

  async #compress(archiveId: number, planned: PlannedChunk, forms: readonly PackedForm[]): Promise<Ready> {
    if (planned.kind === 'kept') return { kept: planned.chunk }
    const text = await planned.text()
    const kept = await this.#chunks.withText(archiveId, digest(hash('sha256', text)))
    if (kept !== undefined) return { kept }
    const compressed = await this.#compressors.run({ kind: 'compress', text, forms })
    if (!('xzBytes' in compressed)) throw new Error('A thread answered another question')
    const { firstKey, lastKey, entries } = planned
    const textSha256 = digest(compressed.textSha256)
    return { fresh: { compressed, textSha256, textBytes: text.length, firstKey, lastKey, entries } }
  }

  /**
   * The digests of the texts of indexes. They need no compressed chunk, so where the new texts are at hand this goes on
   * while those are compressed.
   *
   * @param pack where chunks lie that are not kept yet
   */
  async digestTexts(
    indexes: readonly IndexPath[],
    chunksOf: (place: Place) => readonly PlannedChunk[],
    pack: PackWriter,
  ): Promise<BuiltIndex[]> {
    const pieces = async ({ places }: IndexPath) => Promise.all(places.flatMap(chunksOf).map(textPiece))
    return this.#digest('plain', indexes, pieces, pack)
  }

  /** The digests of indexes in their compressed forms. */
  async digestCompressed(
    indexes: readonly IndexPath[],
    chunksOf: (place: Place) => readonly Chunk[],
  ): Promise<BuiltIndex[]> {
    await this.#faults.reach('index.assemble')
    const forms = (['xz', 'gz', 'zst'] as const).map((form) =>
      this.#digest(
        form,
        indexes.filter(({ places }) => formsOf(places[0]).includes(form)),
        async ({ places }) => namedPieces(form, places.flatMap(chunksOf)),
      ),
    )
    return (await Promise.all(forms)).flat()
  }

  async #digest(
    form: IndexForm,
    indexes: readonly IndexPath[],
    piecesOf: (index: IndexPath) => Promise<NamedPiece[]>,
    pack?: PackWriter,
  ): Promise<BuiltIndex[]> {
    if (indexes.length === 0) return []
    await using paths = new LocalPaths(this.#storage, pack)
    const pieces: LocalPiece[][] = []
    for (const index of indexes) pieces.push(await localPieces(paths, await piecesOf(index)))
    const digests = await this.#hasher.run({ kind: 'digest', indexes: pieces })
    if ('xzBytes' in digests) throw new Error('A thread answered another question')
    return indexes.map(({ path, places }, i): BuiltIndex => {
      const { sha256, sizeBytes } = digests[i] ?? missing()
      const content = { places }
      return { path: `${path}${endings[form]}`, form, sha256: digest(sha256), sizeBytes, listed: true, content }
    })
  }
}

/** An index in a compressed form, from its start to its end. */
function namedPieces(form: IndexForm, chunks: readonly Chunk[]): NamedPiece[] {
  const named = chunkPieces(form, chunks).map((piece, i): NamedPiece => {
    const { textSha256, pack } = chunks[i] ?? missing()
    // Another library version may compress the same text into other bytes.
    return { identity: `${form} ${textSha256} ${pack.id}`, piece }
  })
  return [...startPieces(form).map(asConstant), ...named, ...endPieces(form, chunks).map(asConstant)]
}

type Ready =
  | { readonly kept: Chunk; readonly fresh?: undefined }
  | { readonly kept?: undefined; readonly fresh: FreshChunk }

/** The text of a planned chunk: given, or decompressed from where it is packed. */
async function textPiece(chunk: PlannedChunk): Promise<NamedPiece> {
  if (chunk.kind === 'kept') {
    return { identity: chunk.chunk.textSha256, piece: chunkPieces('plain', [chunk.chunk])[0] ?? missing() }
  }
  const bytes = await chunk.text()
  return { identity: hash('sha256', bytes), piece: { kind: 'bytes', bytes } }
}

/** A piece that is small enough to be its own name. */
function asConstant(piece: Piece): NamedPiece {
  return { identity: piece.kind === 'bytes' ? Buffer.from(piece.bytes).toString('base64') : missing(), piece }
}

function digest(text: string): Sha256 {
  return parseSha256(text) ?? missing()
}

function missing(): never {
  throw new Error('An index has no map')
}
