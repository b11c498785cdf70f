/** The `ar` archives that .debs are, in the one dialect of deb(5): short names, no symbol table. */
import { AshlarError } from '../common/errors.ts'

/** Where bytes come from: a file, an object in a bucket, a buffer. */
export interface ByteSource {
  readonly size: number
  /** The bytes from `offset` on, exactly `length` of them: callers ask for what lies within `size`. */
  read(offset: number, length: number): Promise<Buffer>
  /** The bytes from `start` up to, not including, `end`, in chunks. */
  stream(start: number, end: number): AsyncIterable<Buffer>
}

export interface ArMember {
  readonly name: string
  /** Where its bytes begin in the archive. */
  readonly offset: number
  readonly size: number
}

const magic = '!<arch>\n'
const headerBytes = 60

/**
 * The members of an archive in their order; a header is read only when it is asked for.
 *
 * @param origin the archive's name, for messages.
 * @throws AshlarError `package-invalid` for anything that deb(5) does not allow.
 */
export async function* readAr(source: ByteSource, origin: string): AsyncGenerator<ArMember, void, undefined> {
  const start = await source.read(0, Math.min(magic.length, source.size))
  if (start.toString('latin1') !== magic) throw invalid(origin, 'it does not begin like an ar archive')
  for (let offset = magic.length; offset < source.size;) {
    if (offset + headerBytes > source.size) throw invalid(origin, 'it ends within the header of a member')
    const member = parseHeader(await source.read(offset, headerBytes), offset + headerBytes, origin)
    const end = member.offset + member.size
    if (end > source.size) throw invalid(origin, `it ends within ${member.name}`)
    yield member
    offset = end + (member.size % 2)
    if (member.size % 2 === 0) continue
    if (end === source.size) throw invalid(origin, `the padding after ${member.name} is missing`)
    const [padding] = await source.read(end, 1)
    if (padding !== 0x0a) throw invalid(origin, `the padding after ${member.name} is not a newline`)
  }
}

function parseHeader(header: Buffer, offset: number, origin: string): ArMember {
  const text = header.toString('latin1')
  const match = /^([A-Za-z0-9._-]{1,16})\/? *$/.exec(text.slice(0, 16))
  const numbers = /^[0-9]* *$/.test(text.slice(16, 28)) && /^[0-9]+ *$/.test(text.slice(48, 58))
  if (match?.[1] === undefined || !numbers || !text.endsWith('`\n')) {
    throw invalid(origin, `the header of a member at byte ${offset - headerBytes} is damaged`)
  }
  return { name: match[1], offset, size: Number(text.slice(48, 58)) }
}

/** An archive of these members, in this order. @param modified seconds since 1970. */
export function writeAr(members: readonly (readonly [name: string, content: Buffer])[], modified = 0): Buffer {
  const parts: Buffer[] = [Buffer.from(magic)]
  for (const [name, content] of members) {
    if (name.length > 16) throw new RangeError(`${name} is too long for a member of an ar archive.`)
    const fields = [
      name.padEnd(16),
      String(modified).padEnd(12),
      '0     0     100644  ',
      String(content.length).padEnd(10),
    ]
    parts.push(Buffer.from(`${fields.join('')}\`\n`), content)
    if (content.length % 2 === 1) parts.push(Buffer.from('\n'))
  }
  return Buffer.concat(parts)
}

function invalid(origin: string, what: string): AshlarError {
  return new AshlarError('package-invalid', `${origin} is not a .deb: ${what}.`)
}
