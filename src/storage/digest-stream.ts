/** Hashing of bytes that pass by or lie in a file. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { Sha256 } from '../common/digest.ts'

/** How much of a file is read at once where whole files are read. */
export const readChunkBytes = 256 << 10

/**
 * SHA-256 and size of the bytes of a file as they lie there now.
 * @throws the system's error
 */
export async function digestOf(path: string, signal?: AbortSignal): Promise<{ sha256: Sha256; sizeBytes: number }> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  const stream = createReadStream(path, { highWaterMark: readChunkBytes, ...(signal === undefined ? {} : { signal }) })
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { sha256: hash.digest('hex') as Sha256, sizeBytes }
}
