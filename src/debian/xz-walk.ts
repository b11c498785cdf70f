/**
 * The structure of an .xz file, read without decoding it (The .xz File Format 1.2, tukaani.org).
 *
 * The decoder has no limit of its own. But an .xz says in advance what decoding will cost: the header of each block
 * has the size of its dictionary, and the header of each LZMA2 chunk how many bytes come out. So whatever is given to
 * the decoder has passed here first: `maximumDictionaryBytes` bounds its memory, `maximumOutputBytes` its output.
 *
 * Only what dpkg-deb writes is accepted: one stream, LZMA2 without other filters, any number of blocks.
 */
import { crc32 } from 'node:zlib'
import { AshlarError } from '../common/errors.ts'
import type { ByteFeed, Walk } from './byte-walk.ts'

export interface XzLimits {
  readonly maximumDictionaryBytes: number
  readonly maximumOutputBytes: number
}

export interface XzSummary {
  readonly blocks: number
  readonly outputBytes: number
  /** Where the header of the first block begins, and how long it is; undefined when there is no block. */
  readonly firstHeader: { readonly offset: number; readonly size: number; readonly dictionaryAt: number } | undefined
}

const streamHeaderBytes = 12
const lzma2 = 0x21
/** Bytes of the check after each block, by its id (section 2.1.1.2): none, CRC32, CRC64, SHA-256. */
const checkBytes = new Map([
  [0x00, 0],
  [0x01, 4],
  [0x04, 8],
  [0x0a, 32],
])

/** Walks through one .xz stream up to its end. @throws AshlarError `package-invalid`, or `too-large` for a limit. */
export function xzWalk(limits: XzLimits, origin: string): (feed: ByteFeed) => Walk<XzSummary> {
  return function* walk(feed) {
    const check = yield* streamHeader(feed, origin)
    let outputBytes = 0
    let dictionaryBytes = 0
    let blocks = 0
    let firstHeader: XzSummary['firstHeader']
    for (;;) {
      const [sizeByte = 0] = yield* feed.take(1)
      if (sizeByte === 0) break
      const header = parseBlockHeader(Buffer.concat([Buffer.of(sizeByte), yield* feed.take(sizeByte * 4 + 3)]), origin)
      dictionaryBytes += header.dictionaryBytes
      checkDictionary(header.dictionaryBytes, dictionaryBytes, outputBytes, limits, origin)
      if (blocks === 0)
        firstHeader = { offset: streamHeaderBytes, size: header.size, dictionaryAt: header.dictionaryAt }
      blocks += 1
      const block = yield* blockData(feed, limits.maximumOutputBytes - outputBytes, limits, origin)
      outputBytes += block.output
      // A decoder that trusts these sizes must not find other blocks than this walk does.
      if ((header.packed ?? block.packed) !== block.packed || (header.output ?? block.output) !== block.output) {
        throw damaged(origin, 'the header of a block')
      }
      yield* feed.skip(paddingOf(block.packed) + check)
    }
    yield* index(feed, blocks, origin)
    const footer = yield* feed.take(12)
    if (footer.toString('latin1', 10) !== 'YZ') throw damaged(origin, 'its end')
    if (!(yield* feed.atEnd())) throw new AshlarError('package-invalid', `${origin} has something after its end.`)
    return { blocks, outputBytes, firstHeader }
  }
}

/** Skips the chunks of a block; the end mark counts as packed. */
function* blockData(
  feed: ByteFeed,
  maximumOutput: number,
  limits: XzLimits,
  origin: string,
): Walk<{ packed: number; output: number }> {
  let [packed, output] = [1, 0]
  for (;;) {
    const chunk = yield* lzma2Chunk(feed, origin)
    if (chunk === undefined) return { packed, output }
    packed += chunk.packed
    output += chunk.output
    if (output > maximumOutput) {
      throw new AshlarError('too-large', `${origin} unpacks to more than ${limits.maximumOutputBytes} bytes.`)
    }
  }
}

function* streamHeader(feed: ByteFeed, origin: string): Walk<number> {
  const header = yield* feed.take(streamHeaderBytes)
  const check = checkBytes.get(header.readUInt8(7))
  const good =
    header.toString('latin1', 0, 7) === '\xfd7zXZ\0\0' && crc32(header.subarray(6, 8)) === header.readUInt32LE(8)
  if (!good || check === undefined) throw damaged(origin, 'its beginning')
  return check
}

