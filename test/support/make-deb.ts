/** Tiny but real packages for tests, examples and benchmarks, made without any tool of Debian. */
import { createHash } from 'node:crypto'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { xz } from '@napi-rs/lzma'
import { writeAr } from '../../src/debian/ar.ts'

export interface DebRecipe {
  readonly name: string
  readonly version: string
  /** Default `all`. */
  readonly architecture?: string
  readonly depends?: string
  readonly section?: string
  readonly priority?: string
  /** The Source field: `name` or `name (version)`. */
  readonly source?: string
  /** Path without a leading `./` -> content. Default: one small file below usr/share/doc. */
  readonly files?: Readonly<Record<string, string | Buffer>>
  /** What the bytes of paths are; `latin1` for paths that are not UTF-8. Default `utf8`. */
  readonly pathEncoding?: 'utf8' | 'latin1'
  /** Default `none`. */
  readonly compression?: 'none' | 'gz' | 'xz' | 'zst'
  /** The Description field: its short line, then lines that each begin with a blank. */
  readonly description?: string
  /** More lines of the control file, each ended by a newline. */
  readonly extraControl?: string
  /** The whole control file, in place of what is said above. */
  readonly control?: string
}

/** A .deb that dpkg-deb accepts; equal recipes give equal bytes. */
export function makeDeb(recipe: DebRecipe): Buffer {
  const files = recipe.files ?? { [`usr/share/doc/${recipe.name}/copyright`]: `${recipe.name} ${recipe.version}\n` }
  const compression = recipe.compression ?? 'none'
  const suffix = compression === 'none' ? '' : `.${compression}`
  return writeAr([
    ['debian-binary', Buffer.from('2.0\n')],
    [`control.tar${suffix}`, compress(makeTar({ control: controlOf(recipe) }), compression)],
    [`data.tar${suffix}`, compress(makeTar(files, './', recipe.pathEncoding), compression)],
  ])
}

/** A 3.0 (native) source package, unsigned: the .dsc and its tarball by their file names. */
export function makeSource(recipe: {
  readonly name: string
  readonly version: string
  readonly files?: Readonly<Record<string, string | Buffer>>
}): Record<string, Buffer> {
  const { name, version } = recipe
  const upstream = version.slice(version.indexOf(':') + 1)
  const top = `${name}-${upstream}`
  const files = Object.entries(recipe.files ?? { 'debian/source/format': '3.0 (native)\n', README: `${name}\n` }).map(
    ([path, content]) => [`${top}/${path}`, content],
  )
  const tarball = gzipSync(makeTar(Object.fromEntries(files), ''))
  const tarballName = `${name}_${upstream}.tar.gz`
  const dsc = [
    'Format: 3.0 (native)',
    `Source: ${name}`,
    `Binary: ${name}`,
    'Architecture: all',
    `Version: ${version}`,
    'Maintainer: Ashlar Tests <tests@example.org>',
    'Standards-Version: 4.6.2',
    'Build-Depends: debhelper-compat (= 13)',
    'Package-List:',
    ` ${name} deb misc optional arch=all`,
    'Checksums-Sha256:',
    ` ${digest('sha256', tarball)} ${tarball.length} ${tarballName}`,
    'Files:',
    ` ${digest('md5', tarball)} ${tarball.length} ${tarballName}`,
    '',
  ].join('\n')
  return { [`${name}_${upstream}.dsc`]: Buffer.from(dsc), [tarballName]: tarball }
}

/** A tar file of these files and the directories above them, the root included. @param root what paths begin with. */
export function makeTar(
  files: Readonly<Record<string, string | Buffer>>,
  root = './',
  encoding: 'utf8' | 'latin1' = 'utf8',
): Buffer {
  const blocks: Buffer[] = root === '' ? [] : [tarHeader(root, 0, '5')]
  const seen = new Set<string>()
  for (const [path, content] of Object.entries(files)) {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const directory = path.slice(0, slash + 1)
      if (!seen.has(directory)) blocks.push(tarHeader(root + directory, 0, '5', encoding))
      seen.add(directory)
    }
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    blocks.push(tarHeader(root + path, bytes.length, '0', encoding), bytes, Buffer.alloc(-bytes.length & 511))
  }
  blocks.push(Buffer.alloc(1024))
  return Buffer.concat(blocks)
}

/** The header of one entry, preceded by a GNU long name where the name needs it. */
export function tarHeader(path: string, size: number, type: string, encoding: BufferEncoding = 'utf8'): Buffer {
  const name = Buffer.from(path, encoding)
  const header = Buffer.alloc(512)
  name.copy(header, 0, 0, 100)
  header.write(type === '5' ? '0000755\0' : '0000644\0', 100, 'latin1')
  header.write('0000000\x000000000\0', 108, 'latin1')
  header.write(`${size.toString(8).padStart(11, '0')}\x0000000000000\0        ${type}`, 124, 'latin1')
  header.write('ustar  \0', 257, 'latin1')
  let sum = 0
  for (const byte of header) sum += byte
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  if (name.length <= 100) return header
  const long = Buffer.alloc((name.length + 512) & ~511)
  name.copy(long)
  return Buffer.concat([tarHeader('././@LongLink', name.length + 1, 'L'), long, header])
}

function controlOf(recipe: DebRecipe): string {
  if (recipe.control !== undefined) return recipe.control
  const { name, version, architecture = 'all', section = 'misc', priority = 'optional', extraControl = '' } = recipe
  const description = recipe.description ?? `package ${name}\n A package that exists for a test.`
  const source = recipe.source === undefined ? '' : `Source: ${recipe.source}\n`
  const depends = recipe.depends === undefined ? '' : `Depends: ${recipe.depends}\n`
  return (
    `Package: ${name}\n${source}Version: ${version}\nArchitecture: ${architecture}\n` +
    `Maintainer: Ashlar Tests <tests@example.org>\n${depends}Section: ${section}\nPriority: ${priority}\n${extraControl}` +
    `Description: ${description}\n`
  )
}

function compress(bytes: Buffer, compression: 'none' | 'gz' | 'xz' | 'zst'): Buffer {
  if (compression === 'none') return bytes
  if (compression === 'gz') return gzipSync(bytes, { level: 1 })
  return compression === 'xz' ? xz.compressSync(bytes) : zstdCompressSync(bytes)
}

function digest(algorithm: 'md5' | 'sha256', bytes: Buffer): string {
  return createHash(algorithm).update(bytes).digest('hex')
}
