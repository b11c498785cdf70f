/**
 * Contents indexes on their way into a seal: what packages bring and take is sorted and merged into the chunks of before
 * by a thread, through files in the spool, so that neither memory nor the main thread feels how long an index is.
 */
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { workerFile, WorkerPool } from '../../common/worker-pool.ts'
import { unlinkIfThere } from '../../storage/spool-writer.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Chunk } from '../chunk-table.ts'
import type { PackagePaths, Run } from './contents-runs.ts'
import type { ContentsAnswer, ContentsRequest, DraftChunk, LocalChunk } from './contents-worker.ts'
import type { PlannedChunk } from '../index-map.ts'
import { LocalPaths } from '../local-paths.ts'

/** Lists of paths, as they are stored, that are handed to the thread at once. */
const LISTS_BYTES = 1024 * 1024
const LISTS = 1000

const worker = workerFile(import.meta.url, 'contents-worker')
const decompressZstd = promisify(zstdDecompress)

export class ContentsMaker implements AsyncDisposable {
  readonly #storage: Storage
  readonly #thread = new WorkerPool<ContentsRequest, ContentsAnswer>(worker, 1)

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** Indexes of one seal, whose texts can be read until this is disposed. */
  start(): ContentsDrafts {
    return new ContentsDrafts(this.#storage, this.#thread)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.close()
  }
}

export class ContentsDrafts implements AsyncDisposable {
  readonly #storage: Storage
  readonly #thread: WorkerPool<ContentsRequest, ContentsAnswer>
  readonly #files: string[] = []

  constructor(storage: Storage, thread: WorkerPool<ContentsRequest, ContentsAnswer>) {
    this.#storage = storage
    this.#thread = thread
  }

  /**
   * The chunks of an index after packages came and went.
   *
   * @param before its chunks until now; none for a new index
   * @throws AshlarError storage-full, storage-failed
   */
  async plan(before: readonly Chunk[], lists: AsyncIterable<PackagePaths>): Promise<PlannedChunk[]> {
    const file = await this.#file()
    const runs = await this.#sort(file, lists)
    if (runs.length === 0) return before.map((chunk) => ({ kind: 'kept', chunk }))
    await using paths = new LocalPaths(this.#storage)
    const local: LocalChunk[] = []
    for (const chunk of before) {
      const { firstKey, textBytes, entries } = chunk
      const offset = chunk.packOffset + chunk.xzBytes
      const path = await paths.of(chunk.pack)
      local.push({ firstKey, textBytes, entries, path, offset, length: chunk.gzBytes })
    }
    const texts = await this.#file()
    const answer = await this.#thread.run({ kind: 'build', file, runs, before: local, texts })
    if (answer.kind !== 'built') throw new Error('A thread answered another question')
    return answer.chunks.map((draft) => planned(before, texts, draft))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#files) await unlinkIfThere(path)
  }

  async #file(): Promise<string> {
    const path = await this.#storage.spool.reserve()
    this.#files.push(path)
    return path
  }

  async #sort(file: string, lists: AsyncIterable<PackagePaths>): Promise<Run[]> {
    const runs: Run[] = []
    for await (const portion of portions(lists)) {
      const answer = await this.#thread.run({ kind: 'sort', file, start: runs.at(-1)?.end ?? 0, lists: portion })
      if (answer.kind !== 'sorted') throw new Error('A thread answered another question')
      runs.push(...answer.runs)
    }
    return runs
  }
}

async function* portions(lists: AsyncIterable<PackagePaths>): AsyncGenerator<PackagePaths[], void, undefined> {
  let portion: PackagePaths[] = []
  let bytes = 0
  for await (const list of lists) {
    portion.push(list)
    bytes += list.paths.length
    if (bytes < LISTS_BYTES && portion.length < LISTS) continue
    yield portion
    portion = []
    bytes = 0
  }
  if (portion.length > 0) yield portion
}

function planned(before: readonly Chunk[], texts: string, draft: DraftChunk): PlannedChunk {
  if (typeof draft === 'number') {
    const chunk = before[draft]
    if (chunk === undefined) throw new Error('There is no such chunk')
    return { kind: 'kept', chunk }
  }
  const { firstKey, lastKey, entries, textBytes, offset, length } = draft
  return {
    kind: 'new',
    firstKey,
    lastKey,
    entries,
    textBytes,
    text: async () => {
      const file = await open(texts, 'r')
      try {
        const frame = Buffer.allocUnsafe(length)
        await file.read(frame, 0, length, offset)
        return await decompressZstd(frame)
      } finally {
        await file.close()
      }
    },
  }
}
