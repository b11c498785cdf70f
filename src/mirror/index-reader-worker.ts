/**
 * The thread that reads indexes of packages: unpacks, parses, and tells what is new, a batch at a time. What is known
 * already is counted only, so an index of which little changed sends little.
 */
import { createReadStream } from 'node:fs'
import { hash } from 'node:crypto'
import { AshlarError } from '../common/errors.ts'
import { answerRequests } from '../common/worker-pool.ts'
import { type Compression, decompress } from '../debian/compression.ts'
import { type Paragraph, readParagraphs } from '../debian/deb822.ts'
import { dependencyClosure } from '../debian/dependency-closure.ts'
import { type IndexedPackage, readPackagesEntry, readSourcesEntry } from '../debian/indexed-package.ts'
import { packageFacts } from '../debian/package-facts.ts'
import { PackageLedger } from '../debian/package-ledger.ts'
import { type PackageQuery, parsePackageQuery } from '../debian/package-query.ts'
import { paragraphSubject } from '../debian/package-query-subject.ts'
import { PackageUniverse } from '../debian/package-universe.ts'
import { ANY_MACHINE } from './flat-archive.ts'

/** An index in a local file whose digest has been checked. */
export interface LocalIndex {
  /** For messages. */
  readonly name: string
  readonly file: string
  readonly compression: Compression
  /** Of the machine whose packages it lists. */
  readonly architecture: string
}

export type ReaderRequest =
  /** Finds out which packages match a filter, and what these need; `open` then gives no others. */
  | {
      readonly kind: 'choose'
      readonly indexes: readonly LocalIndex[]
      readonly filter: string
      readonly machines: readonly string[] | null
    }
  | {
      readonly kind: 'open'
      readonly indexes: readonly LocalIndex[]
      readonly packages: 'deb' | 'udeb' | 'dsc'
      /** What is known already. */
      readonly known: readonly string[]
      /** Only packages that match; null: all, or those that were chosen. */
      readonly filter: string | null
      readonly onlyChosen: boolean
      /** Of an index for any machine: only packages for these; null: for all. */
      readonly machines: readonly string[] | null
    }
  | { readonly kind: 'next'; readonly limit: number }

/** A package with the digest of what is claimed of it. */
export interface ClaimedPackage extends IndexedPackage {
  readonly claim: string
}

export interface ReaderAnswer {
  readonly packages: readonly ClaimedPackage[]
  /** Why entries were passed over. */
  readonly skipped: readonly string[]
  /** How many entries have been read in all. */
  readonly entries: number
  /** Set with the last batch: the places in `known` of what is there no more. */
  readonly gone?: readonly number[]
}

const maximumOutputBytes = 4 * 2 ** 30
const readChunkBytes = 256 * 1024

let reading: Reading | undefined
/** Digests of the files of chosen packages. */
let chosen: ReadonlySet<string> = new Set()

answerRequests(async (request: ReaderRequest): Promise<{ answer: ReaderAnswer }> => {
  if (request.kind === 'choose') {
    chosen = await choose(request)
    return { answer: { packages: [], skipped: [], entries: chosen.size } }
  }
  if (request.kind === 'open') {
    await reading?.close()
    reading = new Reading(request)
    return { answer: { packages: [], skipped: [], entries: 0 } }
  }
  if (reading === undefined) throw new Error('No index is open')
  const answer = await reading.next(request.limit)
  if (answer.gone !== undefined) reading = undefined
  return { answer }
})

class Reading {
  readonly #request: Extract<ReaderRequest, { kind: 'open' }>
  /** What is known, and where in the list of it; those that were found are taken out. */
  readonly #known: Map<string, number>
  /** Digests of files: a package that is for every machine is in the index of each. */
  readonly #seen = new Set<string>()
  readonly #machines: Machines
  readonly #query: PackageQuery | undefined
  readonly #entries: AsyncGenerator<Paragraph, void, undefined>
  #count = 0

  constructor(request: Extract<ReaderRequest, { kind: 'open' }>) {
    this.#request = request
    this.#known = new Map(request.known.map((claim, place) => [claim, place]))
    this.#machines = machinesOf(request)
    this.#query = request.filter === null ? undefined : parsePackageQuery(request.filter)
    this.#entries = this.#all()
  }

  async close(): Promise<void> {
    await this.#entries.return()
  }

