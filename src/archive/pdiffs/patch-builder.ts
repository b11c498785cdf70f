/** Makes the patches that lead from one state of an index to the next, from the chunks that differ. */
import { workerFile, WorkerPool } from '../../common/worker-pool.ts'
import type { Storage } from '../../storage/storage.ts'
import { chunkPieces, type Piece, readPieces } from '../assembly.ts'
import type { Chunk, ChunkTable } from '../chunk-table.ts'
import { differingRuns } from './differing-runs.ts'
import { LocalPaths } from '../local-paths.ts'
import { localPieces } from '../local-pieces.ts'
import type { PackWriter } from '../pack-writer.ts'
import type { LocalRun, PatchAnswer, PatchRequest } from './patch-worker.ts'
import type { LocalPiece } from '../piece-reader.ts'

export interface Patch {
  /** For ed(1). */
  readonly script: Uint8Array
  /** The script, compressed with gzip. */
  readonly packed: Uint8Array
}

export class PatchBuilder implements AsyncDisposable {
  readonly #storage: Storage
  readonly #chunks: ChunkTable
  /** Started when a suite has patches. */
  readonly #worker = new WorkerPool<PatchRequest, PatchAnswer>(workerFile(import.meta.url, 'patch-worker'), 1)

  constructor(storage: Storage, chunks: ChunkTable) {
    this.#storage = storage
    this.#chunks = chunks
  }

  /**
   * Undefined if ed cannot express the difference, or if it is too long for a patch to be of use. Reads the chunks that
   * differ and no others.
   *
   * @param pack where chunks lie that are not kept yet
   */
  async patch(before: readonly Chunk[], after: readonly Chunk[], pack: PackWriter): Promise<Patch | undefined> {
    await using paths = new LocalPaths(this.#storage, pack)
    const lines = await this.#linesOf(before, paths)
    const starts = [0]
    for (const count of lines) starts.push((starts.at(-1) ?? 0) + count)
    const runs: LocalRun[] = []
    for (const run of differingRuns(before, after)) {
      runs.push({
        before: await textPieces(run.before, paths),
        after: await textPieces(run.after, paths),
        firstLine: (starts[run.at] ?? 0) + 1,
      })
    }
    const answer = await this.#worker.run({ kind: 'patch', runs })
    return answer.kind === 'patch' ? answer : undefined
  }

  /** The bytes of a small index. @throws AshlarError file-corrupt if they are lost */
  async read(pieces: readonly Piece[]): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(readPieces(this.#storage, pieces)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.close()
  }

  /** How many lines each chunk has; what is not on record yet is counted, once. */
  async #linesOf(chunks: readonly Chunk[], paths: LocalPaths): Promise<number[]> {
    const uncounted = chunks.filter((chunk) => chunk.textLines === undefined)
    const counted = new Map<number, number>()
    if (uncounted.length > 0) {
      const answer = await this.#worker.run({ kind: 'count', pieces: await textPieces(uncounted, paths) })
      if (answer.kind !== 'count') throw new Error('A thread answered another question')
      for (const [i, chunk] of uncounted.entries()) counted.set(chunk.id, answer.lines[i] ?? 0)
      await this.#chunks.noteLines(counted)
    }
    return chunks.map((chunk) => chunk.textLines ?? counted.get(chunk.id) ?? 0)
  }
}

/** One piece for each chunk: its text. */
async function textPieces(chunks: readonly Chunk[], paths: LocalPaths): Promise<LocalPiece[]> {
  const pieces = chunkPieces('plain', chunks).map((piece, i) => ({ identity: chunks[i]?.textSha256 ?? '', piece }))
  return localPieces(paths, pieces)
}
