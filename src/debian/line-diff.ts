/** Which lines of a text were exchanged for which, to become another text. */

/** `removed` lines from index `at` of the old text gave way to `added` lines from index `from` of the new one. */
export interface Hunk {
  readonly at: number
  readonly removed: number
  readonly from: number
  readonly added: number
}

/** Up to so many lines that went and came, the smallest difference is looked for; its cost grows with their square. */
const EXACT_EDITS = 1000

/**
 * The difference in ascending order: the smallest one where few lines differ (Myers, "An O(ND) Difference Algorithm",
 * 1986). Where many do, lines that both texts have only once are held to be the same first, and then the smallest
 * difference is looked for between them; a stretch without such a line that differs wholly is exchanged as one. So the
 * time is bounded, whatever the texts.
 */
export function diffLines(before: readonly string[], after: readonly string[]): Hunk[] {
  const whole = trimmed(
    { at: 0, removed: before.length, from: 0, added: after.length },
    (i, j) => before[i] === after[j],
  )
  const { ids, distinct } = interned(before, after, whole)
  return between(ids, whole) ?? anchored(ids, whole, distinct).flatMap((gap) => between(ids, gap) ?? [gap])
}

/** Lines as numbers, equal for equal lines. */
interface Ids {
  readonly before: Int32Array
  readonly after: Int32Array
}

function interned(
  before: readonly string[],
  after: readonly string[],
  { at, removed, from, added }: Hunk,
): { ids: Ids; distinct: number } {
  const known = new Map<string, number>()
  const number = (line: string): number => {
    const id = known.get(line) ?? known.size
    known.set(line, id)
    return id
  }
  const ids = { before: new Int32Array(before.length), after: new Int32Array(after.length) }
  for (let i = at; i < at + removed; i += 1) ids.before[i] = number(before[i] ?? '')
  for (let j = from; j < from + added; j += 1) ids.after[j] = number(after[j] ?? '')
  return { ids, distinct: known.size }
}

/** Without the lines that are equal at both ends. */
function trimmed({ at, removed, from, added }: Hunk, isEqual: (i: number, j: number) => boolean): Hunk {
  const shorter = Math.min(removed, added)
  let head = 0
  while (head < shorter && isEqual(at + head, from + head)) head += 1
  let tail = 0
  while (tail < shorter - head && isEqual(at + removed - 1 - tail, from + added - 1 - tail)) tail += 1
  return { at: at + head, removed: removed - head - tail, from: from + head, added: added - head - tail }
}

/** The smallest difference of a stretch, unless more than `EXACT_EDITS` lines differ. */
function between(ids: Ids, stretch: Hunk): Hunk[] | undefined {
  const { at, removed, from, added } = trimmed(stretch, (i, j) => ids.before[i] === ids.after[j])
  if (removed === 0 && added === 0) return []
  if (removed === 0 || added === 0) return [{ at, removed, from, added }]
  const before = ids.before.subarray(at, at + removed)
  const after = ids.after.subarray(from, from + added)
  const hunks = smallest(before, after)
  return hunks?.map((hunk) => ({ ...hunk, at: hunk.at + at, from: hunk.from + from }))
}

/**
 * Goes along all paths with 0, 1, 2 … edits at once, of which only the one that is furthest on each diagonal counts.
 * `x` counts lines of the old text, `y` those of the new one, and a diagonal is `x - y`.
 */
function smallest(before: Int32Array, after: Int32Array): Hunk[] | undefined {
  const most = Math.min(before.length + after.length, EXACT_EDITS)
  const middle = most + 1
  const furthest = new Int32Array(2 * most + 3)
  /** What `furthest` was after each number of edits, from its own lowest diagonal on. */
  const past: Int32Array[] = []
  for (let edits = 0; edits <= most; edits += 1) {
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const below = furthest[middle + diagonal - 1] ?? 0
      const above = furthest[middle + diagonal + 1] ?? 0
      let x = comesFromAbove(diagonal, edits, below, above) ? above : below + 1
      let y = x - diagonal
      while (x < before.length && y < after.length && before[x] === after[y]) {
        x += 1
        y += 1
      }
      furthest[middle + diagonal] = x
      if (x >= before.length && y >= after.length) return walkedBack(past, edits, { x, y })
    }
    past.push(furthest.slice(middle - edits, middle + edits + 1))
  }
  return undefined
}

