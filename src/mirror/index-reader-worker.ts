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
import { type IndexedPackage, readPackagesEntry, readSourcesEntry } from '../debian/indexed-package.ts'

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
  | {
      readonly kind: 'open'
      readonly indexes: readonly LocalIndex[]
      readonly packages: 'deb' | 'udeb' | 'dsc'
      /** What is known already. */
      readonly known: readonly string[]
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

answerRequests(async (request: ReaderRequest): Promise<{ answer: ReaderAnswer }> => {
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
  readonly #machines: ReadonlySet<string>
  readonly #entries: AsyncGenerator<Paragraph, void, undefined>
  #count = 0

  constructor(request: Extract<ReaderRequest, { kind: 'open' }>) {
    this.#request = request
    this.#known = new Map(request.known.map((claim, place) => [claim, place]))
    this.#machines = new Set(request.indexes.map((index) => index.architecture))
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
    const { packages } = this.#request
    const found = packages === 'dsc' ? readSourcesEntry(entry) : readPackagesEntry(entry, packages, this.#machines)
    // Bytes of their own: a piece of the text would keep all of it in memory.
    const digest = Buffer.from(found.files[0].sha256, 'hex').toString('latin1')
    if (this.#seen.has(digest)) return undefined
    this.#seen.add(digest)
    const claim = hash('sha256', `${found.kind} ${found.stanza}`)
    return this.#known.delete(claim) ? undefined : { ...found, claim }
  }

  async *#all(): AsyncGenerator<Paragraph, void, undefined> {
    for (const { name, file, compression } of this.#request.indexes) {
      const bytes = createReadStream(file, { highWaterMark: readChunkBytes }) as AsyncIterable<Buffer>
      const text = decompress(bytes, compression, { origin: name, maximumOutputBytes })
      yield* readParagraphs(text, { origin: name })
    }
  }
}
