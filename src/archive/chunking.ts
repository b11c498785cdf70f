/**
 * Where a map is cut into chunks.
 *
 * One rule: a run of entries that is longer than `MAX_CHUNK_BYTES` is cut before its entry with the smallest key hash,
 * and both parts are treated likewise. So an entry `c` starts a chunk exactly if the widest run around it in which no
 * key has a smaller hash is longer than the limit. That depends on nothing but the entries: the same content is cut
 * the same way whatever its history, and a change moves cuts only beside itself, never further on.
 */
/**
 * Chunks are at most this long (a single longer entry is a chunk of its own) and half of it on average. Longer ones
 * compress better, shorter ones are quicker to compress again and cost less per revision; see bench/README.md.
 */
export const MAX_CHUNK_BYTES = 384 * 1024

/** Something that cannot be cut inside: an entry, or a chunk of before of which no entry changed. */
export interface Atom {
  /** `keyHash` of its first key. */
  readonly hash: number
  /** Length of its text in bytes. */
  readonly bytes: number
}

/**
 * Cuts a run of atoms that stand in ascending order of their keys.
 *
 * A chunk of before may stand as an atom if it is followed by the same key as before: only then are the hashes inside
 * it greater than those at its borders, and no cut can fall inside.
 */
export function cut<A extends Atom>(atoms: readonly A[], maxBytes: number = MAX_CHUNK_BYTES): A[][] {
  const cutter = new Cutter<A>(maxBytes)
  return [...atoms.flatMap((atom) => cutter.push(atom)), ...cutter.end()]
}

/** An atom of which it is not known yet whether a chunk starts with it. */
interface Undecided {
  /** How many atoms stand before it. */
  readonly index: number
  /** How many bytes stand before it. */
  readonly start: number
  readonly hash: number
}

/** Cuts atoms as they come, with no more of them in memory than make two chunks. */
export class Cutter<A extends Atom> {
  readonly #maxBytes: number
  /** Since the last cut. */
  #atoms: A[] = []
  /** How many came before them. */
  #cutAtoms = 0
  /** Of all that came. */
  #bytes = 0
  /**
   * By ascending hashes, those that no smaller one has followed: the widest run of each begins at the one below it. The
   * lowest is the start of the map or the last cut; those below that are too far away to matter.
   */
  readonly #stack: Undecided[] = []

  constructor(maxBytes: number = MAX_CHUNK_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** @returns the chunks that are complete now */
  push(atom: A): A[][] {
    const chunks = this.#decide()
    // No smaller one has ended their runs before, and those were not too long.
    while ((this.#stack.at(-1)?.hash ?? -1) > atom.hash) this.#stack.pop()
    // What is smaller than the last cut has a run as long as that had, and longer.
    if (this.#stack.length === 0 && this.#atoms.length > 0) chunks.push(this.#take(this.#atoms.length))
    const index = this.#cutAtoms + this.#atoms.length
    this.#stack.push({ index, start: this.#bytes, hash: index === 0 ? -1 : atom.hash })
    this.#atoms.push(atom)
    this.#bytes += atom.bytes
    return chunks
  }

  /** @returns the last chunks */
  end(): A[][] {
    const chunks = this.#decide()
    return this.#atoms.length === 0 ? chunks : [...chunks, this.#take(this.#atoms.length)]
  }

  /** Cuts before each atom whose widest run is too long already, whatever comes. */
  #decide(): A[][] {
    const chunks: A[][] = []
    for (;;) {
      const [lowest, next] = this.#stack
      if (lowest === undefined || next === undefined || this.#bytes - lowest.start <= this.#maxBytes) return chunks
      chunks.push(this.#take(next.index - this.#cutAtoms))
      this.#stack.shift()
    }
  }

  #take(count: number): A[] {
    this.#cutAtoms += count
    return this.#atoms.splice(0, count)
  }
}
