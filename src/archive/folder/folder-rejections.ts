import { AshlarError } from '../../common/errors.ts'
import type { FileLook } from './folder-scan.ts'

/** A file that is no package is spoken of when it has been so for this long: before, it may still be copied. */
const SPEAK_AFTER_MS = 3000
const SOONEST_RETRY_MS = 300
const LONGEST_RETRY_MS = 60_000

interface Rejection {
  readonly fingerprint: string
  readonly sinceMs: number
  readonly reason: string
  readonly retryAtMs: number
  spoken: boolean
}

/** The files of a folder that could not be read as packages, until they change. */
export class FolderRejections {
  readonly #byPath = new Map<string, Rejection>()

  /** Whether the file, as it is now, was refused and need not be tried again yet. */
  covers(file: FileLook): boolean {
    const rejection = this.#byPath.get(file.path)
    return rejection?.fingerprint === file.fingerprint && Date.now() < rejection.retryAtMs
  }

  /** The refused files that may be tried again. */
  *due(): Generator<string, void, undefined> {
    const now = Date.now()
    for (const [path, { retryAtMs }] of this.#byPath) if (retryAtMs <= now) yield path
  }

  add(file: FileLook, error: unknown): void {
    const now = Date.now()
    const before = this.#byPath.get(file.path)
    const isSameFile = before?.fingerprint === file.fingerprint
    const sinceMs = isSameFile ? before.sinceMs : Math.min(file.ctimeMs, now)
    // A .dsc may wait for its files; anything that is not the file's own fault may pass. Tried less often with time.
    const isOurs = !(error instanceof AshlarError) || error.entry.status >= 500
    const mayPass = isOurs || (file.path.endsWith('.dsc') && error.code !== 'gone')
    const waitMs = Math.min(Math.max(now - sinceMs, SOONEST_RETRY_MS), LONGEST_RETRY_MS)
    this.#byPath.set(file.path, {
      fingerprint: file.fingerprint,
      sinceMs,
      reason: error instanceof Error ? error.message : String(error),
      retryAtMs: mayPass ? now + waitMs : Number.POSITIVE_INFINITY,
      spoken: isSameFile && before.spoken,
    })
  }

  forget(path: string): void {
    this.#byPath.delete(path)
  }

  forgetAllBut(files: ReadonlyMap<string, FileLook>): void {
    for (const path of this.#byPath.keys()) if (!files.has(path)) this.#byPath.delete(path)
  }

  /** The refusals that are old enough to be told, each once. */
  *unspoken(): Generator<{ readonly path: string; readonly reason: string }> {
    const now = Date.now()
    for (const [path, rejection] of this.#byPath) {
      if (rejection.spoken || now - rejection.sinceMs < SPEAK_AFTER_MS) continue
      rejection.spoken = true
      yield { path, reason: rejection.reason }
    }
  }
}
