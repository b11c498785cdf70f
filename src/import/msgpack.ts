/** MessagePack (msgpack/spec.md) as Go programs write it: a string may hold any bytes, so strings and bytes are one. */
import { ByteReader } from './byte-reader.ts'

export type Packed = null | boolean | number | Buffer | Packed[] | PackedMap | Extension
export interface PackedMap {
  readonly [key: string]: Packed
}
/** A value of a kind that the writer added, such as a time. */
export class Extension {
  readonly type: number
  readonly bytes: Buffer
  constructor(type: number, bytes: Buffer) {
    this.type = type
    this.bytes = bytes
  }
}

const DEEPEST = 32

/** The value that the bytes begin with. @throws RangeError if they are none */
export function unpack(bytes: Buffer): Packed {
  return read(new ByteReader(bytes), 0)
}

function read(reader: ByteReader, depth: number): Packed {
  if (depth > DEEPEST) throw new RangeError('it is nested too deep')
  const tag = reader.uint8()
  if (tag < 0x80) return tag
  if (tag < 0x90) return map(reader, tag & 0x0f, depth)
  if (tag < 0xa0) return list(reader, tag & 0x0f, depth)
  if (tag < 0xc0) return reader.bytes(tag & 0x1f)
  if (tag >= 0xe0) return tag - 0x100
  switch (tag) {
    case 0xc0:
      return null
    case 0xc2:
    case 0xc3:
      return tag === 0xc3
    case 0xc4:
    case 0xd9:
      return reader.bytes(reader.uintBE(1))
    case 0xc5:
    case 0xda:
      return reader.bytes(reader.uintBE(2))
    case 0xc6:
    case 0xdb:
      return reader.bytes(reader.uintBE(4))
    case 0xc7:
    case 0xc8:
    case 0xc9:
      return extension(reader, reader.uintBE(2 ** (tag - 0xc7)))
    case 0xca:
      return reader.bytes(4).readFloatBE()
    case 0xcb:
      return reader.bytes(8).readDoubleBE()
    case 0xcc:
    case 0xcd:
    case 0xce:
      return reader.uintBE(2 ** (tag - 0xcc))
    case 0xcf:
      return Number(reader.bytes(8).readBigUInt64BE())
    case 0xd0:
    case 0xd1:
    case 0xd2:
      return reader.bytes(2 ** (tag - 0xd0)).readIntBE(0, 2 ** (tag - 0xd0))
    case 0xd3:
      return Number(reader.bytes(8).readBigInt64BE())
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return extension(reader, 2 ** (tag - 0xd4))
    case 0xdc:
      return list(reader, reader.uintBE(2), depth)
    case 0xdd:
      return list(reader, reader.uintBE(4), depth)
    case 0xde:
      return map(reader, reader.uintBE(2), depth)
    case 0xdf:
      return map(reader, reader.uintBE(4), depth)
    default:
      throw new RangeError(`a value begins with the byte ${tag}`)
  }
}

function list(reader: ByteReader, length: number, depth: number): Packed[] {
  const values: Packed[] = []
  for (let i = 0; i < length; i += 1) values.push(read(reader, depth + 1))
  return values
}

function map(reader: ByteReader, length: number, depth: number): PackedMap {
  const values: Record<string, Packed> = Object.create(null) as Record<string, Packed>
  for (let i = 0; i < length; i += 1) {
    const key = read(reader, depth + 1)
    if (!Buffer.isBuffer(key)) throw new RangeError('a name is no string')
    values[key.toString('utf8')] = read(reader, depth + 1)
  }
  return values
}

function extension(reader: ByteReader, length: number): Extension {
  const type = reader.uint8()
  return new Extension(type > 127 ? type - 256 : type, reader.bytes(length))
}
