/** Brings a map from one state to the next: which of its chunks stay, and which are made anew. */
import type { Chunk } from './chunk-table.ts'
import { type Atom, cut } from './chunking.ts'
import { keyHash } from './entry-key.ts'
import type { Entry } from './map-entries.ts'

/** The entries of the new state from one key (or the start) up to, not including, another (or the end), in order. */
export type EntrySource = (from: string | undefined, to: string | undefined) => AsyncIterable<Entry>

export type PlannedChunk =
  | { readonly kind: 'kept'; readonly chunk: Chunk }
  | {
      readonly kind: 'new'
      readonly firstKey: string
      readonly lastKey: string
      readonly entries: number
      readonly textBytes: number
      /** Its text, read again where there was too much to keep it. */
      text(): Promise<Buffer>
    }

/** The entries of a key in the new state; an atom that can be cut before. */
interface LooseEntry extends Atom {
  readonly key: string
  /** One, but where an upstream lists a version of a package twice; they are never cut apart, so a key tells its chunk. */
  readonly entries: number
  readonly text: string | undefined
}

/** A chunk of before, taken as one. */
interface WholeChunk extends Atom {
  readonly key: string
  readonly chunk: Chunk
}

/** Text that is kept in memory between cutting and compressing; with more, it is read a second time. */
const KEPT_TEXT_BYTES = 16 * 1024 * 1024

/**
 * The chunks of a map after some of its keys changed.
 *
 * Reads the entries of the chunks in which a key changed, and of a neighbour where a cut moves; so the cost is that
 * of the change, not of the map.
 *
 * @param before the chunks of the map until now; none for a new map
 * @param touched the keys that came, went, or changed their text, in any order
 */
export async function planChunks(
  before: readonly Chunk[],
  touched: Iterable<string>,
  source: EntrySource,
): Promise<PlannedChunk[]> {
  const opened = new OpenedChunks(before, source)
  for (const key of touched) opened.want(chunkOf(before, key))
  for (;;) {
    await opened.load()
    const groups = cut<LooseEntry | WholeChunk>(opened.atoms())
    // A chunk that joins a neighbour has to be opened for its text.
    const joining = groups
      .filter((group) => group.length > 1)
      .flatMap((group) => group.filter((atom) => 'chunk' in atom))
    if (joining.length === 0) return groups.map((group, i) => plan(group, groups[i + 1]?.[0]?.key, source))
    for (const atom of joining) opened.want(before.indexOf(atom.chunk))
  }
}

/** The index of the chunk in whose run of keys a key falls. */
function chunkOf(chunks: readonly Chunk[], key: string): number {
  let [low, high] = [0, chunks.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (isBefore(key, chunks[middle]?.firstKey ?? '')) high = middle - 1
    else low = middle
  }
  return low
}

/** Byte order, as the database sorts: package names and versions are ASCII, so JavaScript's order is the same. */
function isBefore(a: string, b: string): boolean {
  return a < b
}

/** Chunks of before, some of them replaced by the entries that now stand in their run of keys. */
class OpenedChunks {
  readonly #before: readonly Chunk[]
  readonly #source: EntrySource
  readonly #entries = new Map<number, LooseEntry[]>()
  readonly #wanted = new Set<number>()
  #keptBytes = 0

  constructor(before: readonly Chunk[], source: EntrySource) {
    this.#before = before
    this.#source = source
  }

  want(index: number): void {
    if (!this.#entries.has(index)) this.#wanted.add(index)
  }

  async load(): Promise<void> {
    for (const index of this.#wanted) {
      const from = index === 0 ? undefined : this.#before[index]?.firstKey
      const entries = await this.#read(from, this.#before[index + 1]?.firstKey)
      this.#entries.set(index, entries)
      // Without the cut at its start, the chunk before it may be cut elsewhere; older versions cut between equal keys.
      if (index > 0 && (entries[0]?.key !== from || this.#before[index - 1]?.firstKey === from)) this.want(index - 1)
      this.#wanted.delete(index)
    }
  }

  async #read(from: string | undefined, to: string | undefined): Promise<LooseEntry[]> {
    const read: LooseEntry[] = []
    for await (const { key, text } of this.#source(from, to)) {
      const twin = read.at(-1)?.key === key ? read.pop() : undefined
      const bytes = Buffer.byteLength(text)
      this.#keptBytes += bytes
      const isKept = this.#keptBytes <= KEPT_TEXT_BYTES && (twin === undefined || twin.text !== undefined)
      read.push({
        key,
        hash: twin?.hash ?? keyHash(key),
        bytes: bytes + (twin?.bytes ?? 0),
        entries: 1 + (twin?.entries ?? 0),
        text: isKept ? (twin?.text ?? '') + text : undefined,
      })
    }
    return read
  }

  atoms(): (LooseEntry | WholeChunk)[] {
    if (this.#before.length === 0) return this.#entries.get(0) ?? []
    return this.#before.flatMap<LooseEntry | WholeChunk>(
      (chunk, index) => this.#entries.get(index) ?? [wholeChunk(chunk)],
    )
  }
}

function wholeChunk(chunk: Chunk): WholeChunk {
  return { key: chunk.firstKey, hash: keyHash(chunk.firstKey), bytes: chunk.textBytes, chunk }
}

function plan(
  group: readonly (LooseEntry | WholeChunk)[],
  next: string | undefined,
  source: EntrySource,
): PlannedChunk {
  const first = group[0]
  if (first !== undefined && 'chunk' in first) return { kind: 'kept', chunk: first.chunk }
  const entries = group.filter((atom): atom is LooseEntry => !('chunk' in atom))
  const firstKey = first?.key ?? ''
  return {
    kind: 'new',
    firstKey,
    lastKey: entries.at(-1)?.key ?? firstKey,
    entries: entries.reduce((sum, entry) => sum + entry.entries, 0),
    textBytes: entries.reduce((sum, entry) => sum + entry.bytes, 0),
    async text() {
      const kept = entries.map((entry) => entry.text)
      if (kept.every((text) => text !== undefined)) return Buffer.from(kept.join(''))
      const texts: string[] = []
      for await (const entry of source(firstKey, next)) texts.push(entry.text)
      return Buffer.from(texts.join(''))
    },
  }
}
