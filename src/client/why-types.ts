/** Why something is kept or gone, and what a purge did, as the server says it. Times are ISO 8601 in UTC. */

export interface WhyCopy {
  readonly store: string
  readonly state: 'present' | 'damaged' | 'condemned' | 'deleting'
  /** Null within a workspace. */
  readonly generation: number | null
  /** Since when it is in that state, and why; null of a present one. */
  readonly since: string | null
  readonly reason: string | null
  readonly verifiedAt: string | null
}

export interface WhyFile {
  readonly sha256: string
  /** Null if the file was purged before it ever came. */
  readonly size: number | null
  readonly gone: {
    readonly since: string
    readonly reason: 'expired' | 'purged'
    readonly by: string | null
    readonly said: string | null
  } | null
  readonly copies: readonly WhyCopy[]
}

export type WhyHolder =
  | {
      readonly kind: 'artifact'
      readonly id: number
      readonly category: string
      readonly workspace: string
      readonly path: string
      /** By its own delay or its workspace's; null: never. */
      readonly expiresAt: string | null
      readonly rule: 'own' | 'workspace' | 'incomplete'
    }
  | {
      readonly kind: 'suite'
      readonly workspace: string
      readonly suite: string
      readonly package: string
      readonly version: string
      readonly architecture: string
      readonly component: string
      readonly fromRevision: number | null
      /** The last revision that has it; null: the suite has it now. */
      readonly untilRevision: number | null
      readonly heldBecause: string
    }
  | {
      readonly kind: 'relation'
      readonly id: number
      readonly workspace: string
      readonly type: string
      readonly target: number
    }
  | { readonly kind: 'pack'; readonly workspace: string; readonly revision: number | null }

export type WhyFate =
  | { readonly kind: 'kept'; readonly sentence: string }
  | { readonly kind: 'goes'; readonly sentence: string; readonly at: string | null; readonly rule: string }
  | { readonly kind: 'gone'; readonly sentence: string; readonly since: string; readonly by?: string }

export interface Why {
  readonly subject: string
  readonly kind: 'artifact' | 'file' | 'pool-path'
  readonly fate: WhyFate
  readonly files: readonly WhyFile[]
  /** Of each kind at most a hundred; `total` counts all. */
  readonly heldBy: readonly WhyHolder[]
  readonly total: number
}

export interface Purge {
  readonly sha256: string
  readonly purgedAt: string
  /** Pending: the store cannot be reached now; a later vacuum deletes it there. */
  readonly copies: readonly { readonly store: string; readonly outcome: 'deleted' | 'pending' }[]
  /** How many files of artifacts it was. */
  readonly artifacts: number
  /** Where suites list it now, at most a hundred. */
  readonly listedIn: readonly {
    readonly workspace: string
    readonly suite: string
    readonly package: string
    readonly version: string
    readonly architecture: string
    readonly component: string
  }[]
  readonly listedInTotal: number
}
