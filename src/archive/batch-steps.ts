/** The steps of a batch, and which of them is to blame when it cannot be. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import type { ChangeRequest, StepRequest } from './change-request.ts'

/** A change of its own that waits, or a step of a batch. */
export interface WaitingStep {
  readonly id: number
  readonly request: StepRequest
}

/**
 * Does something with one step.
 *
 * @param number from 1
 * @throws AshlarError what was thrown, with the step named in its sentence and in its member `step`
 */
export async function inStep<T>(number: number, request: StepRequest, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw namingStep(number, request, error)
  }
}

export function namingStep(number: number, { kind, suite }: StepRequest, error: unknown): unknown {
  if (!(error instanceof AshlarError)) return error
  const place = suite === null || suite === undefined ? '' : ` of ${suite}`
  const sentence = `Step ${number} (${kind}${place}) cannot be, so nothing of the batch was done: ${error.message}`
  return new AshlarError(error.code, sentence, { cause: error, extra: { ...error.extra, step: number } })
}

/** What a change asked for, with the steps of a batch. */
export async function recordedRequest(
  db: Kysely<Tables>,
  change: { readonly id: number; readonly request_json: string },
): Promise<ChangeRequest> {
  const request = JSON.parse(change.request_json) as ChangeRequest
  if (request.kind !== 'batch') return request
  const steps = (await stepsOf(db, [change.id])).get(change.id) ?? []
  return { kind: 'batch', steps: steps.map((step) => step.request) }
}

/** The steps of batches, by the batch. */
export async function stepsOf(db: Kysely<Tables>, batchIds: readonly number[]): Promise<Map<number, WaitingStep[]>> {
  const steps = new Map(batchIds.map((id): [number, WaitingStep[]] => [id, []]))
  if (batchIds.length === 0) return steps
  const rows = await db
    .selectFrom('change')
    .select(['id', 'batch_id', 'request_json'])
    .where('batch_id', 'in', [...batchIds])
    .orderBy('step')
    .execute()
  for (const row of rows) {
    steps.get(row.batch_id ?? 0)?.push({ id: row.id, request: JSON.parse(row.request_json) as StepRequest })
  }
  return steps
}
