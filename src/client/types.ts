/**
 * What the server says and takes under /api/v1, as a client sees it. Times are ISO 8601 in UTC with microseconds.
 * Members that a newer server adds are ignored.
 */

import type { NewlyUninstallable } from './check-types.ts'
import type { Signer } from './upload-types.ts'

export interface FileWish {
  /** Relative, with `/` between segments. */
  readonly path: string
  readonly size: number
  readonly sha256: string
}

export interface RelationWish {
  readonly type: 'extends' | 'relates-to' | 'built-using'
  /** Artifact id. */
  readonly target: number
}

export interface ArtifactWish {
  readonly category: string
  readonly data?: Readonly<Record<string, unknown>>
  readonly files: readonly FileWish[]
  readonly relations?: readonly RelationWish[]
  /** The same key gives the same artifact again, so that a repeated request makes no second one. */
  readonly idempotencyKey?: string
  /** How long it stays once it is complete and nothing holds it; null: as its workspace says; 0: for ever. */
  readonly expireAfterSeconds?: number | null
}

export interface ArtifactFile extends FileWish {
  readonly complete: boolean
  /** Bytes that the server already has of an incomplete file. */
  readonly offset?: number
  /** Why its bytes are there no more, if they are not. */
  readonly gone?: 'expired' | 'purged'
}

export interface Artifact {
  readonly id: number
  readonly category: string
  readonly data: Readonly<Record<string, unknown>>
  readonly createdAt: string
  readonly completedAt: string | null
  readonly complete: boolean
  readonly expireAfterSeconds: number | null
  /** Then it goes, unless something holds it; null: never, or not while it is incomplete. */
  readonly expiresAt: string | null
  readonly files: readonly ArtifactFile[]
  /** Paths whose bytes must still be sent. */
  readonly missing: readonly string[]
  readonly relations: readonly { readonly type: string; readonly target: number }[]
}

export interface ArtifactPage {
  readonly artifacts: readonly Artifact[]
  /** Pass as `after` for what follows; absent on the last page. */
  readonly next?: string
}

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

/** What a vacuum does or would do, as one line of its plan. */
export interface VacuumLine {
  readonly stage: string
  readonly action: 'remove' | 'expire' | 'condemn' | 'delete' | 'copy' | 'report'
  readonly subject: string
  readonly store?: string
  readonly to?: string
  readonly bytes: number
  /** The rule behind it, as a sentence. */
  readonly rule: string
}

export interface VacuumStage {
  readonly lines: number
  readonly bytes: number
  readonly done: number
  readonly kept: number
  readonly failed: number
}

export type VacuumEvent =
  | { readonly kind: 'stage'; readonly stage: string }
  | { readonly kind: 'progress'; readonly stage: string; readonly part: number }
  | { readonly kind: 'line'; readonly line: VacuumLine; readonly outcome?: 'done' | 'kept' }
  | { readonly kind: 'failure'; readonly line: VacuumLine; readonly code: string; readonly detail: string }
  | { readonly kind: 'end'; readonly dryRun: boolean; readonly summary: Readonly<Record<string, VacuumStage>> }

export interface UserInfo {
  /** Of an account, or `name~origin` of somebody whom another program knew. */
  readonly name: string
  readonly createdAt: string
  /** The account that `name~origin` is. */
  readonly attachedTo: string | null
  /** The widest first. */
  readonly grants: readonly GrantInfo[]
}

export type Role = 'reader' | 'contributor' | 'owner' | 'admin'

/** Where a role holds: everywhere, in a scope, or in one workspace of it. */
export interface GrantPlace {
  readonly scope?: string | undefined
  readonly workspace?: string | undefined
}

export interface GrantInfo {
  readonly user: string
  readonly role: Role
  /** Null: everywhere. */
  readonly scope: string | null
  /** Null: in all workspaces of the scope. */
  readonly workspace: string | null
  readonly createdAt: string
}

export interface RevokedGrant {
  readonly user: string
  /** What was taken away; null: the user had no role there. */
  readonly role: Role | null
  /** The roles that the user still has there. */
  readonly left: readonly GrantInfo[]
}

export interface AttachedUser {
  readonly name: string
  readonly account: string
  /** How many became those of the account. */
  readonly records: number
}

export interface CreatedToken {
  readonly id: number
  readonly name: string
  /** Shown once; the server keeps its digest only. */
  readonly token: string
}

export interface TokenInfo {
  readonly id: number
  readonly name: string
  readonly user: string
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly revokedAt: string | null
}

export interface ScopeInfo {
  readonly name: string
}

export interface WorkspaceInfo {
  readonly scope: string
  readonly name: string
  readonly public: boolean
}

