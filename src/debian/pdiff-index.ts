/**
 * `Packages.diff/Index` and the like: the patches by which a client brings an index that it has up to date, as dak writes
 * it and apt reads it (apt-pkg/acquire-item.cc, pkgAcqDiffIndex).
 */
import { type Sha256, parseSha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { type Paragraph, parseParagraph } from './deb822.ts'

export interface FileDigest {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** One patch, which leads from the index of its name to the next one. */
export interface Pdiff {
  /** As dak names them, after a moment; the file has `.gz` appended. */
  readonly name: string
  /** The index that it is applied to, uncompressed. */
  readonly before: FileDigest
  readonly script: FileDigest
  /** The script, compressed with gzip. */
  readonly download: FileDigest
}

export interface PdiffIndex {
  /** The index that all patches together lead to, uncompressed. */
  readonly current: FileDigest
  /** The oldest first: a client applies all from the one that fits what it has. */
  readonly patches: readonly Pdiff[]
}

/** The directory of an index of patches or of a patch, with a slash at its end; undefined for other paths. */
export function pdiffDirectoryOf(path: string): string | undefined {
  return /^.*\.diff\/(?=[^/]+$)/.exec(path)?.[0]
}

/** The name of a patch made at this time. @example `2026-11-23-0801.27` */
export function pdiffName(seconds: number): string {
  const [date = '', time = ''] = new Date(seconds * 1000).toISOString().split('T')
  return `${date}-${time.slice(0, 2)}${time.slice(3, 5)}.${time.slice(6, 8)}`
}

/** The time of which a patch has its name, in seconds; undefined if it was not named by {@link pdiffName}. */
export function pdiffSeconds(name: string): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)\.(\d\d)$/.exec(name)
  if (parts === null) return undefined
  const milliseconds = Date.parse(`${parts[1]}T${parts[2]}:${parts[3]}:${parts[4]}Z`)
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000
}

/** Of the hashes only SHA-256: apt asks for the strongest. Without `Download` it would take the whole index. */
export function renderPdiffIndex({ current, patches }: PdiffIndex): string {
  const list = (field: string, line: (patch: Pdiff) => string): string =>
    `SHA256-${field}:\n${patches.map((patch) => ` ${line(patch)}\n`).join('')}`
  return [
    `SHA256-Current: ${current.sha256} ${current.sizeBytes}\n`,
    list('History', ({ name, before }) => `${aligned(before)} ${name}`),
    list('Patches', ({ name, script }) => `${aligned(script)} ${name}`),
    list('Download', ({ name, download }) => `${aligned(download)} ${name}.gz`),
  ].join('')
}

function aligned({ sha256, sizeBytes }: FileDigest): string {
  return `${sha256} ${String(sizeBytes).padStart(7)}`
}

/** @throws AshlarError control-invalid, naming the field */
export function parsePdiffIndex(text: string | Uint8Array, origin = 'The index of patches'): PdiffIndex {
  const paragraph = parseParagraph(text, { origin })
  const history = listIn(paragraph, 'SHA256-History', origin)
  const scripts = new Map(listIn(paragraph, 'SHA256-Patches', origin).map(({ name, digest }) => [name, digest]))
  const downloads = new Map(listIn(paragraph, 'SHA256-Download', origin).map(({ name, digest }) => [name, digest]))
  const patches = history.map(({ name, digest }): Pdiff => {
    const script = scripts.get(name)
    const download = downloads.get(`${name}.gz`)
    if (script === undefined) throw bad(origin, 'SHA256-Patches', `${name} is missing`)
    if (download === undefined) throw bad(origin, 'SHA256-Download', `${name}.gz is missing`)
    return { name, before: digest, script, download }
  })
  return { current: currentOf(paragraph, origin), patches }
}

function currentOf(paragraph: Paragraph, origin: string): FileDigest {
  const [sha256 = '', size = '', ...more] = paragraph.require('SHA256-Current').split(/[ \t]+/)
  if (more.length > 0) throw bad(origin, 'SHA256-Current', 'it has more than two words')
  return digestOf(sha256, size, 'SHA256-Current', origin)
}

function listIn(paragraph: Paragraph, field: string, origin: string): { name: string; digest: FileDigest }[] {
  const [first, ...lines] = (paragraph.get(field) ?? '').split('\n')
  if (first !== '') throw bad(origin, field, 'it has text on its first line')
  return lines.map((line) => {
    const [sha256 = '', size = '', name, ...more] = line.trim().split(/[ \t]+/)
    if (name === undefined || more.length > 0) throw bad(origin, field, `${JSON.stringify(line)} has not three words`)
    return { name, digest: digestOf(sha256, size, field, origin) }
  })
}

function digestOf(sha256: string, size: string, field: string, origin: string): FileDigest {
  const parsed = parseSha256(sha256)
  if (parsed === undefined) throw bad(origin, field, `${sha256} is not a SHA-256`)
  if (!/^\d{1,15}$/.test(size)) throw bad(origin, field, `${JSON.stringify(size)} is not a size`)
  return { sha256: parsed, sizeBytes: Number(size) }
}

function bad(origin: string, field: string, what: string): AshlarError {
  return new AshlarError('control-invalid', `${origin}, field ${field}: ${what}.`)
}