  async next(limit: number): Promise<ReaderAnswer> {
    const packages: ClaimedPackage[] = []
    const skipped: string[] = []
    while (packages.length < limit) {
      const { done, value } = await this.#entries.next()
      if (done === true) {
        return { packages, skipped, entries: this.#count, gone: [...this.#known.values()] }
      }
      this.#count += 1
      try {
        const found = this.#read(value)
        if (found !== undefined) packages.push(found)
      } catch (error) {
        if (!(error instanceof AshlarError)) throw error
        skipped.push(error.message)
      }
    }
    return { packages, skipped, entries: this.#count }
  }

  /** Undefined for what is known, or was in an index before. */
  #read(entry: Paragraph): ClaimedPackage | undefined {
    const { packages, onlyChosen } = this.#request
    const type = packages === 'dsc' ? 'source' : packages
    if (this.#query?.matches(paragraphSubject(entry, type)) === false) return undefined
    if (packages !== 'dsc' && isForOthers(entry, this.#machines)) return undefined
    const found =
      packages === 'dsc' ? readSourcesEntry(entry) : readPackagesEntry(entry, packages, this.#machines.listed)
    const digest = shortDigest(found.files[0].sha256)
    if (this.#seen.has(digest) || (onlyChosen && !chosen.has(digest))) return undefined
    this.#seen.add(digest)
    const claim = hash('sha256', `${found.kind} ${found.stanza}`)
    return this.#known.delete(claim) ? undefined : { ...found, claim }
  }

  async *#all(): AsyncGenerator<Paragraph, void, undefined> {
    for (const index of this.#request.indexes) yield* entriesOf(index)
  }
}

/** Whose packages indexes list. */
interface Machines {
  /** Undefined: those of every machine. */
  readonly listed: ReadonlySet<string> | undefined
  /** Of those of every machine, the ones that are wanted; undefined: all. */
  readonly wanted: ReadonlySet<string> | undefined
}

function machinesOf(request: { readonly indexes: readonly LocalIndex[]; readonly machines: readonly string[] | null }) {
  const { indexes, machines } = request
  const named = indexes.map((index) => index.architecture)
  if (!named.includes(ANY_MACHINE)) return { listed: new Set(named), wanted: undefined }
  return { listed: undefined, wanted: machines === null ? undefined : new Set(['all', ...machines]) }
}

function isForOthers(entry: Paragraph, { wanted }: Machines): boolean {
  return wanted?.has(entry.get('Architecture') ?? '') === false
}

async function* entriesOf({ name, file, compression }: LocalIndex): AsyncGenerator<Paragraph, void, undefined> {
  const bytes = createReadStream(file, { highWaterMark: readChunkBytes }) as AsyncIterable<Buffer>
  const text = decompress(bytes, compression, { origin: name, maximumOutputBytes })
  yield* readParagraphs(text, { origin: name })
}

/** Bytes of their own: a piece of the text of an index would keep all of it in memory. */
function shortDigest(sha256: string): string {
  return Buffer.from(sha256, 'hex').toString('latin1')
}

/** What matches and what that needs, for each machine by itself: what is for all machines counts for each. */
async function choose(request: Extract<ReaderRequest, { kind: 'choose' }>): Promise<Set<string>> {
  const { indexes, filter } = request
  const machines = machinesOf(request)
  const query = parsePackageQuery(filter)
  const ledger = new PackageLedger()
  const digests: string[] = []
  const matching = new Set<number>()
  const found = new Set(machines.listed)
  for (const index of indexes) {
    for await (const entry of entriesOf(index)) {
      try {
        if (isForOthers(entry, machines)) continue
        const { files, architecture } = readPackagesEntry(entry, 'deb', machines.listed)
        found.add(architecture)
        const subject = paragraphSubject(entry, 'deb')
        const number = ledger.add(packageFacts(subject))
        digests[number] = shortDigest(files[0].sha256)
        if (query.matches(subject)) matching.add(number)
      } catch (error) {
        // It is told when the index is read to be taken.
        if (!(error instanceof AshlarError)) throw error
      }
    }
  }
  const wanted = new Set<string>()
  // What is for every machine counts with each; by itself only where there is nothing else.
  if (found.size > 1) found.delete('all')
  for (const machine of found) {
    const universe = new PackageUniverse(ledger, digests.keys(), machine)
    const start = [...universe.keys()].filter((member) => matching.has(universe.package(member)))
    for (const member of dependencyClosure(universe, start, { alternatives: 'first' }).members) {
      wanted.add(digests[universe.package(member)] ?? '')
    }
  }
  // Of a second one of the same version the universe has none; it is what was asked for all the same.
  for (const number of matching) wanted.add(digests[number] ?? '')
  return wanted
}
