/** The suites of an archive while changes are planned: created, set, named otherwise, one change after the other. */
import { AshlarError } from '../../common/errors.ts'
import type { StepRequest } from '../change-request.ts'
import { defaultSettings, type SuiteSettings, withSettings } from '../settings.ts'
import { type Suite, Suites } from '../suite-table.ts'

/** Settings that a change gives a suite; it is created by the first. */
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

/** What is asked of suites themselves rather than of their packages. */
export type SuiteRequest = Extract<StepRequest, { kind: 'suite-create' | 'suite-update' | 'alias' }>

export function asksOfSuite(request: StepRequest): request is SuiteRequest {
  return request.kind === 'suite-create' || request.kind === 'suite-update' || request.kind === 'alias'
}

export class PlannedSuites {
  readonly settings: NewSettings[] = []
  readonly aliases: NewAlias[] = []
  #suites: Suites

  constructor(suites: Suites) {
    this.#suites = suites
  }

  /** As the changes so far make them. */
  get now(): Suites {
    return this.#suites
  }

  /**
   * @param newId what a suite that the change creates has as its id; 0 if it gets one only when the plan is carried out
   * @throws AshlarError conflict, suite-unknown, suite-setting-invalid; then nothing has changed
   */
  take(changeId: number, request: SuiteRequest, newId: number): void {
    switch (request.kind) {
      case 'suite-create':
        this.#create(changeId, request, newId)
        return
      case 'suite-update': {
        const suite = this.#suites.get(request.suite)
        const settings = withSettings(suite.settings, request.settings)
        if (JSON.stringify(settings) === JSON.stringify(suite.settings)) return
        this.settings.push({ changeId, suite: suite.name, settings })
        this.#replace({ ...suite, settings })
        return
      }
      case 'alias':
        this.#setAlias(changeId, request.name, request.suite)
    }
  }

  /** Notes how things are; the function that it gives brings them back. */
  mark(): () => void {
    const [suites, settings, aliases] = [this.#suites, this.settings.length, this.aliases.length]
    return () => {
      this.#suites = suites
      this.settings.length = settings
      this.aliases.length = aliases
    }
  }

  #create(changeId: number, request: Extract<SuiteRequest, { kind: 'suite-create' }>, id: number): void {
    const names = [request.suite, ...(request.aliases ?? [])]
    for (const name of names) this.#requireFree(name)
    const settings = withSettings(defaultSettings(request.suite), request.settings)
    this.settings.push({ changeId, suite: request.suite, settings })
    for (const name of request.aliases ?? []) this.aliases.push({ changeId, name, suite: request.suite })
    this.#replace({ id, name: request.suite, settings, aliases: request.aliases ?? [] })
  }

  #setAlias(changeId: number, name: string, target: string | null): void {
    const holder = this.#suites.find(name)
    if (holder?.name === name) throw new AshlarError('conflict', `'${name}' is a suite, so it cannot be an alias.`)
    const suite = target === null ? undefined : this.#suites.get(target)
    if (target === null && holder === undefined) {
      throw new AshlarError('not-found', `There is no alias '${name}' in this workspace.`)
    }
    if (holder?.name === suite?.name) return
    this.aliases.push({ changeId, name, suite: suite?.name ?? null })
    if (holder !== undefined) this.#replace({ ...holder, aliases: holder.aliases.filter((alias) => alias !== name) })
    if (suite !== undefined) this.#replace({ ...suite, aliases: [...suite.aliases, name].toSorted() })
  }

  #requireFree(name: string): void {
    const holder = this.#suites.find(name)
    if (holder !== undefined) {
      throw new AshlarError('conflict', `The name '${name}' is taken by the suite '${holder.name}'.`)
    }
  }

  #replace(suite: Suite): void {
    const others = this.#suites.all.filter((one) => one.name !== suite.name)
    this.#suites = new Suites([...others, suite])
  }
}
