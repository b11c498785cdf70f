/** Where two states of an index differ, told by their chunks alone: no text is read to find it. */
import type { Sha256 } from '../../common/digest.ts'
import { diffLines } from '../../debian/line-diff.ts'

/** Of a chunk, what tells it apart. */
interface ChunkLike {
  readonly firstKey: string
  readonly textSha256: Sha256
}

/** Chunks of the old state, and those that stand in their place in the new one; one of the two may be none. */
export interface DifferingRun<Old extends ChunkLike, New extends ChunkLike = Old> {
  readonly before: readonly Old[]
  readonly after: readonly New[]
  /** How many chunks of the old state precede the run. */
  readonly at: number
}

/**
 * The runs in the order of the text, each as short as the chunks tell: chunks with equal text are left out, and where both
 * states have a cut before the same key, a run ends there. So each is short, however much has changed.
 */
export function differingRuns<Old extends ChunkLike, New extends ChunkLike>(
  before: readonly Old[],
  after: readonly New[],
): DifferingRun<Old, New>[] {
  const digests = (chunks: readonly ChunkLike[]): string[] => chunks.map((chunk) => chunk.textSha256)
  return diffLines(digests(before), digests(after)).flatMap(({ at, removed, from, added }) =>
    cutAtSameKeys({ before: before.slice(at, at + removed), after: after.slice(from, from + added), at }),
  )
}

function cutAtSameKeys<Old extends ChunkLike, New extends ChunkLike>(
  run: DifferingRun<Old, New>,
): DifferingRun<Old, New>[] {
  const { before, after } = run
  // All of it came or went, so each chunk of it may be looked at alone.
  if (before.length === 0) return after.map((chunk) => ({ before, after: [chunk], at: run.at }))
  if (after.length === 0) return before.map((chunk, i) => ({ before: [chunk], after, at: run.at + i }))
  const places = new Map(after.map((chunk, j) => [chunk.firstKey, j]))
  const runs: DifferingRun<Old, New>[] = []
  let [x, y] = [0, 0]
  const close = (i: number, j: number): void => {
    runs.push({ before: before.slice(x, i), after: after.slice(y, j), at: run.at + x })
    ;[x, y] = [i, j]
  }
  for (const [i, chunk] of before.entries()) {
    const j = places.get(chunk.firstKey)
    // Keys of two maps may be alike; those of an earlier place are of another map.
    if (j !== undefined && i > x && j > y) close(i, j)
  }
  close(before.length, after.length)
  return runs
}
