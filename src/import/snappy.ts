/** Snappy's block format (google/snappy, format_description.txt), in which LevelDB compresses its blocks. */

/** A block of LevelDB is a few KiB; one value may make it larger. */
const MAXIMUM_BYTES = 256 * 2 ** 20

/** @throws RangeError if the bytes are no such block */
export function unsnappy(input: Buffer): Buffer {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    const byte = input[at++]
    if (byte === undefined || shift > 28) throw new RangeError('the length is cut off')
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (size > MAXIMUM_BYTES) throw new RangeError('the length is out of measure')
  const output = Buffer.allocUnsafe(size)
  let end = 0
  while (at < input.length) {
    const tag = input.readUInt8(at++)
    const kind = tag & 3
    if (kind === 0) {
      let length = tag >>> 2
      if (length >= 60) {
        const bytes = length - 59
        length = input.readUIntLE(at, bytes)
        at += bytes
      }
      length += 1
      if (at + length > input.length || end + length > size) throw new RangeError('a literal is too long')
      input.copy(output, end, at, at + length)
      at += length
      end += length
      continue
    }
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    let offset: number
    if (kind === 1) offset = ((tag >>> 5) << 8) | input.readUInt8(at++)
    else if (kind === 2) offset = input.readUInt16LE(at)
    else offset = input.readUInt32LE(at)
    at += kind === 1 ? 0 : kind === 2 ? 2 : 4
    if (offset === 0 || offset > end || end + length > size) throw new RangeError('a copy reaches too far')
    // What is copied may be written by the very copy: byte by byte.
    for (let i = 0; i < length; i += 1, end += 1) output[end] = output[end - offset] ?? 0
  }
  if (end !== size) throw new RangeError('the end is missing')
  return output
}
