/**
 * Writes a pack: compressed chunks one after the other, then whatever else the seal has to keep. It is a file like any
 * other once it is kept; until then its chunks name `unkept`, and lie at its path in the spool.
 */
import type { Sha256 } from '../common/digest.ts'
import type { Storage } from '../storage/storage.ts'
import type { Chunk, Pack } from './chunk-table.ts'
import type { CompressedChunk } from './index-worker.ts'

/** A chunk that no revision had before; its id is 0 until it is recorded. */
export interface NewChunk extends Chunk {
  readonly lastKey: string
}

/** A chunk that is compressed, and which run of keys it is. */
export interface FreshChunk {
  readonly compressed: CompressedChunk
  readonly textSha256: Sha256
  readonly textBytes: number
  readonly firstKey: string
  readonly lastKey: string
  readonly entries: number
}

/** Stands for a pack until it is kept. */
const unkept: Pack = { id: 0, sha256: '' as Sha256, sizeBytes: 0, scopeId: 0 }

/** Whether a pack is still being written, so that its bytes are to be had from its writer only. */
export function isUnkept(pack: Pack): boolean {
  return pack.id === unkept.id
}

/** Disposed of before it is finished, it leaves nothing. */
export class PackWriter implements AsyncDisposable {
  readonly #storage: Storage
  readonly #scopeId: number
  readonly #chunks: (Omit<NewChunk, 'pack'> & { pack: Pack })[] = []
  #spool: Awaited<ReturnType<Storage['spool']['create']>> | undefined
  #bytes = 0

  constructor(storage: Storage, scopeId: number) {
    this.#storage = storage
    this.#scopeId = scopeId
  }

  /** In the order of their bytes; their pack is named once it is kept. */
  get chunks(): readonly NewChunk[] {
    return this.#chunks
  }

  /** Where its bytes lie until it is kept. */
  get path(): string {
    if (this.#spool === undefined) throw new Error('Nothing was written to this pack')
    return this.#spool.path
  }

  async addChunk(fresh: FreshChunk): Promise<NewChunk> {
    const { compressed } = fresh
    const packOffset = await this.addBytes(compressed.bytes)
    const chunk = {
      id: 0,
      firstKey: fresh.firstKey,
      lastKey: fresh.lastKey,
      textSha256: fresh.textSha256,
      textBytes: fresh.textBytes,
      textLines: compressed.lines,
      entries: fresh.entries,
      pack: unkept,
      packOffset,
      xzBytes: compressed.xzBytes,
      xzUnpaddedBytes: compressed.xzUnpaddedBytes,
      gzBytes: compressed.gzBytes,
      zstBytes: compressed.zstBytes,
    }
    this.#chunks.push(chunk)
    return chunk
  }

  /** @returns where they begin in the pack */
  async addBytes(bytes: Uint8Array): Promise<number> {
    this.#spool ??= await this.#storage.spool.create()
    const offset = this.#bytes
    await this.#spool.append([bytes])
    this.#bytes += bytes.length
    return offset
  }

  /** Keeps the pack; undefined if nothing was written to it. @throws AshlarError storage-full, storage-failed */
  async finish(): Promise<Pack | undefined> {
    if (this.#spool === undefined) return undefined
    const file = await this.#storage.keep(await this.#spool.finish(), this.#scopeId)
    this.#spool = undefined
    const pack = { ...file, scopeId: this.#scopeId }
    for (const chunk of this.#chunks) chunk.pack = pack
    return pack
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#spool?.discard()
  }
}
