/**
 * What sealing the waiting changes would do: which are accepted, which items end, which maps change where.
 *
 * Changes are taken in the order in which they were recorded, each on top of the accepted ones before it; one that
 * cannot be is refused as a whole and leaves no trace in the plan, and so are all steps of a batch if one of them cannot
 * be. Nothing is written here but the items of a rollback and those that a step of a batch copies, which belong to their
 * change until it is sealed.
 */
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Archive } from './archive-table.ts'
import { inStep, type WaitingStep } from './batch-steps.ts'
import type { MirrorRequest, StepRequest, TakenIndex } from './change-request.ts'
import { debugSuiteOf } from './debug-suites.ts'
import { Effect, type PlanState } from './effect.ts'
import { requireThawed } from './frozen.ts'
import type { HeldLease } from './held-lease.ts'
import { describeFindings } from './installability/gate-refusal.ts'
import type { GateState, GateStates, InstallabilityGate } from './installability/installability-gate.ts'
import { refuseMirrored } from './mirrored-suites.ts'
import { isCopiedLater } from './new-items.ts'
import { addItems } from './plan/plan-add.ts'
import { copyItems } from './plan/plan-copy.ts'
import { changedMeanwhile, mirrorItems, requireCompared } from './plan/plan-mirror.ts'
import { removePackages, removeSelected } from './plan/plan-remove.ts'
import { rollBack } from './plan/plan-rollback.ts'
import { dropOutdatedSources } from './plan/plan-sources.ts'
import { asksOfSuite, type NewAlias, type NewSettings, PlannedSuites } from './plan/plan-suites.ts'
import { reservedSuiteId } from './reserved-suites.ts'
import { type Suite, type Suites, suitesAt } from './suite-table.ts'
import { changedIndexes, takenIndexes } from './taken-indexes.ts'

/** What is sealed or refused as one. */
export type WaitingChange =
  | ({ readonly kind: 'single' } & WaitingStep)
  | { readonly kind: 'batch'; readonly id: number; readonly steps: readonly WaitingStep[] }

export interface SealPlan {
  /** With a batch its steps too. */
  readonly accepted: readonly number[]
  readonly refused: readonly { readonly change: WaitingChange; readonly error: AshlarError }[]
  readonly effects: readonly Effect[]
  /** Items that count no more. */
  readonly ended: ReadonlySet<number>
  readonly settings: readonly NewSettings[]
  readonly aliases: readonly NewAlias[]
  /** The indexes that mirrored suites take as they are, by the suite's name; only those that change. */
  readonly taken: ReadonlyMap<string, readonly TakenIndex[]>
  /** The suites as they are. */
  readonly before: Suites
  /** The suites as they will be; those to be created have the id 0, unless one was reserved for them. */
  readonly suites: Suites
}

/** Tells whether sealing the plan makes a new state. */
export function changesAnything(plan: SealPlan): boolean {
  const names = plan.settings.length > 0 || plan.aliases.length > 0 || plan.taken.size > 0
  return names || plan.effects.some((effect) => effect.touched.size > 0)
}

/**
 * The gate is asked about all changes at once, since they become one state; only if something would be uninstallable in
 * that, it is asked about each of them by itself.
 *
 * @param lease that of the archive; undefined to see what sealing would do
 */
export async function planSeal(
  { database, gate }: { readonly database: Database; readonly gate: InstallabilityGate },
  archive: Archive,
  lease: HeldLease | undefined,
  waiting: readonly WaitingChange[],
): Promise<SealPlan> {
  const suites = await suitesAt(database.read, archive.id, archive.head)
  const planner = new Planner(database, archive, lease, suites)
  for (const change of waiting) await planner.take(change)
  const before = { sealing: [], has: () => false }
  const { effects, suites: then } = planner
  if (!(await objects(gate, { archive, suites: then, before, after: planner, effects }))) return planner
  const careful = new Planner(database, archive, lease, suites)
  for (const change of waiting) await careful.take(change, gate)
  return careful
}

