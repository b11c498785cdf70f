/**
 * Decompression that cannot be abused: the output, the window or dictionary, and therefore memory are bounded; what is
 * cut short, damaged, or followed by something else is refused.
 */
import { pipeline } from 'node:stream/promises'
import { constants, crc32, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { xz } from '@napi-rs/lzma'
import { AshlarError } from '../common/errors.ts'
import { ByteWalker } from './byte-walk.ts'
import { xzWalk } from './xz-walk.ts'
import type { XzSummary } from './xz-walk.ts'

export const compressions = ['none', 'gz', 'xz', 'zst'] as const
export type Compression = (typeof compressions)[number]

export interface DecompressOptions {
  /** More output than this is refused. */
  readonly maximumOutputBytes: number
  /** Largest dictionary of an .xz; default 64 MiB, which is that of `xz -9`. */
  readonly maximumDictionaryBytes?: number
  /** Largest window of a .zst, as its logarithm to base 2; default 27, which is the standard decoder's limit. */
  readonly maximumWindowLog?: number
  /** What is read, for messages: `data.tar.xz of hello.deb`. */
  readonly origin: string
}

const defaultDictionaryBytes = 64 * 2 ** 20
const defaultWindowLog = 27

/** The compression that the ending of a file name tells, or undefined for one that is not supported (`bz2`, `lzma`). */
export function compressionOf(suffix: string): Compression | undefined {
  if (suffix === '') return 'none'
  return compressions.find((compression) => compression !== 'none' && `.${compression}` === suffix)
}

/**
 * The decompressed bytes of a stream, in chunks of at most some hundred KiB, with back-pressure. The decoders work
 * outside the calling thread.
 *
 * @throws AshlarError `package-invalid` for bad data, `too-large` for a limit that is passed.
 */
export async function* decompress(
  source: AsyncIterable<Buffer>,
  compression: Compression,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  let outputBytes = 0
  for await (const chunk of decoded(source, compression, options)) {
    outputBytes += chunk.length
    if (outputBytes > options.maximumOutputBytes) throw tooMuch(options)
    yield chunk
  }
}

/**
 * The decompressed bytes of a small file at once, in the calling thread, which for a few KiB is ten times cheaper.
 * Undefined if the output is over `maximumOutputBytes`.
 *
 * @throws AshlarError as {@link decompress}.
 */
export function decompressSmall(
  bytes: Buffer,
  compression: Compression,
  options: DecompressOptions,
): Buffer | undefined {
  try {
    if (compression === 'none') return bytes.length > options.maximumOutputBytes ? undefined : bytes
    if (compression === 'xz') return decodeSmallXz(bytes, options)
    const zlibOptions = {
      maxOutputLength: options.maximumOutputBytes,
      info: true,
      ...windowLimit(compression, options),
    }
    const decode = compression === 'gz' ? gunzipSync : zstdDecompressSync
    // With `info` the result is `{buffer, engine}`, which the type definitions do not know.
    const result = decode(bytes, zlibOptions) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (result.engine.bytesWritten !== bytes.length) throw trailing(options)
    return result.buffer
  } catch (error) {
    if (hasCode(error, 'ERR_BUFFER_TOO_LARGE')) return undefined
    throw zlibRefusal(error, compression, options)
  }
}

function decoded(
  source: AsyncIterable<Buffer>,
  compression: Compression,
  options: DecompressOptions,
): AsyncIterable<Buffer> {
  if (compression === 'none') return source
  return compression === 'xz' ? decodedXz(source, options) : decodedZlib(source, compression, options)
}

async function* decodedZlib(
  source: AsyncIterable<Buffer>,
  compression: 'gz' | 'zst',
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const engine = compression === 'gz' ? createGunzip() : createZstdDecompress(windowLimit(compression, options))
  let inputBytes = 0
  async function* counted(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of source) {
      inputBytes += chunk.length
      yield chunk
    }
  }
  const written = pipeline(counted, engine)
  // The same error also ends the loop below, which is where it is handled.
  written.catch(() => {})
  try {
    for await (const chunk of engine as AsyncIterable<Buffer>) yield chunk
    await written
    if (engine.bytesWritten !== inputBytes) throw trailing(options)
  } catch (error) {
    throw zlibRefusal(error, compression, options)
  } finally {
    engine.destroy()
    // The source is closed when this settles.
    await written.catch(() => {})
  }
}

