/**
 * The packages that may be installed together on a machine of one architecture, and how they relate.
 *
 * Which packages meet a relation follows dose-debcheck (dose3, src/deb/debcudf.ml) to the letter, since its verdicts are
 * the field's: packages for `all` count as native; `foo`, `foo:native` and `foo:amd64` are met by a native foo, or by
 * what provides it (versioned relations by versioned provisions only); `foo:any` is met by a foo of **any version**,
 * whatever its Multi-Arch, and by what a `Multi-Arch: allowed` package provides as foo; other qualifiers by nothing.
 */
import { IntList, rowsOfPairs } from './int-list.ts'
import type { Atom, LedgerProvision, PackageLedger } from './package-ledger.ts'
import { type VersionOperator, meetsOrder } from './relation.ts'

/** How people name a package. */
export interface PackageReference {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** A member that provides a name. */
interface Provider {
  readonly member: number
  readonly provision: LedgerProvision
}

const nobody = new Int32Array(0)

export class PackageUniverse {
  readonly ledger: PackageLedger
  readonly architecture: string
  /** The ledger's number of each member. */
  readonly #members: Int32Array
  /** Members of a name, the newest first. */
  readonly #named: (name: number) => Int32Array
  readonly #providers = new Map<number, Provider[]>()
  readonly #candidates: (Int32Array | undefined)[] = []
  readonly #conflicts: (member: number) => Int32Array

  /**
   * @param packages numbers of the ledger; those of other architectures, and a second one of the same name, version and
   * architecture, are left out
   */
  constructor(ledger: PackageLedger, packages: Iterable<number>, architecture: string) {
    this.ledger = ledger
    this.architecture = architecture
    this.#members = membersOf(ledger, packages, architecture)
    this.#named = this.#byName()
    for (let member = 0; member < this.size; member += 1) {
      for (const provision of ledger.provides(this.package(member))) {
        const known = this.#providers.get(provision.name)
        if (known === undefined) this.#providers.set(provision.name, [{ member, provision }])
        else known.push({ member, provision })
      }
    }
    this.#conflicts = this.#allConflicts()
  }

  /** How many members there are; they are numbered from 0 on. */
  get size(): number {
    return this.#members.length
  }

  /** The numbers of all members. */
  keys(): IterableIterator<number> {
    return this.#members.keys()
  }

  /** A member's number in the ledger. */
  package(member: number): number {
    return this.#members[member] ?? 0
  }

  reference(member: number): PackageReference {
    const number = this.package(member)
    return {
      name: this.ledger.names.text(this.ledger.name(number)),
      version: this.ledger.version(number),
      architecture: this.ledger.architecture(number),
    }
  }

  /** The clauses that it needs. */
  depends(member: number): Int32Array {
    return this.ledger.depends(this.package(member))
  }

  /** The members with which it can never be, in their order, itself and those of its name not among them. */
  conflicts(member: number): Int32Array {
    return this.#conflicts(member)
  }

  /** The members of the same name, of which only one can be installed; itself among them. */
  namesakes(member: number): Int32Array {
    return this.#named(this.ledger.name(this.package(member)))
  }

