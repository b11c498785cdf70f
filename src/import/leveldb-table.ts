/** LevelDB's sorted tables (google/leveldb, doc/table_format.md), read block by block. */
import { open, type FileHandle } from 'node:fs/promises'
import { ByteReader } from './byte-reader.ts'
import { maskedCrc32c } from './crc32c.ts'
import { unsnappy } from './snappy.ts'

/** A key with its sequence number, as it was written or deleted. */
export interface Version {
  readonly key: Buffer
  readonly sequence: bigint
  /** Undefined if it was deleted. */
  readonly value: Buffer | undefined
}

const FOOTER_BYTES = 48
const MAGIC = 0xdb4775248b80fb57n
/** Each block is followed by the kind of its compression and a CRC. */
const TRAILER_BYTES = 5

/** The versions in a table from the key `from` on, in the order of keys, newer ones first. @throws RangeError */
export async function* readTable(file: string, from: Buffer): AsyncGenerator<Version, void, undefined> {
  await using handle = await open(file, 'r')
  const { size } = await handle.stat()
  if (size < FOOTER_BYTES) throw new RangeError('the end is missing')
  const footer = await readAt(handle, size - FOOTER_BYTES, FOOTER_BYTES)
  if (footer.readBigUInt64LE(FOOTER_BYTES - 8) !== MAGIC) throw new RangeError('the end is not that of a table')
  const handles = new ByteReader(footer)
  // That of the meta index, which only filters need.
  handleOf(handles)
  const index = await readBlock(handle, handleOf(handles))
  for (const [last, value] of entriesOf(index)) {
    if (userKey(last).compare(from) < 0) continue
    const block = await readBlock(handle, handleOf(new ByteReader(value)))
    for (const [internal, content] of entriesOf(block)) {
      const key = userKey(internal)
      if (key.compare(from) >= 0) yield versionOf(internal, key, content)
    }
  }
}

interface BlockHandle {
  readonly offset: number
  readonly size: number
}

function handleOf(reader: ByteReader): BlockHandle {
  return { offset: reader.varint(), size: reader.varint() }
}

async function readBlock(handle: FileHandle, { offset, size }: BlockHandle): Promise<Buffer> {
  const bytes = await readAt(handle, offset, size + TRAILER_BYTES)
  if (bytes.readUInt32LE(size + 1) !== maskedCrc32c(bytes.subarray(0, size + 1))) {
    throw new RangeError(`the block at byte ${offset} is damaged`)
  }
  const kind = bytes.readUInt8(size)
  const content = bytes.subarray(0, size)
  if (kind === 0) return content
  if (kind === 1) return unsnappy(content)
  throw new RangeError(`the block at byte ${offset} is compressed in a way (${kind}) that is not known`)
}

async function readAt(handle: FileHandle, offset: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size)
  const { bytesRead } = await handle.read(bytes, 0, size, offset)
  if (bytesRead < size) throw new RangeError('the end is missing')
  return bytes
}

/** A key shares its beginning with the one before it. */
function* entriesOf(block: Buffer): Generator<[key: Buffer, value: Buffer], void, undefined> {
  const restarts = block.readUInt32LE(block.length - 4)
  const reader = new ByteReader(block.subarray(0, block.length - 4 * (restarts + 1)))
  let key: Buffer = Buffer.alloc(0)
  while (!reader.done) {
    const shared = reader.varint()
    const own = reader.varint()
    const size = reader.varint()
    if (shared > key.length) throw new RangeError('a key is damaged')
    key = Buffer.concat([key.subarray(0, shared), reader.bytes(own)])
    yield [key, reader.bytes(size)]
  }
}

/** Keys in tables end with eight bytes: sequence number and kind. */
function userKey(internal: Buffer): Buffer {
  if (internal.length < 8) throw new RangeError('a key is damaged')
  return internal.subarray(0, internal.length - 8)
}

function versionOf(internal: Buffer, key: Buffer, value: Buffer): Version {
  const tag = internal.readBigUInt64LE(internal.length - 8)
  return { key, sequence: tag >> 8n, value: (tag & 0xffn) === 1n ? value : undefined }
}
