/** The lists of files in .dsc and .changes: `Files` with MD5, `Checksums-Sha256`; both must tell the same. */
import { parseSha256 } from '../common/digest.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Paragraph } from './deb822.ts'
import { isFileName } from './names.ts'

export interface ListedFile {
  /** A plain file name, no directories. */
  readonly name: string
  readonly size: number
  readonly sha256: Sha256
  readonly md5: string
}

export interface ChangesFile extends ListedFile {
  readonly section: string
  readonly priority: string
}

/**
 * The files of a .dsc (Debian Policy 5.6.21 and 5.6.24), in the order of `Files`.
 *
 * @throws AshlarError `control-invalid` for bad lines, names that are paths, duplicates; `upload-inconsistent` if the
 *   lists disagree.
 */
export function listedFiles(paragraph: Paragraph, origin: string): ListedFile[] {
  return readLists(paragraph, 3, origin).map(({ name, size, sha256, md5 }) => ({ name, size, sha256, md5 }))
}

/** The files of a .changes, whose `Files` has section and priority too. @throws AshlarError as {@link listedFiles}. */
export function listedChangesFiles(paragraph: Paragraph, origin: string): ChangesFile[] {
  return readLists(paragraph, 5, origin).map(({ name, size, sha256, md5, rest: [section = '-', priority = '-'] }) => {
    return { name, size, sha256, md5, section, priority }
  })
}

function readLists(paragraph: Paragraph, words: 3 | 5, origin: string): (ListedFile & { rest: string[] })[] {
  const digests = new Map<string, { size: number; sha256: Sha256 }>()
  for (const [digest = '', sizeText = '', name = ''] of linesOf(paragraph, 'Checksums-Sha256', 3, origin)) {
    const sha256 = parseSha256(digest)
    if (sha256 === undefined) throw bad(origin, 'Checksums-Sha256', `${digest} is not a SHA-256`)
    if (digests.has(name)) throw bad(origin, 'Checksums-Sha256', `${name} occurs twice`)
    digests.set(name, { size: sizeOf(sizeText, 'Checksums-Sha256', origin), sha256 })
  }
  const seen = new Set<string>()
  const files = linesOf(paragraph, 'Files', words, origin).map(([md5 = '', sizeText = '', ...rest]) => {
    const name = rest.pop() ?? ''
    if (!isFileName(name)) throw bad(origin, 'Files', `${JSON.stringify(name)} is not a plain file name`)
    if (seen.has(name)) throw bad(origin, 'Files', `${name} occurs twice`)
    seen.add(name)
    if (!/^[0-9a-f]{32}$/.test(md5)) throw bad(origin, 'Files', `${md5} is not an MD5 sum`)
    const size = sizeOf(sizeText, 'Files', origin)
    const listed = digests.get(name)
    if (listed?.size !== size) {
      const what = listed === undefined ? 'is in Files but not in Checksums-Sha256' : 'has two different sizes'
      throw new AshlarError('upload-inconsistent', `${origin}: ${name} ${what}.`)
    }
    return { name, size, sha256: listed.sha256, md5, rest }
  })
  const extra = [...digests.keys()].find((name) => !seen.has(name))
  if (extra === undefined) return files
  throw new AshlarError('upload-inconsistent', `${origin}: ${extra} is in Checksums-Sha256 but not in Files.`)
}

function linesOf(paragraph: Paragraph, field: string, words: number, origin: string): string[][] {
  const [first, ...lines] = paragraph.require(field).split('\n')
  if (first !== '') throw bad(origin, field, 'it has text on its first line')
  return lines.map((line) => {
    const parts = line.trim().split(/[ \t]+/)
    if (parts.length !== words) throw bad(origin, field, `${JSON.stringify(line.trim())} does not have ${words} words`)
    return parts
  })
}

function sizeOf(text: string, field: string, origin: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw bad(origin, field, `${JSON.stringify(text)} is not a size`)
  return Number(text)
}

function bad(origin: string, field: string, what: string): AshlarError {
  return new AshlarError('control-invalid', `${origin}, field ${field}: ${what}.`)
}
