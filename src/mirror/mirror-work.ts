/** The last work on a mirror, as it is recorded: so that everybody sees how it went, and what a crash broke off goes on. */
import type { Micros } from '../database/schema.ts'

interface Work {
  readonly kind: 'update' | 'fill'
  readonly startedAt: Micros
}

export type MirrorWork =
  | ({ readonly state: 'running' } & Work)
  | ({ readonly state: 'done'; readonly finishedAt: Micros } & Work)
  | (FailedWork & Work)

interface FailedWork {
  readonly state: 'failed'
  readonly finishedAt: Micros
  readonly code: string
  readonly detail: string
  /** How often in a row; not in older records. */
  readonly failures?: number
}