interface BlockHeader {
  readonly size: number
  /** Where in the header the size of the dictionary stands. */
  readonly dictionaryAt: number
  readonly dictionaryBytes: number
  /** Sizes that the header may have. */
  readonly packed: number | undefined
  readonly output: number | undefined
}

/** Section 3.1. */
function parseBlockHeader(header: Buffer, origin: string): BlockHeader {
  const end = header.length - 4
  if (crc32(header.subarray(0, end)) !== header.readUInt32LE(end)) throw damaged(origin, 'the header of a block')
  const flags = header.readUInt8(1)
  let at = 2
  const optionalNumber = (present: number): number | undefined => {
    if (present === 0) return undefined
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = header.readUInt8(Math.min(at, end))
      at += 1
      if (shift > 56 || at > end) throw damaged(origin, 'the header of a block')
      value += (byte % 0x80) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const packed = optionalNumber(flags & 0x40)
  const output = optionalNumber(flags & 0x80)
  if (at + 3 > end || (flags & 0x3f) !== 0 || header[at] !== lzma2 || header[at + 1] !== 1) {
    throw new AshlarError('package-invalid', `${origin} uses a filter other than LZMA2, which .debs do not have.`)
  }
  const bits = header.readUInt8(at + 2)
  if (bits > 40) throw damaged(origin, 'the header of a block')
  const dictionaryBytes = bits === 40 ? 2 ** 32 - 1 : (2 + (bits % 2)) * 2 ** (Math.floor(bits / 2) + 11)
  return { size: header.length, dictionaryAt: at + 2, dictionaryBytes, packed, output }
}

/** Making a dictionary costs time, even if its block is empty: all together may be 64 times the largest or the output. */
function checkDictionary(size: number, total: number, outputBytes: number, limits: XzLimits, origin: string): void {
  const maximum = limits.maximumDictionaryBytes
  if (size > maximum) {
    throw new AshlarError('too-large', `${origin} needs a dictionary of ${size} bytes; at most ${maximum} are allowed.`)
  }
  if (total > 64 * (maximum + outputBytes)) {
    throw new AshlarError('too-large', `${origin} has many small blocks with large dictionaries.`)
  }
}

/** Skips one chunk of LZMA2 data and tells its sizes; undefined for the end mark. */
function* lzma2Chunk(feed: ByteFeed, origin: string): Walk<{ packed: number; output: number } | undefined> {
  const [control = 0] = yield* feed.take(1)
  if (control === 0) return undefined
  if (control >= 0x80) {
    const sizes = yield* feed.take(4)
    const output = ((control % 0x20) << 16) + sizes.readUInt16BE(0) + 1
    const packed = sizes.readUInt16BE(2) + 1 + (control >= 0xc0 ? 1 : 0)
    yield* feed.skip(packed)
    return { packed: packed + 5, output }
  }
  if (control > 2) throw damaged(origin, 'a chunk')
  const size = (yield* feed.take(2)).readUInt16BE(0) + 1
  yield* feed.skip(size)
  return { packed: size + 3, output: size }
}

/** Skips the index (section 4), whose indicator has been read; the number of records must be that of the blocks. */
function* index(feed: ByteFeed, blocks: number, origin: string): Walk<void> {
  let size = 1
  for (let record = -1; record < blocks * 2; record += 1) {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const [byte = 0] = yield* feed.take(1)
      size += 1
      if (shift > 56) throw damaged(origin, 'its index')
      value += (byte % 0x80) * 2 ** shift
      if (byte < 0x80) break
    }
    if (record === -1 && value !== blocks) throw damaged(origin, 'its index')
  }
  yield* feed.skip(paddingOf(size) + 4)
}

/** Blocks and the index are padded to multiples of four. */
function paddingOf(size: number): number {
  return (4 - (size % 4)) % 4
}

function damaged(origin: string, what: string): AshlarError {
  return new AshlarError('package-invalid', `${origin} is not a good .xz: ${what} is damaged.`)
}
