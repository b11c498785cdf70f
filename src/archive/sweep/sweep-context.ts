import type { Database } from '../../database/database.ts'

/** What each step of a sweep has to know. */
export interface Sweep {
  readonly database: Database
  readonly archiveId: number
  /** The oldest revision that is retained. */
  readonly retainedFrom: number
  readonly suiteIds: readonly number[]
  /** Called before each transaction. */
  readonly step: () => Promise<void>
  readonly signal: AbortSignal | undefined
}
