/** What an archive needs to know of a .deb, and its entry in a Packages index. */
import type { Sha256 } from '../common/digest.ts'
import type { DebPackage } from './deb-package.ts'
import { formatFields } from './deb822.ts'
import type { Field, Paragraph } from './deb822.ts'
import { parseSourceField } from './source-field.ts'

/** Facts about the file itself. */
export interface FileFacts {
  /** In bytes. */
  readonly size: number
  /** 32 hexadecimal digits; only tools older than SHA-256 look at it. */
  readonly md5: string
  readonly sha256: Sha256
}

export interface BinaryPackage {
  readonly kind: 'deb' | 'udeb'
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly sourceName: string
  readonly sourceVersion: string
  readonly section: string | null
  readonly priority: string | null
  /** Whether it holds debug symbols that were split off automatically (`-dbgsym`). */
  readonly debugSymbols: boolean
  /** The entry of a Packages index without Filename, without the empty line that ends it. */
  readonly stanza: string
}

/** Fields that an index adds; what a control file says in their place is left out. */
const indexFields = new Set(['filename', 'size', 'md5sum', 'sha1', 'sha256', 'sha512'])
/** Placed by {@link formatStanza}, under exactly these names: {@link renderPackagesEntry} looks for them. */
const placedFields = new Set(['package', 'section', 'priority', 'description'])

/**
 * Describes a package that has been read. The stanza follows dpkg-scanpackages(1): the fields of the control file, then
 * the facts about the file, and the description last.
 *
 * @throws AshlarError `control-invalid` for a Source field that breaks the syntax.
 */
export function describeBinary(deb: Pick<DebPackage, 'kind' | 'control'>, facts: FileFacts): BinaryPackage {
  const { kind, control } = deb
  const [name, version] = [control.require('Package'), control.require('Version')]
  const source = parseSourceField(control.get('Source') || undefined, { name, version })
  const section = control.word('Section')
  return {
    kind,
    name,
    version,
    architecture: control.require('Architecture'),
    sourceName: source.name,
    sourceVersion: source.version,
    section,
    priority: control.word('Priority'),
    debugSymbols: isDebugSymbols(control, name, section),
    stanza: formatStanza(control, facts),
  }
}

/**
 * The whole entry, ended by an empty line, so that entries can be concatenated.
 *
 * @param entry.filename relative to the archive's root: `pool/main/h/hello/hello_2.10-3_amd64.deb`.
 * @param entry.section overrides the package's own, unless null; so does `priority`.
 */
export function renderPackagesEntry(entry: {
  readonly stanza: string
  readonly filename: string
  readonly section: string | null
  readonly priority: string | null
}): string {
  const at = entry.stanza.indexOf('\nSize: ') + 1
  const head = `${entry.stanza.slice(0, at)}Filename: ${entry.filename}\n`
  const overridden = withOverride(entry.stanza.slice(at), 'Section', entry.section)
  return `${head}${withOverride(overridden, 'Priority', entry.priority)}\n`
}

/** Sets a one-line field of an index entry, or adds it at the end. No field is set for null. */
export function withOverride(text: string, field: 'Section' | 'Priority', value: string | null): string {
  if (value === null) return text
  const start = text.startsWith(`${field}: `) ? 0 : text.indexOf(`\n${field}: `) + 1
  if (start === 0 && !text.startsWith(`${field}: `)) return `${text}${field}: ${value}\n`
  return `${text.slice(0, start)}${field}: ${value}${text.slice(text.indexOf('\n', start))}`
}

function formatStanza(control: Paragraph, facts: FileFacts): string {
  const own = control.fields.filter(([name, value]) => {
    const key = name.toLowerCase()
    return value !== '' && !indexFields.has(key) && !placedFields.has(key)
  })
  const placed = (name: string): Field[] => {
    const value = control.get(name)
    return value === undefined || value === '' ? [] : [[name, value]]
  }
  return formatFields([
    ...placed('Package'),
    ...own,
    ['Size', String(facts.size)],
    ['MD5sum', facts.md5],
    ['SHA256', facts.sha256],
    ...placed('Section'),
    ...placed('Priority'),
    ...placed('Description'),
  ])
}

function isDebugSymbols(control: Paragraph, name: string, section: string | null): boolean {
  const marked = control.get('Auto-Built-Package') === 'debug-symbols'
  return marked || (name.endsWith('-dbgsym') && (section === 'debug' || (section ?? '').endsWith('/debug')))
}
