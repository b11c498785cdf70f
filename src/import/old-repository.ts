/**
 * The room `import/`: what other programs that publish Debian packages have left, in words that the commands can send
 * to a server. It reads and never writes; it knows no server.
 *
 * Words: an *old repository* has packages in its pool, *suites*, and *states*: what some of the suites held at a time,
 * oldest first, and at last what they hold now. leveldb.ts and berkeley-db.ts read the databases of aptly and reprepro;
 * aptly.ts and reprepro.ts say what is in them.
 */
import type { Sha256 } from '../common/digest.ts'

export interface OldFile {
  /** As the package calls it: `hello_2.10-3_amd64.deb`. */
  readonly name: string
  /** Where it may lie, the likeliest place first. */
  readonly places: readonly string[]
  readonly sizeBytes: number
  /** Undefined if the old program did not know it. */
  readonly sha256: Sha256 | undefined
}

export interface OldPackage {
  readonly name: string
  readonly version: string
  /** `source` for a source package. */
  readonly architecture: string
  /** The .deb, or the .dsc and then what it lists. */
  readonly files: readonly [OldFile, ...OldFile[]]
  /** Who brought it, as far as the old program knows: an address in lower case. */
  readonly uploader: string | undefined
}

/** Packages of a suite that stand in one place of it. */
export interface OldGroup {
  readonly component: string
  /** Where the old program says so; otherwise the package's own. */
  readonly section?: string
  readonly priority?: string
  /** Indexes into the packages. */
  readonly packages: Iterable<number>
}

/** The settings of a suite that the old program had; the others stay as they are for a new suite. */
export interface OldSettings {
  readonly suite?: string
  readonly codename?: string
  readonly origin?: string
  readonly label?: string
  readonly description?: string
  readonly components: readonly string[]
  readonly architectures: readonly string[]
  readonly versions: 'all' | 'newest'
  readonly notAutomatic?: boolean
  readonly butAutomaticUpgrades?: boolean
  readonly validUntilDays?: number
  readonly contents?: boolean
}

export interface OldSuite {
  readonly name: string
  readonly aliases: readonly string[]
  readonly settings: OldSettings
  /** What it was there: `published distribution stable`. */
  readonly was: string
}

/** What some suites held at a time; those that are not named held what they held before. */
export interface OldState {
  /** The same for the same state, whenever the old repository is read. */
  readonly key: string
  /** What the old program calls it. */
  readonly name: string
  /** In milliseconds since 1970; undefined if it is not known. */
  readonly at: number | undefined
  readonly suites: ReadonlyMap<string, readonly OldGroup[]>
}

export interface OldRepository {
  readonly packages: readonly OldPackage[]
  readonly suites: readonly OldSuite[]
  /** Oldest first. */
  readonly past: readonly OldState[]
  /** Of every suite. */
  readonly present: ReadonlyMap<string, readonly OldGroup[]>
  /** What could not be taken over, or only in another way. */
  readonly notes: readonly string[]
}
