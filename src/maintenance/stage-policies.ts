/** Populate and drain: every file gets the copies that policies ask for, then leaves the stores that are drained. */
import { AshlarError } from '../common/errors.ts'
import type { StoreMap } from '../storage/store-policy.ts'
import type { Context } from './context.ts'
import { type FileView, filePages, filesNow } from './file-pages.ts'
import { Mover } from './move-file.ts'
import { placementOf, type PlacementStep } from './placement.ts'
import type { LineOutcome, PlanLine, Step } from './plan.ts'

export async function* policySteps(context: Context): AsyncGenerator<Step, void, undefined> {
  const { database, storage, dryRun, signal } = context
  const map = await storage.stores.map()
  if (!asksForAnything(map)) return
  const mover = new Mover(context)
  for await (const page of filePages(database.read, { withoutExpiring: dryRun, signal })) {
    for (const file of page.files) {
      const steps = placementOf(map, file)
      if (steps.length === 0) continue
      const lines = steps.map((step) => lineOf(map, file, step))
      const isStuck = steps.every((step) => step.kind === 'stuck')
      yield isStuck ? { lines } : { lines, carryOut: () => place(context, mover, file, steps) }
    }
    yield { lines: [], part: page.part }
  }
}

/** Whether any policy or store can make a file be elsewhere than where its upload went. */
function asksForAnything(map: StoreMap): boolean {
  return (
    map.policies.some((policy) => policy.populate || policy.drain || policy.writeOnly) ||
    map.all.some((store) => store.scopeId !== null)
  )
}

function lineOf(map: StoreMap, file: FileView, step: PlacementStep): PlanLine {
  const { sha256: subject, sizeBytes: bytes } = file
  const { rule } = step
  if (step.kind === 'copy') return { stage: 'policies', action: 'copy', subject, to: step.to.name, bytes, rule }
  const store = map.byId(step.storeId)?.name ?? ''
  const action = step.kind === 'condemn' ? 'condemn' : 'report'
  return { stage: 'policies', action, subject, store, bytes, rule }
}

async function place(
  context: Context,
  mover: Mover,
  planned: FileView,
  steps: readonly PlacementStep[],
): Promise<LineOutcome[]> {
  const outcomes: LineOutcome[] = []
  for (const step of steps) {
    // Each on what is so now: an earlier step, or somebody else, may have changed it. A store that fails keeps none of
    // the others from what is theirs.
    const [file] = await filesNow(context.database.read, [planned.id])
    outcomes.push(file === undefined ? 'kept' : await attempt(mover, file, step))
  }
  return outcomes
}

async function attempt(mover: Mover, file: FileView, step: PlacementStep): Promise<LineOutcome> {
  try {
    return (await carryOut(mover, file, step)) ? 'done' : 'kept'
  } catch (error) {
    if (error instanceof AshlarError) return error
    throw error
  }
}

async function carryOut(mover: Mover, file: FileView, step: PlacementStep): Promise<boolean> {
  switch (step.kind) {
    case 'copy':
      return (await mover.copy(file, step.to)) === 'copied'
    case 'condemn':
      return await mover.letGo({
        fileId: file.id,
        storeId: step.storeId,
        rule: step.rule,
        stillWanted: (map, now) =>
          !placementOf(map, now).some((next) => next.kind === 'condemn' && next.storeId === step.storeId),
      })
    case 'stuck':
      return false
  }
}
