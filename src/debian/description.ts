/**
 * Descriptions in two places, as Debian's archive has them: the short line in Packages, with a digest that names the long
 * text; the long text, once for all versions and architectures that say the same, in Translation-en
 * (wiki.debian.org/DebianRepository/Format, "Translation indices").
 */
import { hash } from 'node:crypto'

/** The field and its continuation lines, up to the end of its last line. */
const descriptionField = /^Description: ?(.*(?:\n[ \t].*)*)\n/m
/** Digests and translations that a package brings itself; those of an index take their place. */
const otherDescriptions = /^Description-[^:\n]*:.*(?:\n[ \t].*)*\n/gm
const ownDigest = /^Description-md5: ?([0-9a-f]{32})$/m

interface Description {
  /** As the field has it: the short line, and the lines after it each with its leading blank. */
  readonly text: string
  /** As apt-ftparchive and dak count it: MD5 of the text and a newline. */
  readonly md5: string
}

/** Undefined if a stanza has none, or says by its digest that its long text lies elsewhere. */
function longDescription(stanza: string): Description | undefined {
  const text = descriptionField.exec(stanza)?.[1]
  if (text === undefined || (ownDigest.test(stanza) && !text.includes('\n'))) return undefined
  return { text, md5: hash('md5', `${text}\n`) }
}

/** A stanza of Packages, its lines ended, with the first line of its description only and the digest of all of it. */
export function withShortDescription(stanza: string): string {
  const description = longDescription(stanza)
  if (description === undefined) return stanza
  const [short = ''] = description.text.split('\n', 1)
  return stanza
    .replaceAll(otherDescriptions, '')
    .replace(descriptionField, () => `Description: ${short}\nDescription-md5: ${description.md5}\n`)
}

/** The entry of Translation-en for a stanza of Packages, ended by an empty line; undefined if it has no description. */
export function translationEntry(name: string, stanza: string): string | undefined {
  const description = longDescription(stanza)
  if (description === undefined) return undefined
  return `Package: ${name}\nDescription-md5: ${description.md5}\nDescription-en: ${description.text}\n\n`
}
