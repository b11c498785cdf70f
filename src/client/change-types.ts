/** What a client asks to be changed in suites, and what became of it. */
import type { NewlyUninstallable } from './check-types.ts'
import type { PackageLine, SuiteSettings } from './suite-types.ts'

export interface SealedChange {
  readonly change: number
  readonly revision: number
  readonly sealedAt: string
  readonly suite: string
  /** At most a thousand lines; the counts are exact. */
  readonly added: readonly PackageLine[]
  readonly removed: readonly PackageLine[]
  readonly addedCount: number
  readonly removedCount: number
  /** What a rollback did not bring back, since a file of it was purged. */
  readonly leftOut?: readonly PackageLine[]
  /** What copied packages need, and neither suite has. */
  readonly unmet?: readonly UnmetNeed[]
  /** What it made uninstallable in suites that want to be told. */
  readonly uninstallable?: readonly NewlyUninstallable[]
  readonly unchanged: boolean
  /** Where the archive stays as this change left it. */
  readonly snapshot: string
}

/** Packages for a suite, all in one place of it. */
export interface PackageAddition {
  readonly artifacts: readonly number[]
  readonly component?: string
  readonly section?: string
  readonly priority?: string
}

export interface ChangeStatus {
  readonly change: number
  readonly state: 'preparing' | 'pending' | 'sealed' | 'refused'
  /** Why it was refused. */
  readonly code?: string
  readonly detail?: string
  readonly result?: SealedChange
  readonly batch?: SealedBatch
}

/** A source with all that was built from it. */
export interface SourceSelector {
  readonly name: string
  /** Every one that the suite has unless it is given. */
  readonly version?: string
}

/** Packages of another suite that `packages`, `sources` or `filter` means; all without any of these. */
export interface PackageCopy {
  readonly from: string
  readonly at?: string
  /** `scope/name` of the workspace that has the suite, which may be read. */
  readonly fromWorkspace?: string
  readonly packages?: readonly PackageSelector[]
  readonly sources?: readonly SourceSelector[]
  /** In aptly's language: `Name (% lib*), $Architecture (amd64)`. */
  readonly filter?: string
  /** Also what they need and the suite lacks. */
  readonly withDeps?: boolean
}

/** What a package needs and nothing provides. */
export interface UnmetNeed {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly relation: string
}

/** What one step would do. */
export interface PreviewedStep {
  readonly suite: string
  readonly added: readonly PackageLine[]
  readonly removed: readonly PackageLine[]
  readonly addedCount: number
  readonly removedCount: number
  readonly leftOut: readonly PackageLine[]
  readonly unmet: readonly UnmetNeed[]
  readonly uninstallable: readonly NewlyUninstallable[]
}

/** What a change of several steps would do to the archive as it was at a revision. */
export interface Preview {
  readonly revision: number
  readonly steps: readonly PreviewedStep[]
}

/** One of several changes that are made as one. */
export type BatchStep =
  | {
      readonly kind: 'suite-create'
      readonly suite: string
      readonly settings?: SuiteSettings
      readonly aliases?: readonly string[]
    }
  | { readonly kind: 'suite-update'; readonly suite: string; readonly settings: SuiteSettings }
  | { readonly kind: 'alias'; readonly name: string; readonly suite: string | null }
  | {
      readonly kind: 'add'
      readonly suite: string
      readonly artifacts: readonly number[]
      readonly component?: string
      readonly section?: string
      readonly priority?: string
    }
  | {
      readonly kind: 'edit'
      readonly suite: string
      /** Each for a place of its own. */
      readonly add: readonly PackageAddition[]
      /** Artifacts whose packages go. */
      readonly remove?: readonly number[]
      /** If a path has meant other bytes: refuse, or lay the package elsewhere and take the place of its twin. */
      readonly onPoolConflict?: 'refuse' | 'second-path'
    }
  | { readonly kind: 'remove'; readonly suite: string; readonly packages: readonly PackageSelector[] }
  | ({
      readonly kind: 'copy'
      readonly suite: string
    } & PackageCopy)
  | { readonly kind: 'rollback'; readonly suite: string; readonly to: string }

export interface SealedBatch {
  readonly change: number
  /** The one revision that holds all of it. */
  readonly revision: number
  readonly sealedAt: string
  readonly unchanged: boolean
  readonly addedCount: number
  readonly removedCount: number
  /** In the order of the steps. */
  readonly steps: readonly SealedChange[]
  /** Where the archive stays as the batch left it. */
  readonly snapshot: string
}

export interface PackageSelector {
  readonly name: string
  readonly version?: string
  readonly architecture?: string
}
