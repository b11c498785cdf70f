/** One item of a verdict: a file, the signature, the suite … and what was found about it. */
import type { AshlarError } from '../common/errors.ts'

export interface Finding {
  /** The name of a file, or `signature`, `distribution`, `text`, `versions`. */
  readonly subject: string
  readonly good: boolean
  /** A sentence. */
  readonly text: string
}

export class Findings {
  readonly all: Finding[] = []

  good(subject: string, text: string): void {
    this.all.push({ subject, good: true, text })
  }

  bad(subject: string, text: string): void {
    this.all.push({ subject, good: false, text })
  }

  /** What a check threw; anything that is not the uploader's fault is thrown again. */
  refuse(subject: string, error: unknown): void {
    if (!isRefusal(error)) throw error
    this.bad(subject, error.message)
  }

  get isGood(): boolean {
    return this.all.every((finding) => finding.good)
  }
}

/** Whether an error says that the upload is wrong, and not that something of ours failed. */
export function isRefusal(error: unknown): error is AshlarError {
  return error instanceof Error && 'entry' in error && (error as AshlarError).entry.status < 500
}
