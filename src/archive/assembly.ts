/**
 * Whole indexes, put together from chunks without compressing anything again: xz blocks between a header and an index,
 * gzip members and zstd frames one after the other (apt reads all three; it reads no concatenated xz *streams*).
 */
import { open } from 'node:fs/promises'
import { constants, gunzip, gzipSync, zstdCompressSync, zstdDecompress } from 'node:zlib'
import { promisify } from 'node:util'
import { AshlarError } from '../common/errors.ts'
import type { ByteRange } from '../storage/file-store.ts'
import type { Storage } from '../storage/storage.ts'
import type { Chunk, Pack } from './chunk-table.ts'
import { xzStreamEnd, xzStreamHeader, type XzBlockSize } from './xz-stream.ts'

export type IndexForm = 'plain' | 'xz' | 'gz' | 'zst'

/** A form in which chunks are packed. */
export type PackedForm = Exclude<IndexForm, 'plain'>

/** The forms in which an index is offered, and the ending of its name in each. */
export const endings: Readonly<Record<IndexForm, string>> = { plain: '', xz: '.xz', gz: '.gz', zst: '.zst' }

/** A run of bytes of an assembled index. */
export type Piece =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** As it lies in a pack; `bytes` long. */
  | { readonly kind: 'stored'; readonly pack: Pack; readonly offset: number; readonly length: number }
  /** The content of a zstd frame or a gzip member in a pack. */
  | {
      readonly kind: 'packed'
      readonly form: 'zst' | 'gz'
      readonly pack: Pack
      readonly offset: number
      readonly packedLength: number
      readonly length: number
    }

/** A piece that is hashed; equal identities stand for equal bytes. */
export interface NamedPiece {
  readonly identity: string
  readonly piece: Piece
}

/** How much of a pack is in memory at once for each reader. */
const READ_BYTES = 512 * 1024

const emptyGzip = gzipSync('', { level: constants.Z_BEST_COMPRESSION })
const emptyZstd = zstdCompressSync('')
const decompress = { zst: promisify(zstdDecompress), gz: promisify(gunzip) }

export function pieceLength(piece: Piece): number {
  return piece.kind === 'bytes' ? piece.bytes.length : piece.length
}

/** The chunks of one map as they stand in an index of this form. */
export function chunkPieces(form: IndexForm, chunks: readonly Chunk[]): Piece[] {
  return chunks.map((chunk) => {
    const zstOffset = chunk.packOffset + chunk.xzBytes + chunk.gzBytes
    switch (form) {
      case 'plain': {
        // From zstd, which is quicker, unless the chunk has no such form.
        const place =
          chunk.zstBytes > 0
            ? { form: 'zst' as const, offset: zstOffset, packedLength: chunk.zstBytes }
            : { form: 'gz' as const, offset: chunk.packOffset + chunk.xzBytes, packedLength: chunk.gzBytes }
        return { kind: 'packed', pack: chunk.pack, ...place, length: chunk.textBytes }
      }
      case 'xz':
        return { kind: 'stored', pack: chunk.pack, offset: chunk.packOffset, length: chunk.xzBytes }
      case 'gz':
        return { kind: 'stored', pack: chunk.pack, offset: chunk.packOffset + chunk.xzBytes, length: chunk.gzBytes }
      case 'zst':
        return { kind: 'stored', pack: chunk.pack, offset: zstOffset, length: chunk.zstBytes }
    }
  })
}

/** What stands before the first chunk. */
export function startPieces(form: IndexForm): Piece[] {
  return form === 'xz' ? [{ kind: 'bytes', bytes: xzStreamHeader }] : []
}

/** What stands after the last chunk. */
export function endPieces(form: IndexForm, chunks: readonly Chunk[]): Piece[] {
  if (form === 'xz') return [{ kind: 'bytes', bytes: xzStreamEnd(chunks.map(xzBlockSize)) }]
  if (chunks.length > 0 || form === 'plain') return []
  return [{ kind: 'bytes', bytes: form === 'gz' ? emptyGzip : emptyZstd }]
}

function xzBlockSize(chunk: Chunk): XzBlockSize {
  return { unpadded: chunk.xzUnpaddedBytes, uncompressed: chunk.textBytes }
}

/** A whole index. */
export function indexPieces(form: IndexForm, chunks: readonly Chunk[]): Piece[] {
  return joinNeighbours([...startPieces(form), ...chunkPieces(form, chunks), ...endPieces(form, chunks)])
}

/** Pieces that lie one after the other in a pack become one, so that they are read at once. */
function joinNeighbours(pieces: readonly Piece[]): Piece[] {
  const joined: Piece[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (
      piece.kind === 'stored' &&
      last?.kind === 'stored' &&
      last.pack.id === piece.pack.id &&
      last.offset + last.length === piece.offset
    ) {
      joined[joined.length - 1] = { ...last, length: last.length + piece.length }
    } else {
      joined.push(piece)
    }
  }
  return joined
}

/** The bytes of an assembled index, or a range of them; only the pieces that it touches are read. */
export async function* readPieces(
  storage: Storage,
  pieces: readonly Piece[],
  range?: ByteRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { start, end } = range ?? { start: 0, end: Infinity }
  let position = 0
  for (const piece of pieces) {
    const length = pieceLength(piece)
    const part = { start: Math.max(start - position, 0), end: Math.min(end - position, length) }
    position += length
    if (part.start < part.end) yield* readPiece(storage, piece, part)
    if (position >= end) return
  }
}

async function* readPiece(
  storage: Storage,
  piece: Piece,
  part: ByteRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (piece.kind === 'bytes') {
    yield piece.bytes.subarray(part.start, part.end)
  } else if (piece.kind === 'stored') {
    yield* readPack(storage, piece.pack, { start: piece.offset + part.start, end: piece.offset + part.end })
  } else {
    const frame: Uint8Array[] = []
    const range = { start: piece.offset, end: piece.offset + piece.packedLength }
    for await (const bytes of readPack(storage, piece.pack, range)) frame.push(bytes)
    yield (await decompress[piece.form](Buffer.concat(frame))).subarray(part.start, part.end)
  }
}

async function* readPack(storage: Storage, pack: Pack, range: ByteRange): AsyncGenerator<Uint8Array, void, undefined> {
  await using local = await storage.local(pack, pack.scopeId)
  const file = await open(local.path, 'r')
  try {
    for (let position = range.start; position < range.end;) {
      const bytes = Buffer.allocUnsafe(Math.min(range.end - position, READ_BYTES))
      const { bytesRead } = await file.read(bytes, 0, bytes.length, position)
      if (bytesRead === 0) throw new AshlarError('file-corrupt', `The pack ${pack.sha256} ends at byte ${position}.`)
      position += bytesRead
      yield bytes.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
