/**
 * The gate of suites that want to stay installable: what a seal would make of them is compared with what they are.
 *
 * A package counts against a change if it cannot be installed afterwards, and could before or was not there. Packages may
 * come from the suite and from those that its setting names; so a change of one of these is looked at too.
 */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { AshlarError } from '../../common/errors.ts'
import type { Database } from '../../database/database.ts'
import type { Archive } from '../archive-table.ts'
import type { NewlyUninstallable } from '../change-request.ts'
import { architecturesOf, isInstalled, memberRows } from './check-suite.ts'
import type { Effect } from '../effect.ts'
import type { InstallabilityChecker } from './installability-checker.ts'
import type { InstallabilityQuestion } from './installability-worker.ts'
import { headItems } from '../suite-items.ts'
import type { Suite, Suites } from '../suite-table.ts'

/** What counts: the head with the items of the changes `sealing`, without those that `has` tells. */
export interface GateState {
  readonly sealing: readonly number[]
  has(itemId: number): boolean
}

/** What a seal would make of the archive. */
export interface GateStates {
  readonly archive: Archive
  readonly suites: Suites
  readonly before: GateState
  readonly after: GateState
  /** What leads from one to the other. */
  readonly effects: readonly Effect[]
}

export interface GateFinding {
  readonly suite: Suite
  /** How many packages count against the change, on whichever machines. */
  readonly count: number
  /** The first ones, with the reasons, once for each kind of machine. */
  readonly packages: readonly NewlyUninstallable[]
}

/** Packages on one machine, before and after. */
interface Members {
  readonly before: InstallabilityQuestion
  readonly after: InstallabilityQuestion
}

/** Of how many packages the reasons are told. */
const TOLD = 20
/** Verdicts that are remembered: the state after one seal is that before the next. */
const REMEMBERED = 16

export class InstallabilityGate {
  readonly #database: Database
  readonly #checker: InstallabilityChecker
  readonly #broken = new LRUCache<string, ReadonlySet<number>>({ max: REMEMBERED })

  constructor(database: Database, checker: InstallabilityChecker) {
    this.#database = database
    this.#checker = checker
  }

  /** What becomes uninstallable, suite by suite. @throws AshlarError `conflict` if a suite to check with is not there */
  async findings(states: GateStates): Promise<GateFinding[]> {
    const findings: GateFinding[] = []
    for (const suite of states.suites.all) {
      if (suite.settings.installability === 'off' || suite.id === 0) continue
      const architectures = await this.#touchedMachines(states, suite)
      if (architectures.length === 0) continue
      const others = othersOf(suite, states.suites)
      const found: NewlyUninstallable[] = []
      const counted = new Set<number>()
      for (const architecture of architectures) {
        const members = await this.#members(states, suite, others, architecture)
        const newly = await this.#newlyBroken(members)
        for (const id of newly) counted.add(id)
        if (newly.length > 0 && found.length < TOLD) found.push(...(await this.#told(members.after, suite, newly)))
      }
      if (counted.size > 0) findings.push({ suite, count: counted.size, packages: found.slice(0, TOLD) })
    }
    return findings
  }

  /** The machines for which packages come or go. */
  async #touchedMachines(states: GateStates, suite: Suite): Promise<readonly string[]> {
    const involved = new Set(
      [suite.name, ...suite.settings.installabilityWith].map((name) => states.suites.find(name)?.name),
    )
    const touched = (own: (effect: Effect) => boolean): Set<string> => {
      const maps = states.effects.filter(own).flatMap((effect) => [...effect.touched.values()])
      return new Set(maps.filter(({ place }) => isInstalled(place.kind)).map(({ place }) => place.architecture))
    }
    const all = touched((effect) => involved.has(effect.suite.name))
    if (all.size === 0) return []
    const own = touched((effect) => effect.suite.name === suite.name)
    const arriving = [...own].filter((architecture) => architecture !== 'all')
    const present = await architecturesOf(this.#database.read, suite, states.archive.head, arriving)
    return all.has('all') ? present : present.filter((architecture) => all.has(architecture))
  }

  async #members(states: GateStates, suite: Suite, others: readonly Suite[], architecture: string): Promise<Members> {
    const listed = async (wanted: readonly Suite[]) => {
      const [before, after]: [number[], number[]] = [[], []]
      const earlier = new Set(states.before.sealing)
      const fresh = new Set(states.after.sealing.filter((change) => !earlier.has(change)))
      for (const each of wanted) {
        const items = headItems(this.#database.read, states.after.sealing)
        for await (const row of memberRows(items, each.id, architecture)) {
          if (!states.after.has(row.id)) after.push(row.package_id)
          if (!fresh.has(row.added_by) && !states.before.has(row.id)) before.push(row.package_id)
        }
      }
      return { before: Int32Array.from(before), after: Int32Array.from(after) }
    }
    const [own, foreign] = [await listed([suite]), await listed(others)]
    const question = (packages: Int32Array, from: Int32Array): InstallabilityQuestion => ({
      architecture,
      packages,
      others: from,
      wanted: null,
      limit: 0,
    })
    return { before: question(own.before, foreign.before), after: question(own.after, foreign.after) }
  }

  async #newlyBroken({ before, after }: Members): Promise<Int32Array> {
    if (keyOf(before) === keyOf(after)) return new Int32Array(0)
    const broken = await this.#brokenIn(after)
    if (broken.size === 0) return new Int32Array(0)
    const known = new Set(before.packages)
    const fresh = [...broken].filter((id) => !known.has(id))
    const old = [...broken].filter((id) => known.has(id))
    const brokenBefore = old.length === 0 ? new Set<number>() : await this.#brokenIn(before)
    return Int32Array.from([...fresh, ...old.filter((id) => !brokenBefore.has(id))])
  }

  async #brokenIn(question: InstallabilityQuestion): Promise<ReadonlySet<number>> {
    const key = keyOf(question)
    const known = this.#broken.get(key)
    if (known !== undefined) return known
    const { broken } = await this.#checker.ask(question, 'patient')
    const found = new Set(broken)
    this.#broken.set(key, found)
    return found
  }

  async #told(after: InstallabilityQuestion, suite: Suite, newly: Int32Array): Promise<NewlyUninstallable[]> {
    const explained = newly.slice(0, TOLD)
    const { told } = await this.#checker.ask({ ...after, wanted: explained, limit: TOLD }, 'patient')
    return told.map(({ name, version, architecture, reasons }) => ({
      suite: suite.name,
      machine: after.architecture,
      name,
      version,
      architecture,
      reasons,
    }))
  }
}

function othersOf(suite: Suite, suites: Suites): Suite[] {
  return suite.settings.installabilityWith.map((name) => {
    const other = suites.find(name)
    if (other !== undefined) return other
    throw new AshlarError(
      'conflict',
      `The suite '${suite.name}' is checked with '${name}', which does not exist; change its setting installabilityWith.`,
    )
  })
}

/** Tells two states apart. */
function keyOf({ architecture, packages, others }: InstallabilityQuestion): string {
  const digest = createHash('sha256').update(`${architecture} ${packages.length}\n`)
  return digest.update(packages).update(others).digest('base64')
}
