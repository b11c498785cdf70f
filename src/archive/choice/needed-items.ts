/** What packages need to be installed, and a suite that they are copied into lacks. */
import type { Kysely } from 'kysely'
import { Pace } from '../../common/pace.ts'
import type { Tables } from '../../database/schema.ts'
import { packageFacts } from '../../debian/package-facts.ts'
import { PackageLedger } from '../../debian/package-ledger.ts'
import { stanzaSubject } from '../../debian/package-query-subject.ts'
import { PackageUniverse } from '../../debian/package-universe.ts'
import type { UnmetNeed } from '../change-request.ts'
import { choosables, type SuiteView, viewedItems } from './chosen-items.ts'
import type { WholeItem } from '../suite-items.ts'

export interface Needed {
  /** Items of the suite that is copied from, those that were chosen first. */
  readonly items: readonly number[]
  /** What neither of the two suites has. */
  readonly unmet: readonly UnmetNeed[]
}

/**
 * Follows Pre-Depends and Depends on each architecture for which something was chosen; where nothing that the target
 * has, or gets, will do, the first alternative that the source has, in its newest version.
 */
export async function neededItems(
  db: Kysely<Tables>,
  source: SuiteView,
  target: SuiteView | undefined,
  chosen: readonly WholeItem[],
): Promise<Needed> {
  const ledger = new PackageLedger()
  const present = target === undefined ? [] : (await addPackages(db, ledger, target)).map(({ number }) => number)
  const offered = await addPackages(db, ledger, source)
  const items = new Set(chosen.map((item) => item.id))
  const unmet = new Map<string, UnmetNeed>()
  for (const architecture of architecturesOf(chosen, offered, source)) {
    const wanted = offered.filter(({ item }) => items.has(item.id))
    const newestOnly = target?.suite.settings.versions === 'newest'
    const parts: Parts = { ledger, present, offered, wanted, newestOnly }
    const found = follow(parts, architecture)
    for (const id of found.items) items.add(id)
    for (const need of found.unmet) unmet.set(`${need.name} ${need.architecture} ${need.relation}`, need)
  }
  return { items: [...items], unmet: [...unmet.values()] }
}

/** An item, and the number of its package in the ledger. */
interface Offer {
  readonly number: number
  readonly item: WholeItem
}

interface Parts {
  readonly ledger: PackageLedger
  /** Numbers of what the target has. */
  readonly present: readonly number[]
  readonly offered: readonly Offer[]
  readonly wanted: readonly Offer[]
  /** Whether what comes takes the place of other versions. */
  readonly newestOnly: boolean
}

async function addPackages(db: Kysely<Tables>, ledger: PackageLedger, view: SuiteView): Promise<Offer[]> {
  const offers: Offer[] = []
  const pace = new Pace()
  for await (const page of viewedItems(view)) {
    // What installs a machine is of another world, and sources are built, not installed.
    const binaries = page.filter((row) => row.map_kind === 'packages' || row.map_kind === 'debug')
    const insides = await choosables(db, binaries)
    for (const item of binaries) {
      if (pace.isDue()) await pace.rest()
      const inside = insides.get(item.package_id)
      if (inside !== undefined) offers.push({ number: ledger.add(packageFacts(stanzaSubject(inside))), item })
    }
  }
  return offers
}

/** Those of what was chosen; of what is for all, every one that the source has packages for. */
function architecturesOf(
  chosen: readonly WholeItem[],
  offered: readonly Offer[],
  { suite }: SuiteView,
): ReadonlySet<string> {
  const machines = (items: readonly WholeItem[]): string[] =>
    items.map((item) => item.architecture).filter((name) => name !== 'all' && name !== 'source')
  for (const names of [machines(chosen), machines(offered.map(({ item }) => item))]) {
    if (names.length > 0) return new Set(names)
  }
  return new Set(suite.settings.architectures.slice(0, 1))
}

/** Until nothing comes any more that takes the place of what was counted on. */
function follow(parts: Parts, architecture: string): { items: number[]; unmet: UnmetNeed[] } {
  const replaced = new Set<string>()
  for (;;) {
    const found = followOnce(parts, architecture, replaced)
    const before = replaced.size
    if (parts.newestOnly) for (const { item } of found.offers) replaced.add(`${item.name} ${item.architecture}`)
    if (replaced.size === before) return { items: found.offers.map(({ item }) => item.id), unmet: found.unmet }
  }
}

function followOnce(parts: Parts, architecture: string, replaced: ReadonlySet<string>) {
  const { ledger, offered, wanted } = parts
  const nameOf = (number: number): string => `${ledger.names.text(ledger.name(number))} ${ledger.architecture(number)}`
  const keyOf = (number: number): string => `${nameOf(number)} ${ledger.version(number)}`
  const present = parts.present.filter((number) => !replaced.has(nameOf(number)))
  const offerOf = new Map(offered.map((offer) => [offer.number, offer]))
  // What the target has goes first: of the same package in both the universe takes that.
  const universe = new PackageUniverse(ledger, [...present, ...offerOf.keys()], architecture)
  const memberOf = new Map(
    Array.from({ length: universe.size }, (_, member) => [keyOf(universe.package(member)), member]),
  )
  const isThere = new Set(present.map((number) => memberOf.get(keyOf(number))))
  const queue: number[] = []
  // Also of what the target has already it is asked what it needs.
  for (const { number } of wanted) {
    const member = memberOf.get(keyOf(number))
    if (member === undefined) continue
    isThere.add(member)
    queue.push(member)
  }
  const unmet: UnmetNeed[] = []
  for (const member of queue) {
    for (const clause of universe.depends(member)) {
      const candidates = universe.candidates(clause)
      if (candidates.some((candidate) => isThere.has(candidate))) continue
      const [first] = candidates
      if (first !== undefined) {
        isThere.add(first)
        queue.push(first)
        continue
      }
      const number = universe.package(member)
      const name = ledger.names.text(ledger.name(number))
      unmet.push({ name, version: ledger.version(number), architecture, relation: ledger.clauseText(clause) })
    }
  }
  const offers = queue.flatMap((member) => offerOf.get(universe.package(member)) ?? [])
  return { offers, unmet }
}
