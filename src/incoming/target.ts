/** A file on its way into the incoming area of a suite. */
import type { Workspace } from '../access/access.ts'
import type { Suite } from '../archive/suite-table.ts'

/** Where an upload goes, and who sends it. */
export interface Target {
  readonly workspace: Workspace
  readonly suite: Suite
  /** Null for somebody who has no token, and relies on the signature. */
  readonly userId: number | null
}

export interface SentFile {
  readonly name: string
  /** As announced; not one byte more is taken. */
  readonly sizeBytes: number
  readonly bytes: AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
}
