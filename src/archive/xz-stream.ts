/**
 * xz streams of many blocks (The .xz File Format 1.2.1), so that an index is put together from blocks that were
 * compressed once. apt reads one stream of many blocks; it does not read several streams one after the other.
 */
import { crc32 } from 'node:zlib'
import { Lzma2Compressor } from '@napi-rs/lzma'

/** What the index of a stream says of a block. */
export interface XzBlockSize {
  /** "Unpadded Size": the block without its padding. */
  readonly unpadded: number
  readonly uncompressed: number
}

export interface XzBlock extends XzBlockSize {
  /** The block with header, padding and check. */
  readonly bytes: Buffer
}

/**
 * Little is gained by a dictionary as long as the longest chunk (0.03 % of size), and an encoder's memory grows with it.
 */
const DICTIONARY_BYTES = 256 * 1024
/** "Dictionary Flags" of 256 KiB (5.3.1): an even number 2n means 2^(n+12). */
const DICTIONARY_FLAGS = 12
/** Stream Flags (2.1.1.2): every block is checked by a CRC32. */
const STREAM_FLAGS = Buffer.from([0x00, 0x01])
const HEADER_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
const FOOTER_MAGIC = Buffer.from('YZ', 'latin1')

/** The header that every stream of ours starts with. */
export const xzStreamHeader: Buffer = Buffer.concat([HEADER_MAGIC, STREAM_FLAGS, checksum(STREAM_FLAGS)])

/** Block Header (3.1): its size, one filter, no sizes, LZMA2 (0x21) with one byte of properties, padding. */
const blockHeader: Buffer = withChecksum(Buffer.from([0x02, 0x00, 0x21, 0x01, DICTIONARY_FLAGS, 0x00, 0x00, 0x00]))

/** Compresses text into one block, as `xz -6` does. Most of the work happens off the calling thread. */
export async function compressXzBlock(text: Buffer): Promise<XzBlock> {
  const compressor = new Lzma2Compressor({ preset: 6, dictSize: DICTIONARY_BYTES })
  const packed = Buffer.concat([compressor.update(text), await compressor.finish()])
  const unpadded = blockHeader.length + packed.length + 4
  const padding = Buffer.alloc((4 - (packed.length % 4)) % 4)
  return {
    bytes: Buffer.concat([blockHeader, packed, padding, checksum(text)]),
    unpadded,
    uncompressed: text.length,
  }
}

/** What follows the last block of a stream: the index of its blocks and the footer. */
export function xzStreamEnd(blocks: readonly XzBlockSize[]): Buffer {
  const records = blocks.flatMap((block) => [variableInteger(block.unpadded), variableInteger(block.uncompressed)])
  const list = Buffer.concat([Buffer.from([0x00]), variableInteger(blocks.length), ...records])
  const index = withChecksum(Buffer.concat([list, Buffer.alloc((4 - (list.length % 4)) % 4)]))
  const backwardSize = Buffer.alloc(4)
  backwardSize.writeUInt32LE(index.length / 4 - 1)
  const footer = Buffer.concat([backwardSize, STREAM_FLAGS])
  return Buffer.concat([index, checksum(footer), footer, FOOTER_MAGIC])
}

/** A multibyte integer (1.2): seven bits a byte, the lowest first. */
function variableInteger(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(bytes))
  return sum
}

function withChecksum(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, checksum(bytes)])
}
