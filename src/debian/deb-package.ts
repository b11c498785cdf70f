/**
 * Reading a .deb as deb(5) describes it: what it says of itself and which paths it installs, in bounded memory.
 *
 * A package that dpkg would refuse is refused here; so is one that unpacks to something out of all proportion.
 */
import { AshlarError } from '../common/errors.ts'
import { readAr } from './ar.ts'
import type { ArMember, ByteSource } from './ar.ts'
import { ByteWalker } from './byte-walk.ts'
import { compressionOf, decompress, decompressSmall } from './compression.ts'
import type { Compression } from './compression.ts'
import { parseParagraph } from './deb822.ts'
import type { Paragraph } from './deb822.ts'
import { isArchitecture, isPackageName } from './names.ts'
import { tarWalk } from './tar-walk.ts'
import type { TarOptions } from './tar-walk.ts'
import { parseVersion } from './version.ts'

export interface DebOptions {
  /** The file's name, for messages, and to know a udeb by `.udeb`. */
  readonly fileName: string
  /** Entries of control.tar and of data.tar; default a million. */
  readonly maximumEntries?: number
  /** Uncompressed size of data.tar; default 20 GiB. */
  readonly maximumBytes?: number
  /** Size of the control file; default 1 MiB. */
  readonly maximumControlBytes?: number
  /** All paths together; default 256 MiB. */
  readonly maximumPathsBytes?: number
  readonly signal?: AbortSignal
}

export interface DebPackage {
  readonly kind: 'deb' | 'udeb'
  readonly control: Paragraph
  /** The control file as it stands. */
  readonly controlText: string
  /** What is installed, directories left out: relative paths without `./`, as their bytes (latin1), in their order. */
  readonly paths: readonly string[]
}

const mebibyte = 2 ** 20
/** Compressed members up to this size are read at once and decoded in place, if they unpack to no more than the other. */
const smallMemberBytes = 256 * 1024
const smallTarBytes = 2 * mebibyte
/** control.tar has maintainer scripts and a list of checksums; the largest known are a few MiB. */
const maximumControlTarBytes = 512 * mebibyte
const maximumMembers = 64

/**
 * Reads a whole .deb or .udeb.
 *
 * @throws AshlarError `package-invalid`, `control-invalid` or `too-large`, naming the member and the culprit.
 */
export async function readDeb(source: ByteSource, options: DebOptions): Promise<DebPackage> {
  const buffered = await withBufferedHead(source)
  const { control, data } = await findMembers(buffered, options.fileName)
  const controlText = await readControl(buffered, control, options)
  const paragraph = parseParagraph(controlText, { origin: `The control file of ${options.fileName}` })
  checkControl(paragraph, options.fileName)
  const paths = await readPaths(buffered, data, options)
  const udeb = paragraph.get('Package-Type') === 'udeb' || options.fileName.endsWith('.udeb')
  return { kind: udeb ? 'udeb' : 'deb', control: paragraph, controlText: controlText.toString('utf8'), paths }
}

interface TarMember extends ArMember {
  readonly compression: Compression
}

/** `debian-binary`, `control.tar`, `data.tar`, in this order; members named `_...` may stand between, others after. */
async function findMembers(source: ByteSource, fileName: string): Promise<{ control: TarMember; data: TarMember }> {
  let format: ArMember | undefined
  let control: TarMember | undefined
  let data: TarMember | undefined
  let count = 0
  for await (const member of readAr(source, fileName)) {
    count += 1
    if (count > maximumMembers) throw invalid(fileName, `it has more than ${maximumMembers} members`)
    if (format === undefined) {
      await checkFormat(source, member, fileName)
      format = member
    } else if (data !== undefined) {
      if (/^(debian-binary|(control|data)\.tar.*)$/.test(member.name))
        throw invalid(fileName, `it has ${member.name} twice`)
    } else if (!member.name.startsWith('_')) {
      const wanted = control === undefined ? 'control.tar' : 'data.tar'
      const found = asTar(member, wanted, fileName)
      if (control === undefined) control = found
      else data = found
    }
  }
  if (control === undefined || data === undefined) {
    throw invalid(fileName, `it has no ${control === undefined ? 'control.tar' : 'data.tar'}`)
  }
  return { control, data }
}

async function checkFormat(source: ByteSource, member: ArMember, fileName: string): Promise<void> {
  const content = member.size > 1024 ? Buffer.alloc(0) : await source.read(member.offset, member.size)
  if (member.name !== 'debian-binary' || !/^2\.[0-9]+\n/.test(content.toString('latin1'))) {
    throw invalid(fileName, 'it does not begin with a debian-binary member of format 2')
  }
}

