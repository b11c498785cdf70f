/** What packages, architectures, suites and their files may be called. */
import { versionWithoutEpoch } from './version.ts'

/** Whether `text` is a package name (Debian Policy 5.6.1 and 5.6.7): two or more of `a-z0-9+-.`, the first alphanumeric. */
export function isPackageName(text: string): boolean {
  return text.length <= 200 && /^[a-z0-9][a-z0-9+.-]+$/.test(text)
}

/** Whether `text` can be the architecture of a binary package: `all` or the name of one, never a wildcard or `source`. */
export function isArchitecture(text: string): boolean {
  return isArchitectureWord(text) && text !== 'source' && text !== 'any' && !/^any-|-any(-|$)/.test(text)
}

/** Whether `text` can stand in the Architecture field of a source package (Debian Policy 5.6.8), wildcards included. */
export function isArchitectureWord(text: string): boolean {
  return text.length <= 64 && /^[a-z0-9][a-z0-9-]*$/.test(text)
}

/** Whether `text` can be a component (`main`, `non-free-firmware`): one directory below that of the suite. */
export function isComponentName(text: string): boolean {
  return isPathSegment(text)
}

export const longestSuiteName = 200

/** Whether `text` can be a suite: a directory below `dists/`, which may be deeper than one level (`bookworm/updates`). */
export function isSuiteName(text: string): boolean {
  return text.length <= longestSuiteName && text.split('/').every(isPathSegment)
}

/** A section, perhaps below its component (`net`, `contrib/net`; Debian Policy 2.4): one word, as it stands in an index. */
export const sectionPattern = '^[A-Za-z0-9][A-Za-z0-9+.-]*(/[A-Za-z0-9][A-Za-z0-9+.-]*)*$'
/** A priority (`optional`; Debian Policy 2.5). */
export const priorityPattern = '^[A-Za-z0-9-]+$'

/** Whether `text` can stand as a Section. */
export function isSection(text: string): boolean {
  return text.length <= 255 && new RegExp(sectionPattern).test(text)
}

/** Whether `text` can stand as a Priority. */
export function isPriority(text: string): boolean {
  return text.length <= 64 && new RegExp(priorityPattern).test(text)
}

/** A directory name that means nothing else to a server, a shell or apt. */
function isPathSegment(text: string): boolean {
  return text.length <= 100 && text !== 'by-hash' && /^[A-Za-z0-9_][A-Za-z0-9_.+~-]*$/.test(text)
}

/** Whether `text` is a plain file name in `a-zA-Z0-9` and `_.+~:-`, so that it stays in its directory and needs no quoting. */
export function isFileName(text: string): boolean {
  return text.length <= 255 && /^[A-Za-z0-9_+][A-Za-z0-9_.+~:-]*$/.test(text)
}

/** The file name that a pool gives a binary package: `hello_2.10-3_amd64.deb`, without the epoch. */
export function canonicalDebName(name: string, version: string, architecture: string, kind: 'deb' | 'udeb'): string {
  return `${name}_${versionWithoutEpoch(version)}_${architecture}.${kind}`
}

/** The file name that a pool gives a source package's .dsc: `hello_2.10-3.dsc`. */
export function canonicalDscName(name: string, version: string): string {
  return `${name}_${versionWithoutEpoch(version)}.dsc`
}

/** The directory of a pool that groups a source package: `h` for hello, `libh` for libhello. */
export function poolPrefix(sourceName: string): string {
  return sourceName.startsWith('lib') && sourceName.length > 3 ? sourceName.slice(0, 4) : sourceName.slice(0, 1)
}
