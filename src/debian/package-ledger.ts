/**
 * The facts of many packages in little memory, so that 63,000 packages take some 30 MB.
 *
 * Words: an **atom** is one alternative of a relation, `libc6 (>= 2.36)`; a **clause** is a list of alternatives, one of
 * which has to be there. Equal atoms and clauses are kept once, however many packages have them. A ledger only grows:
 * what is true of a package stays true, whichever suites hold it.
 */
import { AshlarError } from '../common/errors.ts'
import { IntList, IntRows } from './int-list.ts'
import { Interner } from './interner.ts'
import type { PackageFacts } from './package-facts.ts'
import { type Relation, type VersionOperator, formatAlternatives, parseProvides, parseRelations } from './relation.ts'
import { versionKey } from './version.ts'

/** One alternative of a relation. */
export interface Atom {
  /** The number of the package's name. */
  readonly name: number
  readonly qualifier: string | null
  /** Null if any version will do. */
  readonly operator: VersionOperator | null
  /** Orders like the version when compared as text; empty if any will do. */
  readonly versionKey: string
  readonly text: string
}

/** What a package provides under another name. */
export interface LedgerProvision {
  readonly name: number
  readonly qualifier: string | null
  /** Null if it has no version. */
  readonly versionKey: string | null
}

const multiArchs = ['no', 'same', 'foreign', 'allowed'] as const
const nothing: readonly LedgerProvision[] = []

export class PackageLedger {
  readonly names = new Interner()
  readonly #versions: string[] = []
  readonly #versionKeys: string[] = []
  /** Most versions occur many times, in relations above all. */
  readonly #knownKeys = new Map<string, string>()
  readonly #architectures = new Interner()
  readonly #nameOf = new IntList()
  readonly #architectureOf = new IntList()
  /** Multi-Arch, and 4 for Essential. */
  readonly #flags = new IntList()
  readonly #depends = new IntRows()
  readonly #conflicts = new IntRows()
  readonly #provides = new Map<number, readonly LedgerProvision[]>()
  readonly #problems = new Map<number, string>()
  readonly #clauseNumbers = new Interner()
  readonly #clauses = new IntRows()
  readonly #atomNumbers = new Interner()
  readonly #atoms: Atom[] = []

  /** How many packages it knows. */
  get size(): number {
    return this.#nameOf.length
  }

  /** How many different clauses they have. */
  get clauseCount(): number {
    return this.#clauseNumbers.size
  }

  /**
   * Takes in a package. A relation that cannot be read makes it one that cannot be installed, see {@link problem}.
   *
   * @returns its number, from 0 on.
   */
  add(facts: PackageFacts): number {
    const number = this.size
    this.#nameOf.push(this.names.number(facts.name))
    this.#versions.push(facts.version)
    this.#architectureOf.push(this.#architectures.number(facts.architecture))
    this.#flags.push(multiArchs.indexOf(facts.multiArch) + (facts.essential ? 4 : 0))
    this.#depends.begin()
    this.#conflicts.begin()
    try {
      this.#versionKeys.push(this.#keyOf(facts.version))
    } catch (error) {
      this.#versionKeys.push('')
      this.#note(number, error)
    }
    try {
      this.#addRelations(number, facts)
    } catch (error) {
      this.#note(number, error)
    }
    return number
  }

  name(number: number): number {
    return this.#nameOf.at(number)
  }

  version(number: number): string {
    return this.#versions[number] ?? ''
  }

  /** Orders like the version when compared as text. */
  versionKey(number: number): string {
    return this.#versionKeys[number] ?? ''
  }

  architecture(number: number): string {
    return this.#architectures.text(this.#architectureOf.at(number))
  }

  multiArch(number: number): PackageFacts['multiArch'] {
    return multiArchs[this.#flags.at(number) & 3] ?? 'no'
  }

  essential(number: number): boolean {
    return (this.#flags.at(number) & 4) !== 0
  }

  /** The clauses that it needs, by their numbers. */
  depends(number: number): Int32Array {
    return this.#depends.row(number)
  }

  /** The atoms that it cannot stand, by their numbers. */
  conflicts(number: number): Int32Array {
    return this.#conflicts.row(number)
  }

  provides(number: number): readonly LedgerProvision[] {
    return this.#provides.get(number) ?? nothing
  }

  /** Why its relations cannot be read; undefined if they can. */
  problem(number: number): string | undefined {
    return this.#problems.get(number)
  }

  /** The atoms of a clause, in the order in which they are written. */
  clause(number: number): Int32Array {
    return this.#clauses.row(number)
  }

  clauseText(number: number): string {
    return this.#clauseNumbers.text(number)
  }

  atom(number: number): Atom {
    const atom = this.#atoms[number]
    if (atom === undefined) throw new Error(`There is no atom ${number}`)
    return atom
  }

  #keyOf(version: string): string {
    const known = this.#knownKeys.get(version)
    if (known !== undefined) return known
    const key = versionKey(version)
    this.#knownKeys.set(version, key)
    return key
  }

  #note(number: number, error: unknown): void {
    if (!(error instanceof AshlarError)) throw error
    if (!this.#problems.has(number)) this.#problems.set(number, error.message)
  }

  #addRelations(number: number, facts: PackageFacts): void {
    for (const item of itemsOf(facts.depends)) this.#depends.push(this.#clauseNumber(item))
    for (const item of itemsOf(facts.conflicts)) {
      for (const atom of this.#clauses.row(this.#clauseNumber(item))) this.#conflicts.push(atom)
    }
    if (facts.provides === '') return
    const provisions = parseProvides(facts.provides).map(({ name, qualifier, version }) => ({
      name: this.names.number(name),
      qualifier,
      versionKey: version === null ? null : this.#keyOf(version),
    }))
    this.#provides.set(number, provisions)
  }

  #clauseNumber(item: string): number {
    const known = this.#clauseNumbers.find(item)
    if (known !== undefined) return known
    const [alternatives = []] = parseRelations(item)
    const atoms = alternatives.map((alternative) => this.#atomNumber(alternative))
    this.#clauses.begin()
    for (const atom of atoms) this.#clauses.push(atom)
    return this.#clauseNumbers.number(item)
  }

  #atomNumber(relation: Relation): number {
    const text = formatAlternatives([relation])
    const known = this.#atomNumbers.find(text)
    if (known !== undefined) return known
    const { name, qualifier, version } = relation
    this.#atoms.push({
      name: this.names.number(name),
      qualifier,
      operator: version?.operator ?? null,
      versionKey: version === null ? '' : this.#keyOf(version.version),
      text,
    })
    return this.#atomNumbers.number(text)
  }
}

function itemsOf(text: string): string[] {
  if (text === '') return []
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
