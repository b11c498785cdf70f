/** What a check finds, as values that can be printed, and how findings add up. */
import type { AshlarError } from '../common/errors.ts'
import type { Touches } from './touches.ts'

/** The stages of a check, in their order; `deep` and `rebuild` only where they are asked for. */
export type FsckStage = 'sums' | 'listing' | 'deep' | 'files' | 'rebuild'

/**
 * `wrong`: a record that contradicts others. `damaged`: a copy that is missing, or has other bytes. `missing`: a scope
 * needs a file of which no store that it reads from has a copy; another store has one. `lost`: a file that is needed, and
 * of which no good copy is left. `stray`: bytes that nothing records. `unknown`: what could not be looked at.
 */
export type Severity = 'wrong' | 'damaged' | 'missing' | 'lost' | 'stray' | 'unknown'

/**
 * `open`: it is so, and wants something done. `repaired`: what was told as open is well again. `harmless`: nothing needs
 * doing, or a vacuum does it.
 */
export type FindingOutcome = 'open' | 'repaired' | 'harmless'

/** Each problem is told once as open, and once more if it is repaired. */
export interface Finding {
  readonly stage: FsckStage
  readonly severity: Severity
  readonly outcome: FindingOutcome
  /** A digest, or the name of a store. */
  readonly subject: string
  readonly store?: string
  readonly bytes: number
  /** What is wrong, or what was done, as a sentence without its full stop. */
  readonly what: string
  /** Of what is lost: what it takes with it. */
  readonly touches?: Touches
}

/** What a check tells while it goes on. */
export type FsckEvent =
  | { readonly kind: 'stage'; readonly stage: FsckStage }
  | FsckProgress
  | { readonly kind: 'finding'; readonly finding: Finding }
  /** What was tried and failed; the problem stays, and was told. */
  | { readonly kind: 'failure'; readonly stage: FsckStage; readonly subject: string; readonly error: AshlarError }
  | { readonly kind: 'end'; readonly summary: FsckSummary }

export interface FsckProgress {
  readonly kind: 'progress'
  readonly stage: FsckStage
  readonly store?: string
  /** How much of the stage (in this store) has been looked at, from 0 to 1, where that can be told. */
  readonly part: number
  /** Of `deep`: bytes that were re-read, those of the interrupted runs before included, and how many there are. */
  readonly bytes?: number
  readonly totalBytes?: number
}

export interface FsckSummary {
  /** Files whose records were looked at. */
  readonly checked: number
  /** Copies that were re-read in this run. */
  readonly readFiles: number
  readonly readBytes: number
  /** Copies that are missing or have other bytes, repaired ones included. */
  readonly damaged: number
  /** Problems of all kinds that were repaired. */
  readonly repaired: number
  /** Files that stay lost. */
  readonly lost: number
  readonly unknown: number
  readonly strays: number
  /** Problems that are left. */
  readonly left: number
}

/** Adds up what is told. */
export class Tally {
  #checked = 0
  #readFiles = 0
  #readBytes = 0
  readonly #open = new Map<Severity, number>()
  readonly #repaired = new Map<Severity, number>()
  #strays = 0

  checked(files: number): void {
    this.#checked += files
  }

  read(sizeBytes: number): void {
    this.#readFiles += 1
    this.#readBytes += sizeBytes
  }

  add(event: FsckEvent): void {
    if (event.kind !== 'finding') return
    const { severity, outcome } = event.finding
    if (severity === 'stray') this.#strays += 1
    if (outcome === 'harmless') return
    const counts = outcome === 'open' ? this.#open : this.#repaired
    counts.set(severity, (counts.get(severity) ?? 0) + 1)
  }

  summary(): FsckSummary {
    const repaired = sum(this.#repaired)
    return {
      checked: this.#checked,
      readFiles: this.#readFiles,
      readBytes: this.#readBytes,
      damaged: this.#open.get('damaged') ?? 0,
      repaired,
      lost: (this.#open.get('lost') ?? 0) - (this.#repaired.get('lost') ?? 0),
      unknown: this.#open.get('unknown') ?? 0,
      strays: this.#strays,
      left: sum(this.#open) - repaired,
    }
  }
}

function sum(counts: ReadonlyMap<Severity, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0)
}
