/** What an update or a filling tells while it goes on. */
export type MirrorStage = 'release' | 'indexes' | 'packages' | 'files' | 'seal'

export type MirrorEvent =
  | { readonly kind: 'stage'; readonly stage: MirrorStage }
  /** How far a stage is, in packages or files, and in bytes where it moves bytes. */
  | {
      readonly kind: 'progress'
      readonly stage: MirrorStage
      readonly done: number
      readonly total?: number
      readonly bytes?: number
      readonly totalBytes?: number
    }
  /** What was passed over, and why. */
  | { readonly kind: 'notice'; readonly detail: string }

export type Tell = (event: MirrorEvent) => void

/** Of notices only so many are told; the end says how many there were. */
export const mostNotices = 100
