/** The thread that compresses chunks and hashes assembled indexes. */
import { createHash, hash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { constants, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { answerRequests } from '../common/worker-pool.ts'
import { compressXzBlock } from './xz-stream.ts'

/** Bytes of an assembled index: given, or a part of a local file, perhaps a zstd frame whose content is meant. */
export type LocalPiece =
  | { readonly bytes: Uint8Array }
  | { readonly path: string; readonly offset: number; readonly length: number; readonly zstd: boolean }

export type IndexRequest =
  | { readonly kind: 'compress'; readonly text: Uint8Array }
  /** Several indexes that begin alike: what they share is read and hashed once. */
  | { readonly kind: 'digest'; readonly shared: readonly LocalPiece[]; readonly branches: readonly LocalPiece[][] }

/** A chunk in its three forms, one after the other as in a pack. */
export interface CompressedChunk {
  readonly textSha256: string
  readonly bytes: Uint8Array
  readonly xzBytes: number
  readonly xzUnpaddedBytes: number
  readonly gzBytes: number
  readonly zstBytes: number
}

export interface IndexDigest {
  readonly sha256: string
  readonly sizeBytes: number
}

export type IndexAnswer = CompressedChunk | readonly IndexDigest[]

/** Levels where more effort costs much and gains little; see bench/README.md. */
const GZIP_LEVEL = 9
const ZSTD_LEVEL = 9

answerRequests(async (request: IndexRequest): Promise<{ answer: IndexAnswer }> => {
  if (request.kind === 'digest') return { answer: digestAll(request.shared, request.branches) }
  const chunk = await compress(Buffer.from(request.text.buffer, request.text.byteOffset, request.text.byteLength))
  return { answer: chunk }
})

async function compress(text: Buffer): Promise<CompressedChunk> {
  const xz = await compressXzBlock(text)
  const gz = gzipSync(text, { level: GZIP_LEVEL })
  const zst = zstdCompressSync(text, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })
  return {
    textSha256: hash('sha256', text),
    bytes: Buffer.concat([xz.bytes, gz, zst]),
    xzBytes: xz.bytes.length,
    xzUnpaddedBytes: xz.unpadded,
    gzBytes: gz.length,
    zstBytes: zst.length,
  }
}

function digestAll(shared: readonly LocalPiece[], branches: readonly LocalPiece[][]): IndexDigest[] {
  const files = new Map<string, number>()
  try {
    const start = createHash('sha256')
    const startBytes = update(start, shared, files)
    return branches.map((pieces) => {
      const digest = start.copy()
      const sizeBytes = startBytes + update(digest, pieces, files)
      return { sha256: digest.digest('hex'), sizeBytes }
    })
  } finally {
    for (const file of files.values()) closeSync(file)
  }
}

function update(digest: Hash, pieces: readonly LocalPiece[], files: Map<string, number>): number {
  let sizeBytes = 0
  for (const piece of pieces) {
    const bytes = 'bytes' in piece ? piece.bytes : readPiece(piece, files)
    digest.update(bytes)
    sizeBytes += bytes.length
  }
  return sizeBytes
}

function readPiece(
  piece: { readonly path: string; readonly offset: number; readonly length: number; readonly zstd: boolean },
  files: Map<string, number>,
): Buffer {
  const file = files.get(piece.path) ?? openSync(piece.path, 'r')
  files.set(piece.path, file)
  const bytes = Buffer.allocUnsafe(piece.length)
  for (let done = 0; done < bytes.length;) {
    const count = readSync(file, bytes, done, bytes.length - done, piece.offset + done)
    if (count === 0) throw new Error(`${piece.path} ends before byte ${piece.offset + piece.length}`)
    done += count
  }
  return piece.zstd ? zstdDecompressSync(bytes) : bytes
}
