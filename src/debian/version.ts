/** Version numbers of packages and their order (Debian Policy 5.6.12, deb-version(7)). */
import { AshlarError } from '../common/errors.ts'

export interface Version {
  readonly epoch: number
  readonly upstream: string
  /** Empty when there is none, which compares like `0`. */
  readonly revision: string
}

/** dpkg keeps epochs in an int. */
const maximumEpoch = 2 ** 31 - 1
const maximumLength = 200

/**
 * Takes a version apart. An upstream version that starts with a letter is accepted, as dpkg does: policy says "should".
 *
 * @throws AshlarError `control-invalid` for what breaks the syntax.
 */
export function parseVersion(text: string): Version {
  if (text.length > maximumLength) {
    throw new AshlarError('control-invalid', `The version ${text.slice(0, 40)}... is longer than ${maximumLength}.`)
  }
  const match = /^(?:([0-9]+):)?([A-Za-z0-9.+~-]*?)(?:-([A-Za-z0-9.+~]*))?$/.exec(text)
  const [, epochText = '0', upstream = '', revision] = match ?? []
  if (match === null || upstream === '' || revision === '' || !/^[A-Za-z0-9]/.test(upstream)) {
    throw new AshlarError('control-invalid', `${JSON.stringify(text)} is not a version.`)
  }
  const epoch = Number(epochText)
  if (epoch > maximumEpoch) throw new AshlarError('control-invalid', `The epoch of the version ${text} is too big.`)
  return { epoch, upstream, revision: revision ?? '' }
}

/** The version as file names carry it (Debian Policy 5.6.12: the epoch is left out). */
export function versionWithoutEpoch(text: string): string {
  return text.slice(text.indexOf(':') + 1)
}

/** Negative, zero or positive as dpkg would order the two. */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0
  const [left, right] = [parseVersion(a), parseVersion(b)]
  return (
    left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
  )
}

/**
 * As {@link compareVersions}, also for texts that are no versions, whose numbers are then compared by their value as
 * well (`9` before `10`, `doc` before `libs`).
 */
export function compareLoosely(a: string, b: string): number {
  return isVersion(a) && isVersion(b) ? compareVersions(a, b) : comparePart(a, b)
}

export function isVersion(text: string): boolean {
  try {
    parseVersion(text)
    return true
  } catch {
    return false
  }
}

/** `verrevcmp` of dpkg's lib/dpkg/version.c. */
function comparePart(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a.charCodeAt(i))) || (j < b.length && !isDigit(b.charCodeAt(j)))) {
      const difference = weight(a.charCodeAt(i)) - weight(b.charCodeAt(j))
      if (difference !== 0) return difference
      i += 1
      j += 1
    }
    while (a.charCodeAt(i) === 0x30) i += 1
    while (b.charCodeAt(j) === 0x30) j += 1
    let difference = 0
    while (isDigit(a.charCodeAt(i)) && isDigit(b.charCodeAt(j))) {
      difference ||= a.charCodeAt(i) - b.charCodeAt(j)
      i += 1
      j += 1
    }
    if (isDigit(a.charCodeAt(i))) return 1
    if (isDigit(b.charCodeAt(j))) return -1
    if (difference !== 0) return difference
  }
  return 0
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** `~` before the end (NaN) and digits, these before letters, these before the rest. */
function weight(code: number): number {
  if (Number.isNaN(code) || isDigit(code)) return 0
  if (code === 0x7e) return -1
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) ? code : code + 256
}

/** Closes a run of non-digits, and a part: sorts after `~` (written `!`) and before letters. */
const endMark = '#'
const keyOfCharacter: Readonly<Record<string, string>> = { '~': '!', '+': '{', '-': '|', '.': '}' }

/**
 * A text whose order by bytes is dpkg's order of versions, and which is the same for versions that dpkg calls equal.
 *
 * Printable ASCII without blanks. A part is a sequence of (run of non-digits, number); a run is written with its
 * characters renamed so that bytes order as dpkg does, then `endMark`; a number as its length and its digits. After
 * the last number stands another `endMark`, where a longer part would go on with a character of its next run.
 *
 * @throws AshlarError `control-invalid` if `version` is none.
 */
export function versionKey(version: string): string {
  const { epoch, upstream, revision } = parseVersion(version)
  return numberKey(String(epoch)) + partKey(upstream) + partKey(revision)
}

function partKey(part: string): string {
  let key = ''
  for (const [, run = '', digits = ''] of part.matchAll(/([^0-9]*)([0-9]*)/g)) {
    if (run === '' && digits === '') break
    key += run.replaceAll(/[~+.-]/g, (character) => keyOfCharacter[character] ?? '') + endMark + numberKey(digits)
  }
  return (key === '' ? endMark + numberKey('') : key) + endMark
}

/** The digits after their count, so that longer numbers sort later; counts from 64 on carry a count of their own. */
function numberKey(text: string): string {
  const digits = text.replace(/^0+/, '')
  if (digits.length < 64) return String.fromCharCode(0x30 + digits.length) + digits
  const count = String(digits.length)
  return String.fromCharCode(0x6f + count.length) + count + digits
}