async function* decodedXz(
  source: AsyncIterable<Buffer>,
  options: DecompressOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const walker = xzWalker(options.maximumOutputBytes, options)
  let refusal: unknown
  async function* walked(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const chunk of source) {
        walker.push(chunk)
        yield chunk
      }
      walker.end()
    } catch (error) {
      refusal = error
      throw error
    }
  }
  const input = walked()
  const reader = xz.decompressStream(ReadableStream.from(input)).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      // Typed as Buffer, but a plain Uint8Array.
      yield Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  } catch (error) {
    throw refusal ?? damaged(error, 'xz', options)
  } finally {
    await reader.cancel().catch(() => {})
    // The decoder lets go of the source some time later; it is closed here, once it rests.
    await input.return()
  }
}

/** Decodes with a dictionary no larger than the output, since making one of 8 MiB costs more than most control files. */
function decodeSmallXz(bytes: Buffer, options: DecompressOptions): Buffer | undefined {
  const walker = xzWalker(Infinity, options)
  walker.push(bytes)
  const { blocks, outputBytes, firstHeader } = walker.end()
  if (outputBytes > options.maximumOutputBytes) return undefined
  const patched = Buffer.from(bytes)
  if (blocks === 1 && firstHeader !== undefined) {
    const { offset, size, dictionaryAt } = firstHeader
    const enough = Math.max(0, 2 * (Math.ceil(Math.log2(outputBytes + 1)) - 12))
    patched.writeUInt8(Math.min(enough, patched.readUInt8(offset + dictionaryAt)), offset + dictionaryAt)
    patched.writeUInt32LE(crc32(patched.subarray(offset, offset + size - 4)), offset + size - 4)
  }
  try {
    return xz.decompressSync(patched)
  } catch (error) {
    throw damaged(error, 'xz', options)
  }
}

function xzWalker(maximumOutputBytes: number, options: DecompressOptions): ByteWalker<XzSummary> {
  const { maximumDictionaryBytes = defaultDictionaryBytes, origin } = options
  return new ByteWalker(origin, xzWalk({ maximumOutputBytes, maximumDictionaryBytes }, origin))
}

function windowLimit(compression: 'gz' | 'zst', options: DecompressOptions): { params?: Record<number, number> } {
  if (compression === 'gz') return {}
  return { params: { [constants.ZSTD_d_windowLogMax]: options.maximumWindowLog ?? defaultWindowLog } }
}

/** What to throw for an error of zlib; errors of the source, such as those of a disk, are passed on as they are. */
function zlibRefusal(error: unknown, compression: Compression, options: DecompressOptions): unknown {
  if (hasCode(error, 'ZSTD_error_frameParameter_windowTooLarge')) {
    return new AshlarError('too-large', `${options.origin} needs a larger window than is allowed.`)
  }
  // The decoder came to its end, so that the pipeline gave up the source, which had not.
  if (hasCode(error, 'ABORT_ERR')) return trailing(options)
  return hasCode(error, /^(Z_|ZSTD_error_)/) ? damaged(error, compression, options) : error
}

function hasCode(error: unknown, code: string | RegExp): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false
  return typeof code === 'string' ? error.code === code : code.test(error.code)
}

function damaged(error: unknown, compression: Compression, options: DecompressOptions): AshlarError {
  const reason = error instanceof Error ? error.message : String(error)
  return new AshlarError('package-invalid', `${options.origin} is not a good .${compression}: ${reason}.`, {
    cause: error,
  })
}

function trailing(options: DecompressOptions): AshlarError {
  return new AshlarError('package-invalid', `${options.origin} has something after its end.`)
}

function tooMuch(options: DecompressOptions): AshlarError {
  return new AshlarError('too-large', `${options.origin} unpacks to more than ${options.maximumOutputBytes} bytes.`)
}
