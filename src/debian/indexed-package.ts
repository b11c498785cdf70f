/** A package as the index of another archive tells of it: what it claims, in the form in which ours list packages. */
import { parseSha256, type Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { listedFiles } from './checksum-list.ts'
import { type Field, formatFields, type Paragraph } from './deb822.ts'
import { canonicalDebName, isArchitecture, isFileName, isPackageName, isPriority, isSection } from './names.ts'
import { parseSourceField } from './source-field.ts'
import { isSafePath } from './upstream-release.ts'
import { versionKey } from './version.ts'

export interface IndexedFile {
  /** The name that a pool gives it. */
  readonly name: string
  readonly sha256: Sha256
  readonly sizeBytes: number
  /** Where it lies below the archive's root. */
  readonly path: string
}

export interface IndexedPackage {
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly versionKey: string
  /** `source` of a source package. */
  readonly architecture: string
  readonly sourceName: string
  readonly sourceVersion: string
  readonly section: string | null
  readonly priority: string | null
  /** As a package that was read has it: without what its place in an archive decides. */
  readonly stanza: string
  /** The .deb, or the .dsc first and then what it lists. */
  readonly files: readonly [IndexedFile, ...IndexedFile[]]
}

/** Those that our own index sets. */
const placedInPackages = new Set([
  'package',
  'filename',
  'size',
  'md5sum',
  'sha256',
  'section',
  'priority',
  'description',
])
const placedInSources = new Set([
  'package',
  'directory',
  'files',
  'checksums-sha1',
  'checksums-sha256',
  'checksums-sha512',
])

/**
 * An entry of a Packages index (dpkg-scanpackages(1)). The stanza keeps all that upstream says, in the order in which
 * ours stand: the facts about the file, then what may be overridden, then the description.
 *
 * @param architectures those that the index may list beside `all`; undefined: every one
 * @throws AshlarError control-invalid if it cannot be listed
 */
export function readPackagesEntry(
  entry: Paragraph,
  kind: 'deb' | 'udeb',
  architectures: ReadonlySet<string> | undefined,
): IndexedPackage {
  const [name, version] = [entry.require('Package'), entry.require('Version')]
  if (!isPackageName(name)) throw invalid(`${JSON.stringify(name.slice(0, 80))} is not a package name`)
  const key = versionKey(version)
  const architecture = entry.require('Architecture')
  const isListed = architecture === 'all' || architectures?.has(architecture) !== false
  if (!isArchitecture(architecture) || !isListed) {
    throw invalid(`${name} has the architecture ${JSON.stringify(architecture.slice(0, 80))}`)
  }
  const source = parseSourceField(entry.get('Source') || undefined, { name, version })
  const [size, sha256] = [sizeOf(entry.require('Size'), name), digestOf(entry.require('SHA256'), name)]
  const [section, priority] = placement(entry, name)
  const own = entry.fields.filter(([field, value]) => value !== '' && !placedInPackages.has(field.toLowerCase()))
  const placed = (field: string): Field[] => {
    const value = entry.get(field)
    return value === undefined || value === '' ? [] : [[field, value]]
  }
  return {
    kind,
    name,
    version,
    versionKey: key,
    architecture,
    sourceName: source.name,
    sourceVersion: source.version,
    section,
    priority,
    stanza: formatFields([
      ['Package', name],
      ...own,
      ['Size', String(size)],
      ...placed('MD5sum'),
      ['SHA256', sha256],
      ...placed('Section'),
      ...placed('Priority'),
      ...placed('Description'),
    ]),
    files: [
      {
        name: canonicalDebName(name, version, architecture, kind),
        sha256,
        sizeBytes: size,
        path: pathOf(entry.require('Filename'), name),
      },
    ],
  }
}

/** An entry of a Sources index. @throws AshlarError control-invalid, upload-inconsistent if it cannot be listed */
export function readSourcesEntry(entry: Paragraph): IndexedPackage {
  const [name, version] = [entry.require('Package'), entry.require('Version')]
  if (!isPackageName(name)) throw invalid(`${JSON.stringify(name.slice(0, 80))} is not a package name`)
  const directory = entry.require('Directory')
  const listed = listedFiles(entry, `The source ${name} ${version}`)
  const files = listed.map((file): IndexedFile => {
    if (!isFileName(file.name)) throw invalid(`${name} lists the file ${JSON.stringify(file.name)}`)
    const { sha256, size: sizeBytes } = file
    // A flat archive has it beside the index.
    return { name: file.name, sha256, sizeBytes, path: pathOf(`${directory}/${file.name}`, name) }
  })
  const dsc = files.find((file) => file.name.endsWith('.dsc'))
  if (dsc === undefined) throw invalid(`the source ${name} ${version} has no .dsc`)
  const [section, priority] = placement(entry, name)
  const own = entry.fields.filter(([field, value]) => value !== '' && !placedInSources.has(field.toLowerCase()))
  return {
    kind: 'dsc',
    name,
    version,
    versionKey: versionKey(version),
    architecture: 'source',
    sourceName: name,
    sourceVersion: version,
    section,
    priority,
    stanza: formatFields([
      ['Package', name],
      ...own,
      ['Files', listed.map((file) => `\n ${file.md5} ${file.size} ${file.name}`).join('')],
      ['Checksums-Sha256', listed.map((file) => `\n ${file.sha256} ${file.size} ${file.name}`).join('')],
    ]),
    files: [dsc, ...files.filter((file) => file !== dsc)],
  }
}

function placement(entry: Paragraph, name: string): [section: string | null, priority: string | null] {
  const [section, priority] = [entry.word('Section'), entry.word('Priority')]
  if (section !== null && !isSection(section)) throw invalid(`${name} has a Section that is none`)
  if (priority !== null && !isPriority(priority)) throw invalid(`${name} has a Priority that is none`)
  return [section, priority]
}

function sizeOf(text: string, name: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw invalid(`${name} has the Size ${JSON.stringify(text.slice(0, 80))}`)
  return Number(text)
}

function digestOf(text: string, name: string): Sha256 {
  const digest = parseSha256(text)
  if (digest === undefined) throw invalid(`${name} has a SHA256 that is none`)
  return digest
}

/** Some archives begin it with `./`. */
function pathOf(text: string, name: string): string {
  const path = text.replace(/^(?:\.\/)+/, '')
  if (!isSafePath(path)) throw invalid(`${name} lies at ${JSON.stringify(text.slice(0, 200))}`)
  return path
}

function invalid(what: string): AshlarError {
  return new AshlarError('control-invalid', `An entry cannot be taken: ${what}.`)
}