async function objects(gate: InstallabilityGate, states: GateStates): Promise<boolean> {
  try {
    return (await gate.findings(states)).length > 0
  } catch (error) {
    // Which change has to answer for it is found out one by one.
    if (error instanceof AshlarError) return true
    throw error
  }
}

class Planner implements SealPlan, PlanState {
  readonly database: Database
  readonly archive: Archive
  readonly lease: HeldLease | undefined
  readonly accepted: number[] = []
  readonly refused: { change: WaitingChange; error: AshlarError }[] = []
  readonly effects: Effect[] = []
  readonly ended = new Set<number>()
  readonly taken = new Map<string, readonly TakenIndex[]>()
  readonly before: Suites
  readonly #suites: PlannedSuites

  constructor(database: Database, archive: Archive, lease: HeldLease | undefined, suites: Suites) {
    this.database = database
    this.archive = archive
    this.lease = lease
    this.before = suites
    this.#suites = new PlannedSuites(suites)
  }

  get sealing(): readonly number[] {
    return this.accepted
  }

  get suites(): Suites {
    return this.#suites.now
  }

  get settings(): readonly NewSettings[] {
    return this.#suites.settings
  }

  get aliases(): readonly NewAlias[] {
    return this.#suites.aliases
  }

  has(itemId: number): boolean {
    return this.ended.has(itemId)
  }

  /** @param gate asked about the change, if given */
  async take(change: WaitingChange, gate?: InstallabilityGate): Promise<void> {
    const back = this.#mark()
    const before = gate === undefined ? undefined : this.#copy()
    const start = this.effects.length
    try {
      if (change.kind === 'single') await this.#apply(change, 'single')
      else await this.#applySteps(change.steps)
      this.accepted.push(change.id)
      if (gate !== undefined && before !== undefined) await this.#pass(gate, before, this.effects.slice(start))
    } catch (error) {
      if (!(error instanceof AshlarError)) throw error
      back()
      this.refused.push({ change, error })
    }
  }

  /** Notes what a change makes uninstallable, or refuses it, as the suites want it. */
  async #pass(gate: InstallabilityGate, before: GateState, effects: readonly Effect[]): Promise<void> {
    const { archive, suites } = this
    const findings = await gate.findings({ archive, suites, before, after: this, effects })
    const refused = findings.filter(({ suite }) => suite.settings.installability === 'refuse')
    if (refused.length > 0) throw describeFindings(refused)
    for (const { suite, packages } of findings) {
      const responsible = effects.find((effect) => effect.suite.name === suite.name) ?? effects[0]
      responsible?.uninstallable.push(...packages)
    }
  }

  #copy(): GateState {
    const [sealing, ended] = [[...this.accepted], new Set(this.ended)]
    return { sealing, has: (itemId) => ended.has(itemId) }
  }

  async #applySteps(steps: readonly WaitingStep[]): Promise<void> {
    for (const [i, step] of steps.entries()) {
      await inStep(i + 1, step.request, () => this.#apply(step, 'step'))
      this.accepted.push(step.id)
    }
  }

  /** Notes how the plan is; the function that it gives brings it back. */
  #mark(): () => void {
    const [accepted, effects, suites] = [this.accepted.length, this.effects.length, this.#suites.mark()]
    const taken = new Set(this.taken.keys())
    return () => {
      for (const suite of this.taken.keys()) if (!taken.has(suite)) this.taken.delete(suite)
      this.accepted.length = accepted
      for (const effect of this.effects.splice(effects)) for (const id of effect.ending) this.ended.delete(id)
      suites()
    }
  }

  async #apply({ id, request }: WaitingStep, as: 'single' | 'step'): Promise<void> {
    if (asksOfSuite(request)) {
      const isNew = request.kind === 'suite-create'
      const newId = isNew ? await reservedSuiteId(this.database.read, this.archive.id, request.suite) : undefined
      this.#suites.take(id, request, newId ?? 0)
      return
    }
    if (request.kind === 'mirror') return await this.#mirror(id, request)
    const effect = new Effect(id, this.suites.get(request.suite))
    // What others copy was recorded with them.
    if (request.kind === 'copy' && (as === 'step' || isCopiedLater(request))) await copyItems(this, effect, request)
    const elsewhere = await suitesBeside(this, effect, request)
    for (const each of [effect, ...elsewhere.map((suite) => new Effect(id, suite))]) {
      // What a batch thaws first, its later steps may change.
      requireThawed(each.suite)
      await planItems(this, each, request)
      this.effects.push(each)
      for (const item of each.ending) this.ended.add(item)
    }
  }

  /** What was found upstream, on top of what it was compared with. */
  async #mirror(id: number, request: MirrorRequest): Promise<void> {
    const { suite: name, settings } = request
    if (this.effects.some((effect) => effect.suite.name === name)) throw changedMeanwhile(request)
    const reserved = await requireCompared(this, request)
    const now = this.suites.find(name)
    if (now !== undefined) requireThawed(now)
    if (request.base === null) this.#suites.take(id, { kind: 'suite-create', suite: name, settings }, reserved)
    else this.#suites.take(id, { kind: 'suite-update', suite: name, settings }, 0)
    const effect = new Effect(id, this.suites.get(name))
    await mirrorItems(this, effect, request)
    this.effects.push(effect)
    if (request.taken !== undefined) {
      this.taken.set(name, request.taken)
      effect.takenIndexes = changedIndexes(await takenIndexes(this.database.read, effect.suite.id), request.taken)
    }
    for (const item of effect.ending) this.ended.add(item)
  }
}

