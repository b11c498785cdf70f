/** What a vacuum and a check tell a client. */

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