export interface WorkspaceSettings {
  readonly public: boolean
  /** How long artifacts stay that nothing holds and that have no delay of their own; null: for ever. */
  readonly expireAfterSeconds: number | null
  /** How long a revision stays installable after the next one, three days at least; null: for ever. */
  readonly keepRevisionsSeconds: number | null
  /** How long it is known what an expired revision held; null: for ever. */
  readonly keepHistorySeconds: number | null
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

/** A bucket, or what lies under a prefix of one. */
export interface S3Place {
  readonly bucket: string
  /** May be left out where an endpoint is given. */
  readonly region?: string
  readonly prefix?: string
  readonly endpoint?: string
  readonly pathStyle?: boolean
  readonly storageClass?: string
  readonly redirect?: boolean
  readonly publicEndpoint?: string
  readonly partBytes?: number
}

/** Credentials; the server takes them, and never gives them. */
export interface S3Secret {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** How a scope uses a store. What is not given is not wanted. */
export interface PolicyWish {
  readonly uploadPriority?: number | null
  readonly downloadPriority?: number | null
  readonly populate?: boolean
  readonly drain?: boolean
  /** Name of a store; null: where uploads go. */
  readonly drainTo?: string | null
  readonly readOnly?: boolean
  readonly writeOnly?: boolean
  readonly softMaxBytes?: number | null
}

export interface Policy extends Required<PolicyWish> {
  /** Null: every scope without a policy of its own. */
  readonly scope: string | null
}

export interface StoreLimits {
  readonly softMaxBytes?: number | null
  readonly hardMaxBytes?: number | null
}

/** Has one of `local`, `s3` and `remote`. */
export interface StoreWish extends StoreLimits {
  readonly name: string
  readonly local?: { readonly directory: string }
  readonly s3?: S3Place
  readonly remote?: { readonly url: string }
  readonly secret?: S3Secret
  /** The only scope that may use it. */
  readonly scope?: string
  readonly holdsUploads?: boolean
  /** For every scope that may use it. */
  readonly policy?: PolicyWish
}

/** What is not given stays; null takes it away. */
export interface StoreChange extends StoreLimits {
  readonly local?: { readonly directory: string }
  readonly s3?: { readonly [Key in keyof S3Place]?: S3Place[Key] | null }
  readonly remote?: { readonly url: string }
  readonly secret?: S3Secret | null
  readonly holdsUploads?: boolean
}

interface CopySums {
  readonly files: number
  readonly bytes: number
}

interface Sums extends CopySums {
  /** What artifacts would take if each kept its own files. */
  readonly logicalBytes: number
  readonly savedBytes: number
}

/** In bytes; null where it is not known. */
export interface Growth {
  readonly day: number | null
  readonly week: number | null
}

export interface StoreWork {
  readonly state: 'running' | 'done' | 'stopped' | 'failed'
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly summary: unknown
}

export interface StoreInfo extends CopySums {
  readonly name: string
  readonly kind: 'local' | 's3' | 'remote'
  readonly local?: { readonly directory: string }
  readonly s3?: S3Place
  readonly remote?: { readonly url: string }
  readonly ownCredentials: boolean
  readonly scope: string | null
  readonly softMaxBytes: number | null
  readonly hardMaxBytes: number | null
  readonly holdsUploads: boolean
  readonly createdAt: string
  /** Why the server that answered cannot use it. */
  readonly unreachable: string | null
  readonly policies: readonly Policy[]
  /** As they were last taken. */
  readonly figures: (Sums & { readonly takenAt: string }) | null
  readonly growth: Growth
  readonly damaged: CopySums
  readonly condemned: CopySums
  readonly lastVacuum: StoreWork | null
  readonly lastScrub: StoreWork | null
  /** What each scope has there; only where one store was asked for. */
  readonly scopes?: readonly (Sums & { readonly scope: string; readonly growth: Growth })[]
}
export interface FsckOptions {
  /** Re-reads every copy; an interrupted run goes on where it was. */
  readonly deep?: boolean
  /** Replaces bad and missing copies from other ones. */
  readonly repair?: boolean
  /** Repairs, then makes lost packs of indexes again. */
  readonly rebuild?: boolean
  /** The only store to look into. */
  readonly store?: string
  /** How fast `deep` reads at most. */
  readonly bytesPerSecond?: number
  readonly signal?: AbortSignal
}

export type FsckStage = 'sums' | 'listing' | 'deep' | 'files' | 'rebuild'

/** Revisions `from` up to and with `to`; `to` is null if it still holds. */
interface Revisions {
  readonly from: number
  readonly to: number | null
}

/** What a check found; a problem that is repaired is told twice, first as open. */
export interface FsckFinding {
  readonly stage: FsckStage
  readonly severity: 'wrong' | 'damaged' | 'missing' | 'lost' | 'stray' | 'unknown'
  readonly outcome: 'open' | 'repaired' | 'harmless'
  /** A digest, or the name of a store. */
  readonly subject: string
  readonly store?: string
  readonly bytes: number
  readonly what: string
  /** What goes with a file that is lost. */
  readonly touches?: {
    readonly artifacts: readonly { readonly id: number; readonly workspace: string; readonly path: string }[]
    readonly packages: readonly (Revisions & {
      readonly workspace: string
      readonly suite: string
      readonly name: string
      readonly version: string
      readonly architecture: string
    })[]
    readonly indexes: readonly (Revisions & { readonly workspace: string; readonly suite: string })[]
    readonly more?: true
  }
}

export interface FsckSummary {
  readonly checked: number
  readonly readFiles: number
  readonly readBytes: number
  readonly damaged: number
  readonly repaired: number
  readonly lost: number
  readonly unknown: number
  readonly strays: number
  /** Problems that are left. */
  readonly left: number
}

export type FsckEvent =
  | { readonly kind: 'stage'; readonly stage: FsckStage }
  | {
      readonly kind: 'progress'
      readonly stage: FsckStage
      readonly store?: string
      /** From 0 to 1. */
      readonly part: number
      readonly bytes?: number
      readonly totalBytes?: number
    }
  | ({ readonly kind: 'finding' } & FsckFinding)
  | {
      readonly kind: 'failure'
      readonly stage: FsckStage
      readonly subject: string
      readonly code: string
      readonly detail: string
    }
  | ({ readonly kind: 'end' } & FsckSummary)

/** What a mirror takes; null where everything counts. */
interface MirrorSettings {
  readonly expects?: string | null
  readonly components?: readonly string[] | null
  readonly architectures?: readonly string[] | null
  readonly sources?: boolean
  readonly udebs?: boolean
  readonly filter?: string | null
  readonly withDeps?: boolean
  readonly lazy?: boolean
  readonly indexes?: readonly ('translations' | 'contents' | 'dep11' | 'cnf')[]
  readonly languages?: readonly string[]
  readonly ignoreValidUntil?: boolean
  readonly everySeconds?: number | null
  readonly maxIndexBytes?: number
  readonly maxFileBytes?: number
  readonly maxFetchBytes?: number
  readonly maxPackages?: number
  readonly timeoutSeconds?: number
}

export interface MirrorWish extends MirrorSettings {
  readonly name: string
  readonly url: string
  readonly suite: string
  readonly into?: string
  /** Armored, or base64 of a binary keyring. */
  readonly keyring: string
}

/** What is not given stays. */
export interface MirrorChange extends MirrorSettings {
  readonly url?: string
  readonly suite?: string
  readonly keyring?: string
}

/** How much of what a mirrored suite lists is here; the rest is only upstream. */
export interface Completeness {
  readonly files: number
  readonly bytes: number
  readonly filesHere: number
  readonly bytesHere: number
}

export interface MirrorInfo {
  readonly name: string
  readonly suite: string
  readonly url: string
  readonly upstreamSuite: string
  /** Null: all. */
  readonly components: readonly string[] | null
  readonly architectures: readonly string[] | null
  readonly sources: boolean
  readonly udebs: boolean
  readonly filter: string | null
  readonly withDeps: boolean
  readonly lazy: boolean
  readonly indexes: readonly string[]
  readonly languages: readonly string[]
  readonly everySeconds: number | null
  readonly maxIndexBytes: number
  readonly maxFileBytes: number
  readonly maxFetchBytes: number
  readonly maxPackages: number
  readonly timeoutSeconds: number
  readonly nextAt: string | null
  readonly store: string
  readonly keys: readonly {
    readonly fingerprint: string
    readonly userIds: readonly string[]
    readonly expiresAt: string | null
  }[]
  /** Null before the first update. */
  readonly upstream: {
    readonly date: string
    readonly suite: string
    readonly codename: string
    readonly signers: readonly string[]
    readonly revision: number
    readonly takenAt: string
    readonly checkedAt: string
  } | null
  readonly completeness: Completeness | null
  readonly lastWork: {
    readonly kind: 'update' | 'fill'
    readonly state: 'running' | 'done' | 'failed'
    readonly startedAt: string
    readonly finishedAt: string | null
    readonly code?: string
    readonly detail?: string
  } | null
}

export type MirrorEvent =
  | { readonly kind: 'stage'; readonly stage: 'release' | 'indexes' | 'packages' | 'files' | 'seal' }
  | {
      readonly kind: 'progress'
      readonly stage: 'release' | 'indexes' | 'packages' | 'files' | 'seal'
      readonly done: number
      readonly total?: number
      readonly bytes?: number
      readonly totalBytes?: number
    }
  /** What was passed over, and why. */
  | { readonly kind: 'notice'; readonly detail: string }
  | MirrorUpdated
  | MirrorFilled

export interface MirrorUpdated {
  readonly kind: 'end'
  readonly work: 'update'
  /** The revision that holds what upstream has. */
  readonly revision: number
  readonly unchanged: boolean
  readonly added: number
  readonly removed: number
  readonly skipped: number
  readonly dateSeconds: number
}

export interface MirrorFilled {
  readonly kind: 'end'
  readonly work: 'fill'
  readonly fetched: number
  readonly bytes: number
  readonly failed: number
}
