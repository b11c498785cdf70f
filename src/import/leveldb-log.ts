/** LevelDB's log format (google/leveldb, doc/log_format.md): what its journals and manifests are written in. */
import { maskedCrc32c } from './crc32c.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7
const UNWRITTEN_BYTES = 16
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

/**
 * The records of a log. A record at its end that a crash cut short was never acknowledged, and is none; anything else
 * that is not right is damage.
 *
 * @throws RangeError saying at which byte the damage is
 */
export function* readLog(log: Buffer): Generator<Buffer, void, undefined> {
  let pieces: Buffer[] = []
  for (let at = 0; at < log.length;) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < HEADER_BYTES) {
      at += left
      continue
    }
    if (at + HEADER_BYTES > log.length) return
    const length = log.readUInt16LE(at + 4)
    const type = log.readUInt8(at + 6)
    const end = at + HEADER_BYTES + length
    // Space that was reserved and never written.
    if (type === 0 && length === 0 && log.subarray(at).every((byte) => byte === 0)) return
    if (end > log.length && HEADER_BYTES + length <= left) return
    if (HEADER_BYTES + length > left) throw damage(at)
    if (log.readUInt32LE(at) !== maskedCrc32c(log.subarray(at + 6, end))) {
      // A crash may leave room for the last record, and zeros where the rest of it was not written any more.
      if (end === log.length && log.subarray(-UNWRITTEN_BYTES).every((byte) => byte === 0)) return
      throw damage(at)
    }
    const data = log.subarray(at + HEADER_BYTES, end)
    if ((type === FULL || type === FIRST) !== (pieces.length === 0)) throw damage(at)
    if (type < FULL || type > LAST) throw damage(at)
    pieces.push(data)
    if (type === FULL || type === LAST) {
      yield pieces.length === 1 ? data : Buffer.concat(pieces)
      pieces = []
    } else if (type === MIDDLE && pieces.length === 0) {
      throw damage(at)
    }
    at = end
  }
}

function damage(at: number): RangeError {
  return new RangeError(`the record at byte ${at} is damaged`)
}
