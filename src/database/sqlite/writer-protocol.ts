/** What the calling thread and the writer's worker thread say to each other: one message each way per statement. */
import type { SQLInputValue } from 'node:sqlite'

export interface WriterOptions {
  readonly path: string
  readonly busyTimeoutMs: number
}

export type WriterRequest =
  /** Runs a statement in a transaction, beginning one first if `begin` is set. */
  | {
      readonly kind: 'run'
      readonly begin: boolean
      readonly sql: string
      readonly parameters: readonly SQLInputValue[]
    }
  | { readonly kind: 'commit' }
  | { readonly kind: 'rollback' }
  | { readonly kind: 'close' }

export interface WriterRows {
  readonly rows: Record<string, unknown>[]
  /** Rows changed, for statements that return none. */
  readonly changes: number | undefined
}

/** An error as it crosses the threads. */
export interface WriterFailure {
  readonly message: string
  readonly code: string | undefined
  /** SQLite's extended result code, https://sqlite.org/rescode.html. */
  readonly errcode: number | undefined
}

export type WriterReply =
  | { readonly ok: true; readonly result: WriterRows | undefined }
  | { readonly ok: false; readonly failure: WriterFailure }
