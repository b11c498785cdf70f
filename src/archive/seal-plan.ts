/**
 * What sealing the waiting changes would do: which are accepted, which items end, which maps change where.
 *
 * Changes are taken in the order in which they were recorded, each on top of the accepted ones before it; one that
 * cannot be is refused as a whole and leaves no trace in the plan. Nothing is written here but the items of a
 * rollback, which belong to their change until it is sealed.
 */
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Archive } from './archive-table.ts'
import type { ChangeRequest } from './change-request.ts'
import { Effect, type PlanState } from './effect.ts'
import type { HeldLease } from './held-lease.ts'
import { addItems } from './plan-add.ts'
import { removePackages, removeSelected } from './plan-remove.ts'
import { rollBack } from './plan-rollback.ts'
import { dropOutdatedSources } from './plan-sources.ts'
import { defaultSettings, type SuiteSettings, withSettings } from './settings.ts'
import { type Suite, Suites, suitesAt } from './suite-table.ts'

export interface WaitingChange {
  readonly id: number
  readonly request: ChangeRequest
}

/** Settings that a change gives a suite; a suite without an id is created by it. */
export interface NewSettings {
  readonly changeId: number
  readonly suite: string
  readonly settings: SuiteSettings
}

export interface NewAlias {
  readonly changeId: number
  readonly name: string
  /** Null ends the alias. */
  readonly suite: string | null
}

export interface SealPlan {
  readonly accepted: readonly number[]
  readonly refused: readonly { readonly change: WaitingChange; readonly error: AshlarError }[]
  readonly effects: readonly Effect[]
  /** Items that count no more. */
  readonly ended: ReadonlySet<number>
  readonly settings: readonly NewSettings[]
  readonly aliases: readonly NewAlias[]
  /** The suites as they will be; those to be created have the id 0. */
  readonly suites: Suites
}

/** Tells whether sealing the plan makes a new state. */
export function changesAnything(plan: SealPlan): boolean {
  return plan.settings.length > 0 || plan.aliases.length > 0 || plan.effects.some((effect) => effect.touched.size > 0)
}

export async function planSeal(
  database: Database,
  archive: Archive,
  lease: HeldLease,
  waiting: readonly WaitingChange[],
): Promise<SealPlan> {
  const planner = new Planner(database, archive, lease, await suitesAt(database.read, archive.id, archive.head))
  for (const change of waiting) await planner.take(change)
  return planner
}

class Planner implements SealPlan, PlanState {
  readonly database: Database
  readonly archive: Archive
  readonly lease: HeldLease
  readonly accepted: number[] = []
  readonly refused: { change: WaitingChange; error: AshlarError }[] = []
  readonly effects: Effect[] = []
  readonly settings: NewSettings[] = []
  readonly aliases: NewAlias[] = []
  readonly ended = new Set<number>()
  suites: Suites

  constructor(database: Database, archive: Archive, lease: HeldLease, suites: Suites) {
    this.database = database
    this.archive = archive
    this.lease = lease
    this.suites = suites
  }

  get sealing(): readonly number[] {
    return this.accepted
  }

  has(itemId: number): boolean {
    return this.ended.has(itemId)
  }

  async take(change: WaitingChange): Promise<void> {
    try {
      await this.#apply(change.id, change.request)
      this.accepted.push(change.id)
    } catch (error) {
      if (!(error instanceof AshlarError)) throw error
      this.refused.push({ change, error })
    }
  }

  async #apply(changeId: number, request: ChangeRequest): Promise<void> {
    switch (request.kind) {
      case 'suite-create':
        this.#createSuite(changeId, request)
        return
      case 'suite-update': {
        const suite = this.suites.get(request.suite)
        const settings = withSettings(suite.settings, request.settings)
        if (JSON.stringify(settings) === JSON.stringify(suite.settings)) return
        this.settings.push({ changeId, suite: suite.name, settings })
        this.#replace({ ...suite, settings })
        return
      }
      case 'alias':
        this.#setAlias(changeId, request.name, request.suite)
        return
      case 'add':
      case 'remove':
      case 'edit':
      case 'copy':
      case 'rollback': {
        const effect = new Effect(changeId, this.suites.get(request.suite))
        await requireOwnSuite(this, effect, request.suite)
        await planItems(this, effect, request)
        this.effects.push(effect)
        for (const id of [...effect.removed, ...effect.dropped]) this.ended.add(id)
      }
    }
  }

  #createSuite(changeId: number, request: Extract<ChangeRequest, { kind: 'suite-create' }>): void {
    const names = [request.suite, ...(request.aliases ?? [])]
    for (const name of names) this.#requireFree(name)
    const settings = withSettings(defaultSettings(request.suite), request.settings)
    this.settings.push({ changeId, suite: request.suite, settings })
    for (const name of request.aliases ?? []) this.aliases.push({ changeId, name, suite: request.suite })
    this.#replace({ id: 0, name: request.suite, settings, aliases: request.aliases ?? [] })
  }

  #setAlias(changeId: number, name: string, target: string | null): void {
    const holder = this.suites.find(name)
    if (holder?.name === name) throw new AshlarError('conflict', `'${name}' is a suite, so it cannot be an alias.`)
    const suite = target === null ? undefined : this.suites.get(target)
    if (target === null && holder === undefined) {
      throw new AshlarError('not-found', `There is no alias '${name}' in this workspace.`)
    }
    if (holder?.name === suite?.name) return
    this.aliases.push({ changeId, name, suite: suite?.name ?? null })
    if (holder !== undefined) this.#replace({ ...holder, aliases: holder.aliases.filter((alias) => alias !== name) })
    if (suite !== undefined) this.#replace({ ...suite, aliases: [...suite.aliases, name].toSorted() })
  }

  #requireFree(name: string): void {
    const holder = this.suites.find(name)
    if (holder !== undefined) {
      throw new AshlarError('conflict', `The name '${name}' is taken by the suite '${holder.name}'.`)
    }
  }

  #replace(suite: Suite): void {
    const others = this.suites.all.filter((one) => one.name !== suite.name)
    this.suites = new Suites([...others, suite])
  }
}

/** An alias may have moved since the change was recorded, and with it its items would be in two suites. */
async function requireOwnSuite(state: PlanState, effect: Effect, name: string): Promise<void> {
  const elsewhere = await state.database.read
    .selectFrom('suite_item')
    .select('id')
    .where('added_by', '=', effect.changeId)
    .where('suite_id', '!=', effect.suite.id)
    .limit(1)
    .executeTakeFirst()
  if (elsewhere === undefined) return
  throw new AshlarError('conflict', `'${name}' came to mean another suite while the change waited.`)
}

type ItemsRequest = Extract<ChangeRequest, { kind: 'add' | 'remove' | 'edit' | 'copy' | 'rollback' }>

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
      return addItems(state, effect, { replaceTwins: request.onPoolConflict === 'second-path' })
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
