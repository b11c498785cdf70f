/** The thread that makes patches of indexes. */
import { gzipSync } from 'node:zlib'
import { answerRequests } from '../../common/worker-pool.ts'
import { edScript } from '../../debian/ed-script.ts'
import { countLines } from './line-count.ts'
import { type LocalPiece, PieceReader } from '../piece-reader.ts'

/** Where two states of an index differ. */
export interface LocalRun {
  readonly before: readonly LocalPiece[]
  readonly after: readonly LocalPiece[]
  /** The number of the first line of `before` in the old state. */
  readonly firstLine: number
}

export type PatchRequest =
  | { readonly kind: 'patch'; readonly runs: readonly LocalRun[] }
  | { readonly kind: 'count'; readonly pieces: readonly LocalPiece[] }

export type PatchAnswer =
  | { readonly kind: 'patch'; readonly script: Uint8Array; readonly packed: Uint8Array }
  /** There is none, or it would be too long to be of use. */
  | { readonly kind: 'none' }
  /** The lines of each piece. */
  | { readonly kind: 'count'; readonly lines: readonly number[] }

/** A run whose texts are longer is not compared; it is held in memory several times. */
const MAX_RUN_BYTES = 32 * 1024 * 1024
const MAX_SCRIPT_BYTES = 32 * 1024 * 1024
const GZIP_LEVEL = 9

answerRequests(async (request: PatchRequest): Promise<{ answer: PatchAnswer }> => {
  using reader = new PieceReader()
  if (request.kind === 'patch') return { answer: patch(request.runs, reader) }
  const lines = request.pieces.map((piece) => countLines(reader.read(piece)))
  return { answer: { kind: 'count', lines } }
})

function patch(runs: readonly LocalRun[], reader: PieceReader): PatchAnswer {
  const scripts: Buffer[] = []
  let length = 0
  // From the end of the text to its start, as ed wants it.
  for (const run of runs.toReversed()) {
    const [before, after] = [textOf(run.before, reader), textOf(run.after, reader)]
    if (Math.max(before.length, after.length) > MAX_RUN_BYTES) return { kind: 'none' }
    const script = edScript(before, after, run.firstLine)
    length += script?.length ?? 0
    if (script === undefined || length > MAX_SCRIPT_BYTES) return { kind: 'none' }
    scripts.push(script)
  }
  const script = Buffer.concat(scripts)
  return { kind: 'patch', script, packed: gzipSync(script, { level: GZIP_LEVEL }) }
}

function textOf(pieces: readonly LocalPiece[], reader: PieceReader): Buffer {
  return Buffer.concat(pieces.map((piece) => reader.read(piece)))
}
