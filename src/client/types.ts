/**
 * What the server says and takes under /api/v1, as a client sees it. Times are ISO 8601 in UTC with microseconds.
 * Members that a newer server adds are ignored.
 */

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
  readonly versions?: 'all' | 'newest'
  readonly notAutomatic?: boolean
  readonly butAutomaticUpgrades?: boolean
  /** Null: for ever. */
  readonly validUntilDays?: number | null
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
  readonly unchanged: boolean
  /** Where the archive stays as this change left it. */
  readonly snapshot: string
}

export interface PackageSelector {
  readonly name: string
  readonly version?: string
  readonly architecture?: string
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

/** A package in a suite. */
export interface SuitePackage extends PackageLine {
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
  readonly addedCount: number
  readonly removedCount: number
  /** What was asked for: `add`, `remove`, `copy` …, and by whom. */
  readonly changes: readonly { readonly id: number; readonly kind: string; readonly user?: string | null }[]
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
