/**
 * A vacuum: stage by stage, what is planned is told, and unless it is a dry run carried out in small steps. Each step is
 * safe to interrupt and to do again, and looks again at what it is about to change. No lock is held while a store is
 * spoken to.
 */
import { AshlarError, type ErrorCode } from '../common/errors.ts'
import { inOrder } from '../common/in-order.ts'
import type { Context } from './context.ts'
import type { LineOutcome, PlanLine, Stage, StageSummary, Step, StepOutcome, Summary } from './plan.ts'

/** What a vacuum tells while it goes on. */
export type VacuumEvent =
  | { readonly kind: 'stage'; readonly stage: Stage }
  /** How much of the stage has been looked at, from 0 to 1. */
  | { readonly kind: 'progress'; readonly stage: Stage; readonly part: number }
  /** Without an outcome in a dry run, and for what is only reported. */
  | { readonly kind: 'line'; readonly line: PlanLine; readonly outcome?: StepOutcome }
  | { readonly kind: 'failure'; readonly line: PlanLine; readonly code: ErrorCode; readonly detail: string }

/** One stage: what it plans on what is so when it is its turn. */
export interface StagePlan {
  readonly stage: Stage
  readonly steps: (context: Context) => AsyncIterable<Step>
  /** How many steps may be under way at once. */
  readonly concurrency: number
}

/** Runs the stages. What fails is told and passed over; an error of ours, and the signal's reason, end it. */
export async function* runStages(
  context: Context,
  plans: readonly StagePlan[],
): AsyncGenerator<VacuumEvent, void, undefined> {
  for (const { stage, steps, concurrency } of plans) {
    yield { kind: 'stage', stage }
    const work = async (step: Step): Promise<VacuumEvent[]> => {
      const events = await carryOut(context, step)
      if (step.part !== undefined) events.push({ kind: 'progress', stage, part: step.part })
      return events
    }
    try {
      for await (const events of inOrder(steps(context), concurrency, work)) yield* events
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof AshlarError)) throw error
      const rule = 'it could not be planned to its end'
      yield failure({ stage, action: 'report', subject: stage, bytes: 0, rule }, error)
    }
  }
}

async function carryOut(context: Context, step: Step): Promise<VacuumEvent[]> {
  context.signal.throwIfAborted()
  if (context.dryRun || step.carryOut === undefined) return step.lines.map((line) => ({ kind: 'line', line }))
  const outcomes = await outcomesOf(context, step.carryOut)
  return step.lines.map((line, index): VacuumEvent => {
    const outcome = outcomes instanceof AshlarError ? outcomes : outcomes[index]
    const store = line.to ?? line.store
    if (store !== undefined) context.troubles.note(store, !isOfStore(outcome))
    if (outcome === undefined) return { kind: 'line', line }
    return outcome instanceof AshlarError ? failure(line, outcome) : { kind: 'line', line, outcome }
  })
}

async function outcomesOf(
  { signal }: Context,
  perform: NonNullable<Step['carryOut']>,
): Promise<readonly LineOutcome[] | AshlarError> {
  try {
    return await perform()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AshlarError) return error
    throw error
  }
}

function isOfStore(outcome: LineOutcome | undefined): boolean {
  return outcome instanceof AshlarError && outcome.code === 'storage-failed'
}

function failure(line: PlanLine, { code, message: detail }: AshlarError): VacuumEvent {
  return { kind: 'failure', line, code, detail }
}

/** Adds up what was told. */
export function summed(summary: Summary, event: VacuumEvent): Summary {
  if (event.kind === 'stage') return { ...summary, [event.stage]: emptySummary() }
  if (event.kind === 'progress') return summary
  const { stage, bytes } = event.line
  const sum = summary[stage] ?? emptySummary()
  sum.lines += 1
  sum.bytes += bytes
  if (event.kind === 'failure') sum.failed += 1
  else if (event.outcome !== undefined) sum[event.outcome] += 1
  summary[stage] = sum
  return summary
}

function emptySummary(): StageSummary {
  return { lines: 0, bytes: 0, done: 0, kept: 0, failed: 0 }
}