function asTar(member: ArMember, wanted: 'control.tar' | 'data.tar', fileName: string): TarMember {
  if (!member.name.startsWith(wanted)) throw invalid(fileName, `${member.name} stands where ${wanted} should`)
  const compression = compressionOf(member.name.slice(wanted.length))
  if (compression === undefined) {
    throw invalid(fileName, `${member.name} is compressed in a way that is not supported; use xz, zst or gz`)
  }
  return { ...member, compression }
}

async function readControl(source: ByteSource, member: TarMember, options: DebOptions): Promise<Buffer> {
  const maximum = options.maximumControlBytes ?? mebibyte
  let control: Buffer | undefined
  await walkTar(source, member, Math.min(maximumControlTarBytes, options.maximumBytes ?? Infinity), options, {
    onEntry: (entry) => {
      if (entry.path !== 'control') return false
      if (entry.kind !== 'file') throw invalid(options.fileName, 'its control file is not a regular file')
      if (control !== undefined) throw invalid(options.fileName, 'it has more than one control file')
      if (entry.size <= maximum) return true
      throw new AshlarError('too-large', `The control file of ${options.fileName} has more than ${maximum} bytes.`)
    },
    onContent: (_entry, content) => {
      control = Buffer.from(content)
    },
  })
  if (control === undefined) throw invalid(options.fileName, 'it has no control file')
  return control
}

async function readPaths(source: ByteSource, member: TarMember, options: DebOptions): Promise<string[]> {
  const maximumPathsBytes = options.maximumPathsBytes ?? 256 * mebibyte
  const paths: string[] = []
  let pathsBytes = 0
  await walkTar(source, member, options.maximumBytes ?? 20 * 2 ** 30, options, {
    onEntry: (entry) => {
      if (entry.kind === 'directory') return false
      paths.push(entry.path)
      pathsBytes += entry.path.length
      if (pathsBytes <= maximumPathsBytes) return false
      throw new AshlarError('too-large', `The paths in ${options.fileName} have more than ${maximumPathsBytes} bytes.`)
    },
    onContent: () => {},
  })
  return paths.sort()
}

async function walkTar(
  source: ByteSource,
  member: TarMember,
  maximumOutputBytes: number,
  options: DebOptions,
  handlers: Pick<TarOptions, 'onEntry' | 'onContent'>,
): Promise<void> {
  const origin = `${member.name} of ${options.fileName}`
  const { compression } = member
  const maximumEntries = options.maximumEntries ?? 1_000_000
  const walker = new ByteWalker(origin, tarWalk({ ...handlers, maximumEntries, origin }))
  const end = member.offset + member.size
  if (member.size <= smallMemberBytes) {
    const bytes = await source.read(member.offset, member.size)
    const limit = Math.min(smallTarBytes, maximumOutputBytes)
    const tar = decompressSmall(bytes, compression, { maximumOutputBytes: limit, origin })
    if (tar !== undefined) {
      walker.push(tar)
      return walker.end()
    }
  }
  for await (const chunk of decompress(source.stream(member.offset, end), compression, {
    maximumOutputBytes,
    origin,
  })) {
    options.signal?.throwIfAborted()
    walker.push(chunk)
  }
  return walker.end()
}

function checkControl(control: Paragraph, fileName: string): void {
  const name = control.require('Package')
  if (!isPackageName(name)) throw badField(fileName, 'Package', name)
  parseVersion(control.require('Version'))
  const architecture = control.require('Architecture')
  if (!isArchitecture(architecture)) throw badField(fileName, 'Architecture', architecture)
}

/** A source that answers from its first bytes at once, since the headers and most small packages lie there. */
async function withBufferedHead(source: ByteSource): Promise<ByteSource> {
  const head = await source.read(0, Math.min(source.size, smallMemberBytes / 4))
  return {
    size: source.size,
    read: async (offset, length) =>
      offset + length <= head.length ? head.subarray(offset, offset + length) : source.read(offset, length),
    stream: (start, end) => source.stream(start, end),
  }
}

function badField(fileName: string, field: string, value: string): AshlarError {
  return new AshlarError('control-invalid', `${fileName} has ${JSON.stringify(value)} as its ${field}.`)
}

function invalid(fileName: string, what: string): AshlarError {
  return new AshlarError('package-invalid', `${fileName} is not a valid .deb: ${what}.`)
}
