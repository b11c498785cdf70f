/** Mirrors, as a client sees them. */

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
