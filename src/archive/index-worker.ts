/** The thread that compresses chunks and hashes assembled indexes. */
import { createHash, hash, type Hash } from 'node:crypto'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import { collectOften } from '../common/collect-often.ts'
import { answerRequests } from '../common/worker-pool.ts'
import type { PackedForm } from './assembly.ts'
import { countLines } from './pdiffs/line-count.ts'
import { type LocalPiece, PieceReader } from './piece-reader.ts'
import { compressXzBlock } from './xz-stream.ts'

export type IndexRequest =
  | { readonly kind: 'compress'; readonly text: Uint8Array; readonly forms: readonly PackedForm[] }
  | { readonly kind: 'digest'; readonly indexes: readonly (readonly LocalPiece[])[] }

/** A chunk in its forms, one after the other as in a pack; the size of a form that it lacks is 0. */
export interface CompressedChunk {
  readonly textSha256: string
  readonly bytes: Uint8Array
  /** Of the text. */
  readonly lines: number
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
  if (request.kind === 'digest') return { answer: digestAll(request.indexes) }
  const text = Buffer.from(request.text.buffer, request.text.byteOffset, request.text.byteLength)
  return { answer: await compress(text, request.forms) }
})

const lacking = Buffer.alloc(0)

async function compress(text: Buffer, forms: readonly PackedForm[]): Promise<CompressedChunk> {
  const xz = forms.includes('xz') ? await compressXzBlock(text) : { bytes: lacking, unpadded: 0 }
  const gz = forms.includes('gz') ? gzipSync(text, { level: GZIP_LEVEL }) : lacking
  const zst = forms.includes('zst')
    ? zstdCompressSync(text, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } })
    : lacking
  return {
    textSha256: hash('sha256', text),
    bytes: Buffer.concat([xz.bytes, gz, zst]),
    lines: countLines(text),
    xzBytes: xz.bytes.length,
    xzUnpaddedBytes: xz.unpadded,
    gzBytes: gz.length,
    zstBytes: zst.length,
  }
}

/** SHA-256 after some pieces: what begins with the same pieces goes on from there. */
interface Checkpoint {
  readonly digest: Hash
  readonly sizeBytes: number
}

/** By a digest of the identities of the pieces so far. */
const checkpoints = new LRUCache<string, Checkpoint>({ max: 4096 })
/** Pieces from one checkpoint to the next. */
const CHECKPOINT_DISTANCE = 4

/**
 * The digests of indexes. Where one begins like another, or like one of an earlier revision, the common part is neither
 * read nor hashed again.
 */
function digestAll(indexes: readonly (readonly LocalPiece[])[]): IndexDigest[] {
  using reader = new PieceReader()
  return indexes.map((pieces) => digestPieces(pieces, reader))
}

function digestPieces(pieces: readonly LocalPiece[], reader: PieceReader): IndexDigest {
  const prefixes = prefixNames(pieces)
  const known = prefixes.findLastIndex((name) => checkpoints.has(name))
  const start = checkpoints.get(prefixes[known] ?? '')
  const digest = start?.digest.copy() ?? createHash('sha256')
  let sizeBytes = start?.sizeBytes ?? 0
  const passed = collectOften()
  for (const [i, piece] of pieces.entries()) {
    if (i <= known) continue
    const bytes = reader.read(piece)
    digest.update(bytes)
    sizeBytes += bytes.length
    passed(bytes.length)
    const isCheckpoint = i % CHECKPOINT_DISTANCE === CHECKPOINT_DISTANCE - 1
    if (isCheckpoint) checkpoints.set(prefixes[i] ?? '', { digest: digest.copy(), sizeBytes })
  }
  return { sha256: digest.digest('hex'), sizeBytes }
}

/** For each piece, a name of all pieces up to it. */
function prefixNames(pieces: readonly LocalPiece[]): string[] {
  let name = ''
  return pieces.map((piece) => (name = hash('sha256', `${name} ${piece.identity}`)))
}
