/** Reads the numbers and strings of a binary record, one after the other. */
export class ByteReader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** A number in groups of seven bits, the lowest first. @throws RangeError */
  varint(): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 53; factor *= 128) {
      const byte = this.uint8()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new RangeError('a number is out of measure')
  }

  uint8(): number {
    const value = this.#bytes.readUInt8(this.#at)
    this.#at += 1
    return value
  }

  /** Big-endian, of 1 to 6 bytes. */
  uintBE(bytes: number): number {
    const value = this.#bytes.readUIntBE(this.#at, bytes)
    this.#at += bytes
    return value
  }

  /** @throws RangeError if there are not so many */
  bytes(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new RangeError('the end is missing')
    const value = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return value
  }

  /** Bytes with their number before them, as a varint. */
  counted(): Buffer {
    return this.bytes(this.varint())
  }
}
