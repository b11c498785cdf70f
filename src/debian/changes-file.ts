/** The .changes file that describes an upload (deb-changes(5), Debian Policy 5.5). */
import { AshlarError } from '../common/errors.ts'
import { listedChangesFiles } from './checksum-list.ts'
import type { ChangesFile } from './checksum-list.ts'
import type { Paragraph } from './deb822.ts'
import { isArchitecture, isSuiteName } from './names.ts'
import { parseSourceField } from './source-field.ts'
import { parseSigned } from './source-package.ts'
import { parseVersion } from './version.ts'

export interface Changes {
  readonly sourceName: string
  readonly sourceVersion: string
  /** The version of the upload, which a rebuild of binaries raises without a new source. */
  readonly version: string
  /** The suites for which it is meant. */
  readonly distributions: readonly string[]
  /** `source` among them if there is a .dsc. */
  readonly architectures: readonly string[]
  readonly files: readonly ChangesFile[]
  readonly paragraph: Paragraph
}

const maximumBytes = 16 * 2 ** 20

/**
 * Reads a .changes. A signature around it is taken off, not verified.
 *
 * @throws AshlarError `control-invalid`, `upload-inconsistent`, `signature-invalid` or `too-large`.
 */
export function readChanges(bytes: Buffer, fileName: string): Changes {
  if (bytes.length > maximumBytes)
    throw new AshlarError('too-large', `${fileName} has more than ${maximumBytes} bytes.`)
  const paragraph = parseSigned(bytes, fileName)
  const version = paragraph.require('Version')
  parseVersion(version)
  const source = parseSourceField(paragraph.require('Source'), { name: '', version })
  const distributions = words(paragraph, 'Distribution', isSuiteName, fileName)
  const architectures = words(paragraph, 'Architecture', isUploaded, fileName)
  const files = listedChangesFiles(paragraph, fileName)
  checkFiles(files, architectures, fileName)
  return {
    sourceName: source.name,
    sourceVersion: source.version,
    version,
    distributions,
    architectures,
    files,
    paragraph,
  }
}

function isUploaded(word: string): boolean {
  return word === 'source' || isArchitecture(word)
}

function words(paragraph: Paragraph, field: string, isGood: (word: string) => boolean, fileName: string): string[] {
  const found = paragraph.require(field).split(/\s+/)
  const wrong = found.find((word) => !isGood(word))
  if (wrong === undefined) return found
  throw new AshlarError('control-invalid', `${fileName} has ${JSON.stringify(wrong)} in the field ${field}.`)
}

function checkFiles(files: readonly ChangesFile[], architectures: readonly string[], fileName: string): void {
  const sources = files.filter((file) => file.name.endsWith('.dsc'))
  if (sources.length > 1) throw inconsistent(fileName, 'it lists more than one .dsc')
  if (files.some((file) => file.name.endsWith('.changes'))) throw inconsistent(fileName, 'it lists a .changes')
  if (sources.length === 1 && !architectures.includes('source')) {
    throw inconsistent(fileName, 'it lists a .dsc, but its Architecture does not have source')
  }
  if (sources.length === 0 && architectures.includes('source')) {
    throw inconsistent(fileName, 'its Architecture has source, but it lists no .dsc')
  }
  for (const { name } of files) {
    const architecture = /_([^_]+)\.(?:deb|udeb|ddeb)$/.exec(name)?.[1]
    if (architecture === undefined || architectures.includes(architecture)) continue
    throw inconsistent(fileName, `it lists ${name}, but its Architecture does not have ${architecture}`)
  }
}

function inconsistent(fileName: string, what: string): AshlarError {
  return new AshlarError('upload-inconsistent', `${fileName} contradicts itself: ${what}.`)
}
