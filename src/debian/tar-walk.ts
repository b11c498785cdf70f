/**
 * The entries of a tar file, in the dialects that dpkg unpacks: V7, ustar, and GNU with its long names.
 *
 * Nothing is unpacked; names are checked and handed on, and the content only of what is asked for.
 */
import { AshlarError } from '../common/errors.ts'
import type { ByteFeed, Walk } from './byte-walk.ts'

export interface TarEntry {
  /**
   * Relative, without `./`, double slashes or a slash at the end; empty for the root. As its bytes, one character for
   * each (latin1): a path need not be UTF-8, and so two that differ stay different, and JavaScript sorts them by bytes.
   */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'other'
  readonly size: number
}

export interface TarOptions {
  readonly maximumEntries: number
  /** Sees each entry in its order; says whether `onContent` should get its content, all in one piece. */
  readonly onEntry: (entry: TarEntry) => boolean
  readonly onContent: (entry: TarEntry, content: Buffer) => void
  readonly origin: string
}

const blockBytes = 512
const zeros = Buffer.alloc(16_384)
/** PATH_MAX of Linux. */
const maximumPathBytes = 4096
const kinds = new Map<string, TarEntry['kind']>([
  ['\0', 'file'],
  ['0', 'file'],
  ['7', 'file'],
  ['5', 'directory'],
  ['1', 'other'],
  ['2', 'other'],
  ['3', 'other'],
  ['4', 'other'],
  ['6', 'other'],
])

/** Walks through a whole tar file. @throws AshlarError `package-invalid`; `too-large` for too many entries. */
export function tarWalk(options: TarOptions): (feed: ByteFeed) => Walk<void> {
  const { origin } = options
  return function* walk(feed) {
    let longName: Buffer | undefined
    for (let entries = 0; !(yield* feed.atEnd());) {
      const header = yield* feed.take(blockBytes)
      if (header[0] === 0 && isZero(header)) {
        yield* expectZeros(feed, origin)
        break
      }
      checkSum(header, origin)
      entries += 1
      if (entries > options.maximumEntries) {
        throw new AshlarError('too-large', `${origin} has more than ${options.maximumEntries} entries.`)
      }
      const size = parseSize(header, origin)
      const type = header.toString('latin1', 156, 157)
      if (type === 'L' || type === 'K') {
        if (size > maximumPathBytes) throw invalid(origin, `it has a name of more than ${maximumPathBytes} bytes`)
        const content = Buffer.from(yield* feed.take(size))
        yield* feed.skip(paddingOf(size))
        if (type === 'L') longName = content
        continue
      }
      const entry = parseEntry(header, longName, type, size, origin)
      longName = undefined
      if (options.onEntry(entry)) options.onContent(entry, yield* feed.take(size))
      else yield* feed.skip(size)
      yield* feed.skip(paddingOf(size))
    }
  }
}

function parseEntry(
  header: Buffer,
  longName: Buffer | undefined,
  type: string,
  size: number,
  origin: string,
): TarEntry {
  const name = longName === undefined ? shortName(header) : withoutFinalNul(longName)
  const path = cleanPath(name, origin)
  const kind = kinds.get(type)
  if (kind === undefined) {
    const known = type === 'x' || type === 'g' ? 'a PAX header, which dpkg does not unpack' : `an entry of type ${type}`
    throw invalid(origin, `${path === '' ? 'it' : readable(path)} is ${known}`)
  }
  if (kind !== 'file' && size !== 0) throw invalid(origin, `${readable(path)} has content although it is not a file`)
  // V7 tar has no type for directories but a slash at the end of their names.
  return { path, kind: kind === 'file' && name.at(-1) === 0x2f ? 'directory' : kind, size }
}

/** The name of the header's own fields; `prefix` is part of it in POSIX ustar, not in GNU's dialect. */
function shortName(header: Buffer): Buffer {
  const name = untilNul(header.subarray(0, 100))
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? untilNul(header.subarray(345, 500)) : ''
  return prefix.length === 0 ? name : Buffer.concat([Buffer.from(prefix), Buffer.from('/'), name])
}

/**
 * @throws AshlarError `package-invalid` for names that could lead elsewhere, or that an index of lines cannot hold.
 */
function cleanPath(name: Buffer, origin: string): string {
  const text = name.toString('latin1')
  if (/[\0\n]/.test(text)) throw invalid(origin, `${JSON.stringify(readable(text))} has a NUL or a newline in its name`)
  if (text === '') throw invalid(origin, 'an entry has no name')
  if (text.startsWith('/')) throw invalid(origin, `${readable(text)} is an absolute path`)
  const plain = text.startsWith('./') ? text.slice(2) : text
  if (!/(^|\/)(\.{0,2})(\/|$)/.test(plain)) return plain
  const segments = plain.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..')) throw invalid(origin, `${readable(text)} leads out of its directory`)
  return segments.join('/')
}

/** A path as people read it. */
function readable(path: string): string {
  return Buffer.from(path, 'latin1').toString('utf8')
}

function checkSum(header: Buffer, origin: string): void {
  let sum = 8 * 0x20
  for (let i = 0; i < blockBytes; i += 1) if (i < 148 || i >= 156) sum += header[i] ?? 0
  const stored = /^ *([0-7]+)[\0 ]*$/.exec(header.toString('latin1', 148, 156))?.[1] ?? ''
  if (Number.parseInt(stored, 8) !== sum) throw invalid(origin, 'the checksum of an entry is wrong')
}

/** Octal digits, or GNU's binary form for 8 GiB and more, marked by the highest bit. */
function parseSize(header: Buffer, origin: string): number {
  if (header[124] === 0x80) {
    const size = header.readBigUInt64BE(128)
    if (header.readUIntBE(125, 3) === 0 && size <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(size)
  }
  const digits = /^ *([0-7]+)[\0 ]*$/.exec(header.toString('latin1', 124, 136))?.[1]
  if (digits === undefined) throw invalid(origin, 'the size of an entry is not a number')
  return Number.parseInt(digits, 8)
}

function* expectZeros(feed: ByteFeed, origin: string): Walk<void> {
  while (!(yield* feed.atEnd())) {
    if (!isZero(yield* feed.some(Infinity))) throw invalid(origin, 'it has something after its end')
  }
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length)
    if (!part.equals(zeros.subarray(0, part.length))) return false
  }
  return true
}

function paddingOf(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes
}

function untilNul(field: Buffer): Buffer {
  const end = field.indexOf(0)
  return end === -1 ? field : field.subarray(0, end)
}

function withoutFinalNul(name: Buffer): Buffer {
  return name.at(-1) === 0 ? name.subarray(0, -1) : name
}

function invalid(origin: string, what: string): AshlarError {
  return new AshlarError('package-invalid', `${origin} is not a good tar file: ${what}.`)
}