/** Whether the path that is furthest on a diagonal takes in a new line last; else it leaves out an old one. */
function comesFromAbove(diagonal: number, edits: number, below: number, above: number): boolean {
  return diagonal === -edits || (diagonal !== edits && below < above)
}

function walkedBack(
  past: readonly Int32Array[],
  edits: number,
  end: { readonly x: number; readonly y: number },
): Hunk[] {
  const hunks: Hunk[] = []
  let { x, y } = end
  for (let left = edits; left > 0; left -= 1) {
    const furthest = past[left - 1] ?? new Int32Array()
    const reached = (diagonal: number): number => furthest[diagonal + left - 1] ?? 0
    const diagonal = x - y
    const isNew = comesFromAbove(diagonal, left, reached(diagonal - 1), reached(diagonal + 1))
    const came = isNew ? diagonal + 1 : diagonal - 1
    x = reached(came)
    y = x - came
    const last = hunks.at(-1)
    const step = isNew ? { removed: 0, added: 1 } : { removed: 1, added: 0 }
    const next = { x: x + step.removed, y: y + step.added }
    if (last !== undefined && last.at === next.x && last.from === next.y) {
      hunks[hunks.length - 1] = {
        at: x,
        removed: last.removed + step.removed,
        from: y,
        added: last.added + step.added,
      }
    } else {
      hunks.push({ at: x, from: y, ...step })
    }
  }
  return hunks.toReversed()
}

/** The stretches between lines that are held to be the same: the longest row of lines that both have once. */
function anchored(ids: Ids, whole: Hunk, distinct: number): Hunk[] {
  const { at, removed, from, added } = whole
  const places = { before: new Int32Array(distinct).fill(NOWHERE), after: new Int32Array(distinct).fill(NOWHERE) }
  for (let i = at; i < at + removed; i += 1) note(places.before, ids.before[i] ?? 0, i)
  for (let j = from; j < from + added; j += 1) note(places.after, ids.after[j] ?? 0, j)
  const pairs: Pair[] = []
  for (let i = at; i < at + removed; i += 1) {
    const id = ids.before[i] ?? 0
    const j = places.after[id] ?? NOWHERE
    if (places.before[id] === i && j >= 0) pairs.push({ i, j })
  }
  const gaps: Hunk[] = []
  let [x, y] = [at, from]
  for (const { i, j } of longestAscending(pairs)) {
    gaps.push({ at: x, removed: i - x, from: y, added: j - y })
    ;[x, y] = [i + 1, j + 1]
  }
  gaps.push({ at: x, removed: at + removed - x, from: y, added: from + added - y })
  return gaps
}

const NOWHERE = -1
const TWICE = -2

function note(places: Int32Array, id: number, place: number): void {
  places[id] = places[id] === NOWHERE ? place : TWICE
}

interface Pair {
  readonly i: number
  readonly j: number
}

/** Of pairs in ascending order of `i`, a longest row in which `j` ascends too (patience sorting). */
function longestAscending(pairs: readonly Pair[]): Pair[] {
  /** For each length, the pair with the smallest `j` that ends a row so long. */
  const tops: { readonly pair: Pair; readonly before: number }[] = []
  const all: { readonly pair: Pair; readonly before: number }[] = []
  const topPlaces: number[] = []
  for (const pair of pairs) {
    let [low, high] = [0, tops.length]
    while (low < high) {
      const half = (low + high) >>> 1
      if ((tops[half]?.pair.j ?? 0) < pair.j) low = half + 1
      else high = half
    }
    const entry = { pair, before: topPlaces[low - 1] ?? NOWHERE }
    all.push(entry)
    tops[low] = entry
    topPlaces[low] = all.length - 1
  }
  const row: Pair[] = []
  for (let place = topPlaces.at(-1) ?? NOWHERE; place >= 0;) {
    const entry = all[place]
    if (entry === undefined) break
    row.push(entry.pair)
    place = entry.before
  }
  return row.toReversed()
}