  /** The members that meet a clause: as it is written, of one name the newest first, what provides it last. */
  candidates(clause: number): Int32Array {
    const known = this.#candidates[clause]
    if (known !== undefined) return known
    const found = new Set<number>()
    for (const number of this.ledger.clause(clause)) {
      const atom = this.ledger.atom(number)
      for (const member of this.#meeting(atom)) found.add(member)
      for (const member of this.#providing(atom)) found.add(member)
    }
    const candidates = found.size === 0 ? nobody : Int32Array.from(found)
    this.#candidates[clause] = candidates
    return candidates
  }

  /** Which of two members does not stand the other, and how it says so; undefined if they only have the same name. */
  conflictBetween(one: number, other: number): { readonly holder: number; readonly text: string } | undefined {
    for (const [holder, against] of [
      [one, other],
      [other, one],
    ] as const) {
      const found = this.#conflictAtoms(holder).find(({ members }) => members.includes(against))
      if (found !== undefined) return { holder, text: found.atom.text }
    }
    return undefined
  }

  #byName(): (name: number) => Int32Array {
    const names = new Int32Array(this.size)
    for (let member = 0; member < this.size; member += 1) names[member] = this.ledger.name(this.package(member))
    const row = rowsOfPairs(
      this.ledger.names.size,
      names,
      Int32Array.from({ length: this.size }, (_, member) => member),
    )
    const keyOf = (member: number): string => this.ledger.versionKey(this.package(member))
    for (let name = 0; name < this.ledger.names.size; name += 1) {
      const members = row(name)
      if (members.length > 1) members.sort((a, b) => (keyOf(a) < keyOf(b) ? 1 : Number(keyOf(a) > keyOf(b)) * -1))
    }
    const known = this.ledger.names.size
    return (name) => (name < known ? row(name) : nobody)
  }

  /** Members of the atom's name. */
  #meeting(atom: Atom): Int32Array {
    const members = this.#named(atom.name)
    if (atom.qualifier === 'any') return members
    if (!this.#isNative(atom.qualifier)) return nobody
    const { operator } = atom
    if (operator === null) return members
    return members.filter((member) =>
      meetsKeys(this.ledger.versionKey(this.package(member)), operator, atom.versionKey),
    )
  }

  /** Members that provide the atom's name. */
  #providing(atom: Atom): number[] {
    const providers = this.#providers.get(atom.name)
    if (providers === undefined) return []
    return providers
      .filter(({ member, provision }) => this.#isFor(atom, member, provision) && hasVersion(atom, provision))
      .map(({ member }) => member)
  }

  #isFor(atom: Atom, member: number, provision: LedgerProvision): boolean {
    const allowed = this.ledger.multiArch(this.package(member)) === 'allowed'
    if (atom.qualifier === 'any') return allowed || provision.qualifier === 'any'
    if (!this.#isNative(atom.qualifier)) return false
    return allowed || this.#isNative(provision.qualifier)
  }

  #isNative(qualifier: string | null): boolean {
    return qualifier === null || qualifier === 'native' || qualifier === this.architecture
  }

  #allConflicts(): (member: number) => Int32Array {
    const rows = new IntList(1024)
    const values = new IntList(1024)
    for (let member = 0; member < this.size; member += 1) {
      const own = this.ledger.name(this.package(member))
      for (const { members } of this.#conflictAtoms(member)) {
        for (const other of members) {
          if (this.ledger.name(this.package(other)) === own) continue
          rows.push(member)
          values.push(other)
          rows.push(other)
          values.push(member)
        }
      }
    }
    return rowsOfPairs(this.size, rows.view(), values.view())
  }

  /** What a member does not stand, with the members that it means. */
  #conflictAtoms(member: number): { atom: Atom; members: number[] }[] {
    const number = this.package(member)
    const atoms = Array.from(this.ledger.conflicts(number), (atom) => this.ledger.atom(atom))
    const same = this.ledger.multiArch(number) === 'same'
    return atoms.map((atom) => ({
      atom,
      members: same ? this.#conflictsOfSame(number, atom) : [...this.#meeting(atom), ...this.#providing(atom)],
    }))
  }

  /**
   * dose-debcheck on a package with `Multi-Arch: same`: a versioned conflict with a name that no package has is dropped;
   * one with a name that is its own, or that it provides, becomes a conflict with every version of all other packages
   * that have or provide the name.
   */
  #conflictsOfSame(number: number, atom: Atom): number[] {
    const own = this.ledger.name(number)
    const provided = this.ledger.provides(number).some((provision) => provision.name === atom.name)
    const real = this.#named(atom.name).length > 0
    if (atom.name !== own && !(atom.operator === null && provided)) {
      if (!real && atom.operator !== null) return []
      return [...this.#meeting(atom), ...this.#providing(atom)]
    }
    const providers = this.#providers.get(atom.name)
    if (providers === undefined) return []
    const names = new Set(providers.map(({ member }) => this.ledger.name(this.package(member))))
    if (real) names.add(atom.name)
    names.delete(own)
    return [...names].flatMap((name) => [...this.#meeting({ ...atom, name, operator: null })])
  }
}

function membersOf(ledger: PackageLedger, packages: Iterable<number>, architecture: string): Int32Array {
  const members = new IntList(1024)
  const seen = new Set<string>()
  for (const number of packages) {
    const own = ledger.architecture(number)
    if (own !== architecture && own !== 'all') continue
    const key = `${ledger.name(number)} ${own} ${ledger.version(number)}`
    if (seen.has(key)) continue
    seen.add(key)
    members.push(number)
  }
  return members.view().slice()
}

function hasVersion(atom: Atom, provision: LedgerProvision): boolean {
  if (atom.operator === null) return true
  return provision.versionKey !== null && meetsKeys(provision.versionKey, atom.operator, atom.versionKey)
}

function meetsKeys(key: string, operator: VersionOperator, wanted: string): boolean {
  return meetsOrder(key < wanted ? -1 : Number(key > wanted), operator)
}
