/** What an archive needs to know of a source package, and its entry in a Sources index. */
import { createHash } from 'node:crypto'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { withOverride } from './binary-package.ts'
import { listedFiles } from './checksum-list.ts'
import type { ListedFile } from './checksum-list.ts'
import { stripClearsign } from './clearsign.ts'
import { formatFields, parseParagraph } from './deb822.ts'
import type { Field, Paragraph } from './deb822.ts'
import { isArchitectureWord, isFileName, isPackageName } from './names.ts'
import { parseVersion } from './version.ts'

export interface SourcePackage {
  readonly name: string
  readonly version: string
  /** The Architecture field's words, wildcards included. */
  readonly architectures: readonly string[]
  /** Names of the binary packages that it builds. */
  readonly binaries: readonly string[]
  /** A .dsc has neither; an archive's overrides may. */
  readonly section: string | null
  readonly priority: string | null
  /** The .dsc itself first, then what it lists. */
  readonly files: readonly ListedFile[]
  /** The entry of a Sources index without Directory, without the empty line that ends it. */
  readonly stanza: string
}

const formats = new Set(['1.0', '3.0 (native)', '3.0 (quilt)'])
const maximumBytes = 16 * 2 ** 20
/** Fields that the entry has in another form, or at its end. */
const replacedFields = new Set(
  [
    'Source',
    'Package',
    'Directory',
    'Files',
    'Checksums-Md5',
    'Checksums-Sha1',
    'Checksums-Sha256',
    'Checksums-Sha512',
  ].map((name) => name.toLowerCase()),
)

/**
 * Reads a .dsc (dsc(5), Debian Policy 5.4). A signature around it is taken off, not verified.
 *
 * @param fileName the name under which the archive will have it.
 * @throws AshlarError `control-invalid`, `upload-inconsistent`, `signature-invalid` or `too-large`.
 */
export function readSource(dsc: Buffer, fileName: string): SourcePackage {
  if (dsc.length > maximumBytes) throw new AshlarError('too-large', `${fileName} has more than ${maximumBytes} bytes.`)
  if (!isFileName(fileName) || !fileName.endsWith('.dsc')) {
    throw new AshlarError('control-invalid', `${JSON.stringify(fileName)} is not the name of a .dsc.`)
  }
  const paragraph = parseSigned(dsc, fileName)
  const format = paragraph.get('Format') ?? '1.0'
  if (!formats.has(format)) {
    const known = [...formats].join(', ')
    throw new AshlarError('control-invalid', `${fileName} has the format ${format}; known are ${known}.`)
  }
  const name = paragraph.require('Source')
  const version = paragraph.require('Version')
  if (!isPackageName(name)) throw new AshlarError('control-invalid', `${fileName}: ${name} is not a package name.`)
  parseVersion(version)
  const files = [describeFile(dsc, fileName), ...checkedFiles(paragraph, name, fileName)]
  return {
    name,
    version,
    architectures: architecturesOf(paragraph, fileName),
    binaries: binariesOf(paragraph, fileName),
    section: paragraph.word('Section'),
    priority: paragraph.word('Priority'),
    files,
    stanza: formatStanza(paragraph, name, files),
  }
}

/**
 * The whole entry, ended by an empty line, so that entries can be concatenated.
 *
 * @param entry.directory relative to the archive's root: `pool/main/h/hello`.
 */
export function renderSourcesEntry(entry: {
  readonly stanza: string
  readonly directory: string
  readonly section: string | null
  readonly priority: string | null
}): string {
  const text = withOverride(entry.stanza, 'Section', entry.section)
  return `${withOverride(text, 'Priority', entry.priority)}Directory: ${entry.directory}\n\n`
}

/** The one paragraph of a .dsc or .changes, signed or not. @throws AshlarError for what is not well-formed. */
export function parseSigned(bytes: Buffer, fileName: string): Paragraph {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new AshlarError('control-invalid', `${fileName} is not UTF-8.`)
  }
  return parseParagraph(stripClearsign(text, fileName).text, { origin: fileName })
}

function checkedFiles(paragraph: Paragraph, name: string, fileName: string): ListedFile[] {
  const files = listedFiles(paragraph, fileName)
  for (const file of files) {
    if (file.name.startsWith(`${name}_`) && !file.name.endsWith('.dsc')) continue
    throw new AshlarError('control-invalid', `${fileName} lists ${file.name}, which is not a part of ${name}.`)
  }
  if (files.some((file) => /\.tar\.[a-z0-9]+$/.test(file.name))) return files
  throw new AshlarError('control-invalid', `${fileName} lists no tarball.`)
}

function describeFile(bytes: Buffer, name: string): ListedFile {
  const sha256 = createHash('sha256').update(bytes).digest('hex') as Sha256
  return { name, size: bytes.length, sha256, md5: createHash('md5').update(bytes).digest('hex') }
}

function architecturesOf(paragraph: Paragraph, fileName: string): string[] {
  const words = paragraph.require('Architecture').split(/\s+/)
  const wrong = words.find((word) => !isArchitectureWord(word))
  if (wrong === undefined) return words
  throw new AshlarError('control-invalid', `${fileName}: ${JSON.stringify(wrong)} is not an architecture.`)
}

function binariesOf(paragraph: Paragraph, fileName: string): string[] {
  const names = (paragraph.get('Binary') ?? '').split(/[\s,]+/).filter((name) => name !== '')
  const wrong = names.find((name) => !isPackageName(name))
  if (wrong === undefined) return names
  throw new AshlarError('control-invalid', `${fileName}: ${JSON.stringify(wrong)} is not a package name.`)
}

function formatStanza(paragraph: Paragraph, name: string, files: readonly ListedFile[]): string {
  const own = paragraph.fields
    .filter(([field, value]) => value !== '' && !replacedFields.has(field.toLowerCase()))
    .map(([field, value]): Field => [capitalized(field), value])
  return formatFields([
    ['Package', name],
    ...own,
    ['Files', files.map((file) => `\n ${file.md5} ${file.size} ${file.name}`).join('')],
    ['Checksums-Sha256', files.map((file) => `\n ${file.sha256} ${file.size} ${file.name}`).join('')],
  ])
}

/** The names that overrides look for. */
function capitalized(field: string): string {
  const key = field.toLowerCase()
  if (key === 'section') return 'Section'
  return key === 'priority' ? 'Priority' : field
}
