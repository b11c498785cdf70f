/** Sources of bytes that are at hand: an open file, a buffer. */
import type { FileHandle } from 'node:fs/promises'
import { AshlarError } from '../common/errors.ts'
import type { ByteSource } from './ar.ts'

const chunkBytes = 256 * 1024

/**
 * The first `size` bytes of an open file, which stays open; works in any thread.
 *
 * @throws AshlarError `package-invalid`, when reading, if the file has become shorter.
 */
export function fileSource(handle: FileHandle, size: number): ByteSource {
  async function read(offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(length)
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled)
      if (bytesRead === 0) throw new AshlarError('package-invalid', 'The file became shorter while it was read.')
      filled += bytesRead
    }
    return buffer
  }
  async function* stream(start: number, end: number): AsyncGenerator<Buffer, void, undefined> {
    for (let offset = start; offset < end; offset += chunkBytes) {
      yield await read(offset, Math.min(chunkBytes, end - offset))
    }
  }
  return { size, read, stream }
}

/** The bytes of `buffer`. */
export function bufferSource(buffer: Buffer): ByteSource {
  return {
    size: buffer.length,
    read: async (offset, length) => buffer.subarray(offset, offset + length),
    async *stream(start, end) {
      for (let offset = start; offset < end; offset += chunkBytes) {
        yield buffer.subarray(offset, Math.min(offset + chunkBytes, end))
      }
    },
  }
}