/**
 * The other suites in which a change has items: that for the debug symbols of its suite, if it brings some. An alias or a
 * setting may have changed since it was recorded; then they are where nobody expects them.
 *
 * @throws AshlarError conflict
 */
async function suitesBeside(state: PlanState, effect: Effect, request: ItemsRequest): Promise<Suite[]> {
  const rows = await state.database.read
    .selectFrom('suite_item')
    .select('suite_id')
    .distinct()
    .where('added_by', '=', effect.changeId)
    .where('suite_id', '!=', effect.suite.id)
    .execute()
  if (rows.length === 0) return []
  const brings = request.kind === 'add' || request.kind === 'copy'
  const debug = brings ? debugSuiteOf(state.suites, effect.suite) : undefined
  if (debug !== undefined && rows.every((row) => row.suite_id === debug.id)) {
    await refuseMirrored(state.database.read, state.archive.id, [debug.name])
    return [debug]
  }
  throw new AshlarError(
    'conflict',
    `'${request.suite}' came to mean another suite, or its debug symbols to go elsewhere, while the change waited.`,
  )
}

type ItemsRequest = Extract<StepRequest, { kind: 'add' | 'remove' | 'edit' | 'copy' | 'rollback' }>

async function planItems(state: PlanState, effect: Effect, request: ItemsRequest): Promise<void> {
  if (request.kind === 'rollback') return rollBack(state, effect, request.to)
  const sources = await planComingAndGoing(state, effect, request)
  // At the end, since a binary may go and come back in one change, and its source stays.
  if (effect.suite.settings.versions === 'newest') await dropOutdatedSources(state, effect, sources)
}

/** @returns the sources from which items that came or went are built */
async function planComingAndGoing(
  state: PlanState,
  effect: Effect,
  request: Exclude<ItemsRequest, { kind: 'rollback' }>,
): Promise<Set<string>> {
  switch (request.kind) {
    case 'add':
      return addItems(state, effect, { replaceTwins: request.onPoolConflict === 'second-path', mayRefuseLower: true })
    case 'copy':
      return addItems(state, effect, { replaceTwins: false })
    case 'remove':
      return removeSelected(state, effect, request.packages)
    case 'edit': {
      const gone = await removePackages(state, effect, request.remove)
      return gone.union(await addItems(state, effect, { replaceTwins: request.onPoolConflict === 'second-path' }))
    }
  }
}
