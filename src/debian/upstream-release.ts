/** A Release as another archive publishes it (DebianRepository/Format), read after its signature has been verified. */
import { parseSha256, type Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { type Paragraph, parseParagraph } from './deb822.ts'

export interface ListedIndexFile {
  readonly sha256: Sha256
  readonly sizeBytes: number
}

export interface UpstreamRelease {
  readonly origin: string
  readonly label: string
  readonly suite: string
  readonly codename: string
  readonly description: string
  readonly dateSeconds: number
  readonly validUntilSeconds: number | undefined
  readonly notAutomatic: boolean
  readonly butAutomaticUpgrades: boolean
  readonly acquireByHash: boolean
  /** Of machines, without `all`. */
  readonly architectures: readonly string[]
  /** Whether indexes of a machine lack what is `Architecture: all`, which then has an index of its own. */
  readonly hasIndexOfAll: boolean
  readonly components: readonly string[]
  /** By path below the suite's directory: `main/binary-amd64/Packages.xz`. */
  readonly files: ReadonlyMap<string, ListedIndexFile>
}

const longestPath = 300
/** Components times architectures: each pair is looked for. Debian has some 50. */
const mostPairs = 50_000

/**
 * @param origin what it is, for messages: `InRelease of https://deb.debian.org/debian bookworm`
 * @throws AshlarError control-invalid
 */
export function parseUpstreamRelease(text: string, origin: string): UpstreamRelease {
  const release = parseParagraph(text, { origin })
  const words = (field: string): string[] => (release.get(field) ?? '').split(/\s+/).filter((word) => word !== '')
  const line = (field: string): string => {
    const value = release.get(field) ?? ''
    if (value.includes('\n')) throw invalid(origin, `its ${field} has more than one line`)
    return value
  }
  const architectures = words('Architectures')
  const components = words('Components')
  if (components.length * architectures.length > mostPairs) {
    throw invalid(origin, `it has ${components.length} components for ${architectures.length} architectures`)
  }
  const separate = words('No-Support-for-Architecture-all').includes('Packages')
  return {
    origin: line('Origin'),
    label: line('Label'),
    suite: line('Suite'),
    codename: line('Codename'),
    description: line('Description'),
    dateSeconds: dateOf(release, 'Date', origin) ?? missing(origin, 'Date'),
    validUntilSeconds: dateOf(release, 'Valid-Until', origin),
    notAutomatic: isYes(release, 'NotAutomatic'),
    butAutomaticUpgrades: isYes(release, 'ButAutomaticUpgrades'),
    acquireByHash: isYes(release, 'Acquire-By-Hash'),
    architectures: architectures.filter((name) => name !== 'all'),
    hasIndexOfAll: architectures.includes('all') && !separate,
    // Some archives name the directories of their components, `updates/main`, as components.
    components,
    files: listedFiles(release, origin),
  }
}

function listedFiles(release: Paragraph, origin: string): Map<string, ListedIndexFile> {
  const list = release.get('SHA256')
  if (list === undefined) throw invalid(origin, 'it lists no SHA256, and nothing weaker is relied on')
  const files = new Map<string, ListedIndexFile>()
  for (const line of list.split('\n').slice(1)) {
    const [, digest = '', size = '', path = ''] = /^\s+([0-9a-f]{64})\s+([0-9]{1,15})\s+(\S+)$/.exec(line) ?? []
    const sha256 = parseSha256(digest)
    if (sha256 === undefined) throw invalid(origin, `its SHA256 has the line ${JSON.stringify(line.slice(0, 200))}`)
    // Flat archives may begin it with `./`. A path that leads elsewhere is no index; nobody asks for it by that name.
    const plain = path.replace(/^\.\//, '')
    if (isSafePath(plain)) files.set(plain, { sha256, sizeBytes: Number(size) })
  }
  return files
}

/** Whether a path stays below the directory that it is relative to, and means the same to a server. */
export function isSafePath(path: string): boolean {
  if (path.length > longestPath || !/^[\x21-\x5b\x5d-\x7e]+$/.test(path)) return false
  return path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

function isYes(release: Paragraph, field: string): boolean {
  return (release.get(field) ?? '').toLowerCase() === 'yes'
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Sat, 17 May 2025 09:31:33 UTC`; the zone is UTC under one of its names. */
function dateOf(release: Paragraph, field: string, origin: string): number | undefined {
  const value = release.get(field)
  if (value === undefined || value === '') return undefined
  const [, day = '', month = '', year = '', time = ''] =
    /^(?:[A-Z][a-z]{2}, +)?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) +(\d{1,2}:\d{2}:\d{2}) +(?:UTC|GMT|Z|\+0000)$/.exec(
      value,
    ) ?? []
  const number = months.indexOf(month) + 1
  const iso = `${year}-${String(number).padStart(2, '0')}-${day.padStart(2, '0')}T${time.padStart(8, '0')}Z`
  const milliseconds = number === 0 ? Number.NaN : Date.parse(iso)
  if (Number.isNaN(milliseconds)) throw invalid(origin, `its ${field} ${JSON.stringify(value)} is not a date in UTC`)
  return milliseconds / 1000
}

function missing(origin: string, field: string): never {
  throw invalid(origin, `it has no ${field}`)
}

function invalid(origin: string, what: string): AshlarError {
  return new AshlarError('control-invalid', `${origin}: ${what}.`)
}
