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
  const ends = [0]
  for (const atom of atoms) ends.push((ends.at(-1) ?? 0) + atom.bytes)
  const length = (from: number, to: number): number => (ends[to] ?? 0) - (ends[from] ?? 0)

  const smallest = smallestHashWithin(atoms.map((atom) => atom.hash))
  const chunks: A[][] = []
  /** Runs still to be looked at, the leftmost on top. */
  const pending: { from: number; to: number }[] = atoms.length === 0 ? [] : [{ from: 0, to: atoms.length }]
  for (let run = pending.pop(); run !== undefined; run = pending.pop()) {
    const middle = length(run.from, run.to) > maxBytes ? smallest(run.from + 1, run.to) : undefined
    if (middle === undefined) {
      chunks.push(atoms.slice(run.from, run.to))
    } else {
      pending.push({ from: middle, to: run.to }, { from: run.from, to: middle })
    }
  }
  return chunks
}

/** Answers which of the atoms [from, to) has the smallest hash; the earlier one if two are equal. */
function smallestHashWithin(hashes: readonly number[]): (from: number, to: number) => number | undefined {
  const smaller = (a: number, b: number): number => {
    const [left, right] = [hashes[a] ?? Infinity, hashes[b] ?? Infinity]
    return left < right || (left === right && a < b) ? a : b
  }
  // A sparse table: row k holds, for each atom, the smallest of the 2^k atoms from it on.
  const rows: Uint32Array[] = [Uint32Array.from(hashes.keys())]
  for (let width = 2; width <= hashes.length; width *= 2) {
    const half = rows.at(-1) ?? new Uint32Array()
    const length = hashes.length - width + 1
    rows.push(Uint32Array.from({ length }, (_, i) => smaller(half[i] ?? 0, half[i + width / 2] ?? 0)))
  }
  return (from, to) => {
    if (from >= to) return undefined
    const level = 31 - Math.clz32(to - from)
    const row = rows[level] ?? new Uint32Array()
    return smaller(row[from] ?? 0, row[to - 2 ** level] ?? 0)
  }
}
