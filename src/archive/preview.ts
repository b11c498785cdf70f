/**
 * What changes would do, without doing it: they are recorded as those are that never wait for a seal, planned by what
 * plans a seal, and forgotten.
 */
import type { Kysely } from 'kysely'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import type { Archive } from './archive-table.ts'
import { stepsOf, type WaitingStep } from './batch-steps.ts'
import { LINES_PER_ANSWER, type PackageLine, type SealedChange, type StepRequest } from './change-request.ts'
import type { Effect } from './effect.ts'
import type { InstallabilityGate } from './installability/installability-gate.ts'
import { forgetPreview, recordChange } from './record-change.ts'
import { planSeal } from './seal-plan.ts'

/** What one step would do. */
export type PreviewedStep = Pick<
  SealedChange,
  'suite' | 'added' | 'removed' | 'addedCount' | 'removedCount' | 'leftOut' | 'unmet' | 'uninstallable'
>

/** What a batch would do to the archive as it is at a revision. */
export interface Preview {
  readonly revision: number
  readonly steps: readonly PreviewedStep[]
}

interface PreviewContext {
  readonly database: Database
  readonly faults: Faults
  readonly gate: InstallabilityGate
  readonly signal?: AbortSignal | undefined
}

const IDS_PER_QUERY = 500

/** @throws AshlarError why one of the steps cannot be */
export async function previewSteps(
  { database, faults, gate, signal }: PreviewContext,
  archive: Archive,
  steps: readonly StepRequest[],
): Promise<Preview> {
  const id = await recordChange(
    database,
    archive,
    { kind: 'batch', steps },
    { userId: null, faults, signal, preview: true, waitFor: () => Promise.resolve() },
  )
  try {
    const recorded = (await stepsOf(database.read, [id])).get(id) ?? []
    const plan = await planSeal({ database, gate }, archive, undefined, [{ kind: 'batch', id, steps: recorded }])
    const [refused] = plan.refused
    if (refused !== undefined) throw refused.error
    const effects = Map.groupBy(plan.effects, (effect) => effect.changeId)
    const previewed: PreviewedStep[] = []
    for (const step of recorded) previewed.push(await previewOf(database.read, step, effects.get(step.id) ?? []))
    return { revision: archive.head, steps: previewed }
  } finally {
    await forgetPreview(database, id)
  }
}

async function previewOf(
  db: Kysely<Tables>,
  { id, request }: WaitingStep,
  effects: readonly Effect[],
): Promise<PreviewedStep> {
  const suite = effects[0]?.suite.name ?? request.suite ?? ''
  const none = { added: [], removed: [], addedCount: 0, removedCount: 0, leftOut: [], unmet: [], uninstallable: [] }
  if (effects.length === 0) return { suite, ...none }
  const coming = await db.selectFrom('suite_item').select('id').where('added_by', '=', id).execute()
  const added = coming.map((row) => row.id).filter((item) => !effects.some((effect) => effect.dropped.has(item)))
  const alreadyUnmet = request.kind === 'add' ? (request.from?.unmet ?? []) : []
  const removed = effects.flatMap((effect) => [...effect.removed])
  return {
    suite,
    added: await linesOf(db, added),
    removed: await linesOf(db, removed),
    addedCount: added.length,
    removedCount: removed.length,
    leftOut: effects.flatMap((effect) => effect.leftOut).slice(0, LINES_PER_ANSWER),
    unmet: [...effects.flatMap((effect) => effect.unmet), ...alreadyUnmet].slice(0, LINES_PER_ANSWER),
    uninstallable: effects.flatMap((effect) => effect.uninstallable).slice(0, LINES_PER_ANSWER),
  }
}

/** By name, as many as an answer has. */
async function linesOf(db: Kysely<Tables>, itemIds: readonly number[]): Promise<PackageLine[]> {
  const lines: PackageLine[] = []
  for (let start = 0; start < itemIds.length; start += IDS_PER_QUERY) {
    const rows = await db
      .selectFrom('suite_item')
      .innerJoin('package', 'package.id', 'suite_item.package_id')
      .select(['suite_item.name', 'package.version', 'suite_item.architecture', 'suite_item.component'])
      .where('suite_item.id', 'in', itemIds.slice(start, start + IDS_PER_QUERY))
      .execute()
    lines.push(...rows)
  }
  return lines.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name))).slice(0, LINES_PER_ANSWER)
}
