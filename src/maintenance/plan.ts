/** What a vacuum is about to do, as values that can be printed, and what became of them. */
import { AshlarError } from '../common/errors.ts'

/** The stages of a vacuum, in their order. */
export const stages = [
  'spool',
  'revisions',
  'artifacts',
  'files',
  'listing',
  'policies',
  'sizes',
  'deletions',
  'figures',
] as const

export type Stage = (typeof stages)[number]

/** One line of a plan. */
export interface PlanLine {
  readonly stage: Stage
  /**
   * `remove`: what nobody could see. `expire`: an artifact, or revisions. `condemn`: a copy, which goes after the grace
   * time. `delete`: a condemned copy whose grace time is over. `copy`: to the store `to`. `report`: nothing is done;
   * somebody ought to look at it.
   */
  readonly action: 'remove' | 'expire' | 'condemn' | 'delete' | 'copy' | 'report'
  /** A digest, `artifact 12`, `local/main r1 to r5`, the id of an upload. */
  readonly subject: string
  readonly store?: string
  readonly to?: string
  readonly bytes: number
  /** The rule that says so, as a sentence. */
  readonly rule: string
}

/** `kept`: it turned out that it is needed, or done, after all. */
export type StepOutcome = 'done' | 'kept'

/** Of a step with several lines each may fail by itself. */
export type LineOutcome = StepOutcome | AshlarError

/** Some lines, and how to carry them out: safe to interrupt, and to do again. */
export interface Step {
  readonly lines: readonly PlanLine[]
  /** How much of its stage has been looked at, from 0 to 1, where that can be told. */
  readonly part?: number
  /** One outcome for each line. Undefined for what is only reported. */
  readonly carryOut?: () => Promise<readonly LineOutcome[]>
}

/**
 * The steps of one store; where looking into it fails, that is told, so that the others are looked into all the same.
 */
export async function* stepsOfStore(stage: Stage, store: string, steps: AsyncIterable<Step>): AsyncGenerator<Step> {
  try {
    yield* steps
  } catch (error) {
    if (!(error instanceof AshlarError)) throw error
    yield failedStep(stage, store, error)
  }
}

/** Tells that a stage could not look into a store; the others are looked into all the same. */
function failedStep(stage: Stage, store: string, error: AshlarError): Step {
  return {
    lines: [{ stage, action: 'report', subject: store, store, bytes: 0, rule: 'it could not be looked into' }],
    carryOut: () => Promise.resolve([error]),
  }
}

/** What one stage has come to. */
export interface StageSummary {
  lines: number
  bytes: number
  done: number
  kept: number
  failed: number
}

export type Summary = Partial<Record<Stage, StageSummary>>
