/** A part of a local file as it is sent elsewhere. */
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { AshlarError } from '../common/errors.ts'
import { readChunkBytes } from './digest-stream.ts'
import type { ByteRange } from './file-store.ts'
import { storageError } from './storage-error.ts'

export interface FileSlice extends ByteRange {
  readonly path: string
}

/** The bytes; reading them throws storage-failed if the file has fewer or cannot be read. */
export function readSlice(slice: FileSlice): Readable {
  return Readable.from(chunksOf(slice), { objectMode: false, highWaterMark: readChunkBytes })
}

/**
 * MD5 of the bytes, in base64 as the header Content-MD5 has it (RFC 1864).
 * @param also takes the bytes too.
 * @throws AshlarError storage-failed
 */
export async function md5Of(slice: FileSlice, also?: Hash, signal?: AbortSignal): Promise<string> {
  const md5 = createHash('md5')
  for await (const chunk of chunksOf(slice)) {
    signal?.throwIfAborted()
    md5.update(chunk)
    also?.update(chunk)
  }
  return md5.digest('base64')
}

async function* chunksOf({ path, start, end }: FileSlice): AsyncGenerator<Uint8Array> {
  let readBytes = 0
  try {
    // Also of an empty slice, so that a file that is missing is noticed.
    const stream = createReadStream(path, { start, end: Math.max(start, end - 1), highWaterMark: readChunkBytes })
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (start === end) break
      readBytes += chunk.length
      yield chunk
    }
  } catch (error) {
    throw storageError(error, 'reading a spooled file')
  }
  if (readBytes !== end - start) {
    throw new AshlarError('storage-failed', `A spooled file ended ${end - start - readBytes} bytes early.`)
  }
}
