/** Suites, their packages and their history, as a client sees them. */
import type { Signer } from './upload-types.ts'

export interface SuiteSettings {
  readonly suite?: string
  readonly codename?: string
  readonly origin?: string
  readonly label?: string
  readonly description?: string
  readonly components?: readonly string[]
  readonly architectures?: readonly string[]
  /** `separate`: architecture-independent packages are listed in `binary-all` as well. */
  readonly architectureAll?: 'merged' | 'separate'
  readonly versions?: 'all' | 'newest'
  readonly notAutomatic?: boolean
  readonly butAutomaticUpgrades?: boolean
  /** Null: for ever. */
  readonly validUntilDays?: number | null
  /** The suite that takes the debug symbols of what is uploaded or copied to this one; null: none. */
  readonly debugSuite?: string | null
  /** Long descriptions are in Translation-en, and their short lines in Packages. */
  readonly translations?: boolean
  /** Nothing comes in or goes out until it is not frozen any more. */
  readonly frozen?: boolean
  readonly contents?: boolean
  /** What happens to a change that makes a package uninstallable, or brings one that is. */
  readonly installability?: 'off' | 'flag' | 'refuse'
  /** Suites from which what packages need may come. */
  readonly installabilityWith?: readonly string[]
  readonly keyrings?: readonly string[]
  readonly signedUploads?: boolean
  readonly signatureSuffices?: boolean
  readonly refuseLowerVersions?: boolean
  /** Of how many of its last changes an index has patches; 0: it has none. */
  readonly pdiffs?: number
}

export interface SuiteInfo {
  readonly name: string
  readonly aliases: readonly string[]
  readonly settings: SuiteSettings
  /** The newest revision that changed the suite. */
  readonly revision: number
  readonly sealedAt: string
  /** How many packages it holds. */
  readonly packages: number
  readonly components: readonly string[]
  readonly architectures: readonly string[]
}

export interface PackageLine {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly component: string
}

/** A package in a suite. */
export interface SuitePackage extends PackageLine {
  /** Of the .deb or the .dsc. */
  readonly sha256: string
  readonly section?: string | null
  readonly priority?: string | null
}

export interface PackagePage {
  readonly packages: readonly SuitePackage[]
  readonly next?: string
}

/** One revision that changed a suite. */
export interface HistoryEntry {
  readonly revision: number
  readonly sealedAt: string
  /** `sealed`: it is installable. */
  readonly state: 'sealed' | 'expired'
  readonly addedCount: number
  readonly removedCount: number
  /** What was asked for: `add`, `remove`, `copy` …, and by whom. */
  readonly changes: readonly {
    readonly id: number
    readonly kind: string
    readonly user?: string | null
    /** The change of several steps that it is a part of. */
    readonly batch?: number | null
    /** The upload that asked for it, if it came with a .changes. */
    readonly upload?: { readonly id: number; readonly signer: Signer | null } | null
    /** How many packages it made uninstallable, where suites want to be told. */
    readonly uninstallable?: number
    /** Of a mirror: how many indexes of upstream beside those of packages came, changed or went. */
    readonly takenIndexes?: number
  }[]
  readonly snapshot?: string
}

export interface HistoryPage {
  readonly history: readonly HistoryEntry[]
  /** Pass as `before` for older ones; absent on the last page. */
  readonly next?: number
}

/** The same name and architecture in two states of a suite. */
export interface ChangedPackage {
  readonly name: string
  readonly architecture: string
  readonly from: string
  readonly to: string
}

export interface SuiteDifference {
  readonly added: readonly PackageLine[]
  readonly removed: readonly PackageLine[]
  readonly changed: readonly ChangedPackage[]
}

/** Suites and artifacts of a page are asked for by name, in order. */
export interface PageWish {
  readonly name?: string | undefined
  readonly after?: string | undefined
  readonly limit?: number
}
