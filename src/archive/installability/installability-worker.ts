/**
 * The thread that decides which packages can be installed.
 *
 * It remembers what it was told of packages, which never changes, so that a second question about a suite needs only
 * what is new; it is told of those that it does not know when it is asked.
 */
import { answerRequests } from '../../common/worker-pool.ts'
import { checkInstallability, usualLimits } from '../../debian/installability.ts'
import { type InstallReason, InstallReasons } from '../../debian/install-reasons.ts'
import { packageFacts } from '../../debian/package-facts.ts'
import { PackageLedger } from '../../debian/package-ledger.ts'
import { stanzaSubject } from '../../debian/package-query-subject.ts'
import { PackageUniverse } from '../../debian/package-universe.ts'

/** A package as the database has it. */
export interface PackageRow {
  readonly id: number
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly stanza: string
}

/** Packages are named by their ids. */
export interface InstallabilityQuestion {
  readonly architecture: string
  /** Those that are looked at. */
  readonly packages: Int32Array
  /** Others that may be installed with them. */
  readonly others: Int32Array
  /** Narrows what is looked at; null for all. */
  readonly wanted: Int32Array | null
  /** Of how many at most the reasons are told, in the order of `packages`. */
  readonly limit: number
}

export interface UninstallablePackage {
  readonly id: number
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** `undecided`: the search was given up, and there are no reasons. */
  readonly verdict: 'broken' | 'undecided'
  readonly reasons: readonly InstallReason[]
}

export interface InstallabilityVerdicts {
  readonly checked: number
  readonly broken: Int32Array
  readonly undecided: Int32Array
  readonly told: readonly UninstallablePackage[]
}

export type InstallabilityRequest =
  | { readonly kind: 'learn'; readonly rows: readonly PackageRow[] }
  | { readonly kind: 'ask'; readonly question: InstallabilityQuestion }

export type InstallabilityAnswer =
  | { readonly kind: 'learned' }
  /** What it has to be told of first. */
  | { readonly kind: 'unknown'; readonly ids: Int32Array }
  | { readonly kind: 'verdicts'; readonly verdicts: InstallabilityVerdicts }

/** It forgets everything rather than to remember more, so that it never takes more than some 200 MB. */
const REMEMBERED = 300_000

let ledger = new PackageLedger()
let numbers = new Map<number, number>()
let ids: number[] = []

answerRequests((request: InstallabilityRequest) => Promise.resolve({ answer: answerTo(request) }))

function answerTo(request: InstallabilityRequest): InstallabilityAnswer {
  if (request.kind === 'learn') {
    for (const row of request.rows) learn(row)
    return { kind: 'learned' }
  }
  const unknown = unknownOf(request.question)
  if (unknown.length > 0) return { kind: 'unknown', ids: unknown }
  return { kind: 'verdicts', verdicts: verdictsOf(request.question) }
}

function learn(row: PackageRow): void {
  if (numbers.has(row.id)) return
  numbers.set(row.id, ledger.add(packageFacts(stanzaSubject(row))))
  ids.push(row.id)
}

function unknownOf({ packages, others }: InstallabilityQuestion): Int32Array {
  const all = [packages, others]
  const unknown = all.map((each) => each.filter((id) => !numbers.has(id)))
  const count = unknown.reduce((sum, each) => sum + each.length, 0)
  if (count === 0 || ledger.size + count <= REMEMBERED || ledger.size === 0) return joined(unknown)
  ledger = new PackageLedger()
  numbers = new Map()
  ids = []
  return joined(all)
}

function verdictsOf({ architecture, packages, others, wanted, limit }: InstallabilityQuestion): InstallabilityVerdicts {
  const numbersOf = (given: Int32Array): Int32Array => given.map((id) => numbers.get(id) ?? 0)
  const universe = new PackageUniverse(ledger, joined([numbersOf(packages), numbersOf(others)]), architecture)
  const looked = new Set(wanted ?? packages)
  const idOf = (member: number): number => ids[universe.package(member)] ?? 0
  const members = Array.from(universe.keys()).filter((member) => looked.has(idOf(member)))
  const { problem, verdicts, checked } = checkInstallability(universe, members, usualLimits)
  const of = (wish: 'broken' | 'undecided'): Int32Array =>
    Int32Array.from(verdicts.filter(({ verdict }) => verdict === wish).map(({ member }) => idOf(member)))
  const reasons = new InstallReasons(problem, usualLimits)
  const told = verdicts.slice(0, limit).map(({ member, verdict }) => ({
    id: idOf(member),
    ...universe.reference(member),
    verdict,
    reasons: verdict === 'broken' ? reasons.of(member) : [],
  }))
  return { checked, broken: of('broken'), undecided: of('undecided'), told }
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const whole = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
