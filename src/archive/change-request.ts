/** What can be asked of an archive. A request is recorded as a change, and sealed or refused as a whole. */
import type { Sha256 } from '../common/digest.ts'
import type { Micros } from '../database/schema.ts'
import type { InstallReason } from '../debian/install-reasons.ts'
import type { PackageReference } from '../debian/package-universe.ts'
import type { At } from './moment.ts'
import type { SuiteSettingsInput } from './settings.ts'

/** A package for a suite; what is not given is the package's own, or the suite's first component. */
export interface PackagePlacement {
  readonly packageId: number
  readonly component?: string
  readonly section?: string
  readonly priority?: string
}

/** The packages of a name, narrowed to a version and an architecture (`source` for sources). */
export interface PackageSelector {
  readonly name: string
  readonly version?: string
  readonly architecture?: string
}

/** A source and all that was built from it; without a version, of every version that the suite has. */
export interface SourceSelector {
  readonly name: string
  readonly version?: string
}

/** The packages of a suite that one of these means; without any of them, all that it has. */
export interface PackageChoice {
  readonly packages?: readonly PackageSelector[]
  readonly sources?: readonly SourceSelector[]
  /** In aptly's language: `Name (% lib*), $Architecture (amd64)`. */
  readonly filter?: string
}

/** Where packages were copied from, and what was asked for. */
export interface CopiedFrom {
  /** `scope/name` */
  readonly workspace: string
  readonly suite: string
  readonly at?: At
  /** The revision of its archive that was read. */
  readonly revision: number
  readonly choice: PackageChoice & { readonly withDeps?: boolean }
  /** What neither of the two suites has. */
  readonly unmet: readonly UnmetNeed[]
}

/** What to do if a pool path already means other bytes: refuse, or lay the package at its second path. */
export type PoolConflict = 'refuse' | 'second-path'

/** What is asked of one suite, or of one alias. */
export type StepRequest =
  | {
      readonly kind: 'suite-create'
      readonly suite: string
      readonly settings: SuiteSettingsInput
      readonly aliases?: readonly string[]
    }
  | { readonly kind: 'suite-update'; readonly suite: string; readonly settings: SuiteSettingsInput }
  /** `suite: null` removes the alias. */
  | { readonly kind: 'alias'; readonly name: string; readonly suite: string | null }
  | {
      readonly kind: 'add'
      readonly suite: string
      readonly packages: readonly PackagePlacement[]
      readonly onPoolConflict?: PoolConflict
      /** For packages that were copied from another workspace. */
      readonly from?: CopiedFrom
    }
  | { readonly kind: 'remove'; readonly suite: string; readonly packages: readonly PackageSelector[] }
  /** Adds and removes (by package id) in one step: what following a folder or a mirror asks for. */
  | {
      readonly kind: 'edit'
      readonly suite: string
      readonly add: readonly PackagePlacement[]
      readonly remove: readonly number[]
      readonly onPoolConflict?: PoolConflict
    }
  | ({
      readonly kind: 'copy'
      readonly from: { readonly suite: string; readonly at?: At }
      readonly suite: string
      /** Also what they need, as far as the suite does not have it. */
      readonly withDeps?: boolean
    } & PackageChoice)
  | { readonly kind: 'rollback'; readonly suite: string; readonly to: At }
  /** What an update of a mirror found upstream; what comes is written as it is found. Makes the suite, the first time. */
  | MirrorRequest

export interface MirrorRequest {
  readonly kind: 'mirror'
  readonly suite: string
  readonly mirror: string
  /** The newest revision that had changed the suite when it was compared with upstream; null before the first. */
  readonly base: number | null
  /** What the Release of upstream says of the suite. */
  readonly settings: SuiteSettingsInput
  /** Items that upstream has no more. */
  readonly gone: readonly number[]
  /** All indexes that are taken as they are; absent if they are those that the suite has. */
  readonly taken?: readonly TakenIndex[]
}

/** An index that a mirror takes as it is. */
export interface TakenIndex {
  /** Below the suite's directory, with its ending. */
  readonly path: string
  /** Null: it is listed for those who know the text by its digest, and not served in this form. */
  readonly fileId: number | null
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/**
 * Several steps over any suites of an archive, each on top of what those before it make: a suite can be created and
 * filled, and what one step brings another can copy on. They become one revision, or none of them happens.
 */
export interface BatchRequest {
  readonly kind: 'batch'
  readonly steps: readonly StepRequest[]
}

export type ChangeRequest = StepRequest | BatchRequest

/** Steps that a batch has at most. */
export const STEPS_PER_BATCH = 200

/** A package as a change or a listing names it. */
export interface PackageLine {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly component: string
}

/** What became of a change. */
export interface SealedChange {
  readonly change: number
  /** The revision that holds it; if it changed nothing, the one that already did. */
  readonly revision: number
  readonly sealedAt: Micros
  readonly suite: string
  readonly unchanged: boolean
  readonly addedCount: number
  readonly removedCount: number
  /** At most 1,000 of each. */
  readonly added: readonly PackageLine[]
  readonly removed: readonly PackageLine[]
  /** What a rollback did not bring back, since a file of it was purged; at most 1,000. */
  readonly leftOut: readonly PackageLine[]
  /** What packages that were copied with their dependencies need, and neither suite has; at most 1,000. */
  readonly unmet: readonly UnmetNeed[]
  /** What it made uninstallable in suites that want to be told; the first 20 of each. */
  readonly uninstallable: readonly NewlyUninstallable[]
}

/** A package of a suite that cannot be installed any more on machines of an architecture, or never could. */
export interface NewlyUninstallable extends PackageReference {
  readonly suite: string
  /** The architecture of the machines. */
  readonly machine: string
  readonly reasons: readonly InstallReason[]
}

/** What a package needs and nothing provides. */
export interface UnmetNeed {
  readonly name: string
  readonly version: string
  /** On which machines. */
  readonly architecture: string
  readonly relation: string
}

/** Lines of packages that an answer has at most, of each kind. */
export const LINES_PER_ANSWER = 1000

/** What became of a batch. */
export interface SealedBatch {
  readonly change: number
  /** The one revision that holds all of it; if it changed nothing, the one that already did. */
  readonly revision: number
  readonly sealedAt: Micros
  readonly unchanged: boolean
  readonly addedCount: number
  readonly removedCount: number
  /** In the order of the steps; each step is a change of its own, which history shows under its suite. */
  readonly steps: readonly SealedChange[]
}
