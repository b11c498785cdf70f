/**
 * Pages of a Berkeley DB B-tree (Oracle Berkeley DB, src/dbinc/db_page.h; the layout of versions 9 and 10, which libdb
 * 4 to 18 write), of a machine that keeps the lowest byte first.
 */
import type { FileHandle } from 'node:fs/promises'

export const pageKinds = { innerTree: 3, leaf: 5, overflow: 7, treeMeta: 9, duplicates: 12 } as const

const TREE_MAGIC = 0x053162
const HEADER_BYTES = 26
const DELETED = 0x80
const KIND_KEY = 1
const KIND_DUPLICATES = 2
const KIND_OVERFLOW = 3

/** The first page of a tree. */
export interface TreeMeta {
  readonly pageBytes: number
  readonly lastPage: number
  /** The page where the tree begins. */
  readonly root: number
  /** Whether its values are the places of other trees in the same file. */
  readonly holdsTrees: boolean
}

/** An item of a page: bytes, or where they are. */
export type Item =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'overflow'; readonly page: number; readonly size: number }
  | { readonly kind: 'duplicates'; readonly page: number }

export class BerkeleyPage {
  readonly number: number
  readonly bytes: Buffer

  constructor(number: number, bytes: Buffer) {
    this.number = number
    this.bytes = bytes
    // A page knows which one it is; one that was never written does not.
    if (bytes.readUInt32LE(8) !== number) throw new RangeError(`page ${number} is damaged`)
  }

  get next(): number {
    return this.bytes.readUInt32LE(16)
  }

  get kind(): number {
    return this.bytes.readUInt8(25)
  }

  get count(): number {
    return this.bytes.readUInt16LE(20)
  }

  /** Undefined if it was deleted. */
  item(index: number): Item | undefined {
    const at = this.bytes.readUInt16LE(HEADER_BYTES + 2 * index)
    if (at < HEADER_BYTES + 2 * this.count || at + 4 > this.bytes.length) throw this.damage()
    const kind = this.bytes.readUInt8(at + 2)
    if ((kind & DELETED) !== 0) return undefined
    switch (kind) {
      case KIND_KEY: {
        const size = this.bytes.readUInt16LE(at)
        if (at + 3 + size > this.bytes.length) throw this.damage()
        return { kind: 'bytes', bytes: this.bytes.subarray(at + 3, at + 3 + size) }
      }
      case KIND_DUPLICATES:
        return { kind: 'duplicates', page: this.bytes.readUInt32LE(at + 4) }
      case KIND_OVERFLOW:
        return { kind: 'overflow', page: this.bytes.readUInt32LE(at + 4), size: this.bytes.readUInt32LE(at + 8) }
      default:
        throw this.damage()
    }
  }

  /** The page below that holds the smallest keys, of a page of a tree's inside. */
  firstChild(): number {
    const at = this.bytes.readUInt16LE(HEADER_BYTES)
    if (this.count === 0 || at + 8 > this.bytes.length) throw this.damage()
    return this.bytes.readUInt32LE(at + 4)
  }

  /** The part of a long value that an overflow page has. */
  overflowPart(): Buffer {
    const size = this.bytes.readUInt16LE(22)
    if (HEADER_BYTES + size > this.bytes.length) throw this.damage()
    return this.bytes.subarray(HEADER_BYTES, HEADER_BYTES + size)
  }

  damage(): RangeError {
    return new RangeError(`page ${this.number} is damaged`)
  }
}

/** @throws RangeError if the page does not begin a tree that can be read here */
export function treeMeta(page: Buffer): TreeMeta {
  if (page.length < 92) throw new RangeError('it is cut off')
  if (page.readUInt32BE(12) === TREE_MAGIC) {
    throw new RangeError('it was written by a machine of another byte order; db_dump there and db_load here turn it')
  }
  if (page.readUInt32LE(12) !== TREE_MAGIC || page.readUInt8(25) !== pageKinds.treeMeta) {
    throw new RangeError('it does not begin as a B-tree of Berkeley DB does')
  }
  const version = page.readUInt32LE(16)
  if (version !== 9 && version !== 10) throw new RangeError(`it has the unknown version ${version}`)
  if (page.readUInt8(24) !== 0 || page.readUInt8(26) !== 0) throw new RangeError('it is encrypted or has checksums')
  const pageBytes = page.readUInt32LE(20)
  if (pageBytes < 512 || pageBytes > 65536 || (pageBytes & (pageBytes - 1)) !== 0) {
    throw new RangeError(`its pages have ${pageBytes} bytes`)
  }
  const flags = page.readUInt32LE(48)
  if ((flags & 0x80) !== 0) throw new RangeError('it is compressed')
  return { pageBytes, lastPage: page.readUInt32LE(32), root: page.readUInt32LE(88), holdsTrees: (flags & 0x20) !== 0 }
}

/** @throws RangeError if the file ends before it, or it says that it is another page */
export async function readPage(handle: FileHandle, number: number, pageBytes: number): Promise<BerkeleyPage> {
  const bytes = Buffer.allocUnsafe(pageBytes)
  const { bytesRead } = await handle.read(bytes, 0, pageBytes, number * pageBytes)
  if (bytesRead < pageBytes) throw new RangeError(`page ${number} is missing`)
  return new BerkeleyPage(number, bytes)
}
