/** Brings the lines of a Contents index from one state to the next, reading only the chunks in which a line changes. */
import { labelsOfLine, pathOfLine, renderContentsLine } from '../../debian/contents.ts'
import { type Atom, Cutter, MAX_CHUNK_BYTES } from '../chunking.ts'
import type { PathChange } from './contents-runs.ts'
import { keyHash } from '../entry-key.ts'

/** A chunk of before. */
export interface OldChunk {
  readonly firstKey: string
  readonly textBytes: number
  readonly entries: number
}

/** A line of the new state, with its end; an atom that can be cut before. */
interface Line extends Atom {
  readonly key: string
  readonly text: string
}

/** A chunk of before in which nothing changes, by its number; taken as one. */
interface WholeChunk extends Atom {
  readonly chunk: number
}

/** A chunk of the new state: one of before by its number, or a new one. */
export type NewChunk = number | { readonly text: string; readonly entries: number }

/**
 * The chunks of the new state, in order; they are the same whatever the state before was.
 *
 * @param changes in the order of their paths
 * @param textOf the text of a chunk of before
 */
export function* contentsChunks(
  before: readonly OldChunk[],
  changes: Iterable<PathChange>,
  textOf: (chunk: number) => string,
  maxBytes: number = MAX_CHUNK_BYTES,
): Generator<NewChunk, void, undefined> {
  const cutter = new Cutter<Line | WholeChunk>(maxBytes)
  const made = (group: readonly (Line | WholeChunk)[]): NewChunk => {
    const [first] = group
    if (group.length === 1 && first !== undefined && 'chunk' in first) return first.chunk
    return {
      text: group.map((atom) => ('chunk' in atom ? textOf(atom.chunk) : atom.text)).join(''),
      entries: group.reduce((sum, atom) => sum + ('chunk' in atom ? (before[atom.chunk]?.entries ?? 0) : 1), 0),
    }
  }
  for (const atom of atoms(before, changes, textOf)) {
    for (const group of cutter.push(atom)) yield made(group)
  }
  for (const group of cutter.end()) yield made(group)
}

function* atoms(
  before: readonly OldChunk[],
  changes: Iterable<PathChange>,
  textOf: (chunk: number) => string,
): Generator<Line | WholeChunk, void, undefined> {
  const coming = new Coming(changes)
  /** A chunk without changes, until it is known whether the key after it stays: only then may it stand as one. */
  let held: number | undefined
  const release = function* (isWhole: boolean): Generator<Line | WholeChunk, void, undefined> {
    if (held === undefined) return
    if (isWhole) yield wholeChunk(before, held)
    else for (const line of linesOf(textOf(held))) yield lineAtom(line, pathOfLine(line))
    held = undefined
  }
  for (const [i, { firstKey }] of before.entries()) {
    const end = before[i + 1]?.firstKey
    if (!coming.isBefore(end)) {
      yield* release(true)
      held = i
      continue
    }
    const lines = changedLines(textOf(i), coming, end)
    const first = lines.next()
    yield* release(first.done !== true && first.value.key === firstKey)
    if (first.done !== true) yield first.value
    yield* lines
  }
  yield* release(true)
  yield* changedLines('', coming, undefined)
}

/** Changes that can be looked at before they are taken. */
class Coming {
  readonly #changes: Iterator<PathChange>
  #next: PathChange | undefined

  constructor(changes: Iterable<PathChange>) {
    this.#changes = changes[Symbol.iterator]()
    this.#advance()
  }

  isBefore(end: string | undefined): boolean {
    return this.#next !== undefined && (end === undefined || this.#next.path < end)
  }

  /** The next one, if its path is before `end`. */
  takeBefore(end: string | undefined): PathChange | undefined {
    return this.isBefore(end) ? this.#take() : undefined
  }

  takeAt(path: string): PathChange | undefined {
    return this.#next?.path === path ? this.#take() : undefined
  }

  #take(): PathChange | undefined {
    const taken = this.#next
    this.#advance()
    return taken
  }

  #advance(): void {
    const result = this.#changes.next()
    this.#next = result.done === true ? undefined : result.value
  }
}

/** The lines of a chunk of before with the changes whose paths are before the next chunk. */
function* changedLines(text: string, changes: Coming, end: string | undefined): Generator<Line, void, undefined> {
  for (const line of linesOf(text)) {
    const path = pathOfLine(line)
    for (let change = changes.takeBefore(path); change !== undefined; change = changes.takeBefore(path)) {
      yield* withLabels(change.path, [], change)
    }
    const change = changes.takeAt(path)
    if (change === undefined) yield lineAtom(line, path)
    else yield* withLabels(path, labelsOfLine(line), change)
  }
  for (let change = changes.takeBefore(end); change !== undefined; change = changes.takeBefore(end)) {
    yield* withLabels(change.path, [], change)
  }
}

/** The line of a path after a change; none if no package has it any more. */
function* withLabels(path: string, labels: readonly string[], change: PathChange): Generator<Line, void, undefined> {
  const after = new Set(labels).difference(new Set(change.gone)).union(new Set(change.added))
  if (after.size > 0) yield lineAtom(renderContentsLine(path, [...after].sort()), path)
}

function* linesOf(text: string): Generator<string, void, undefined> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at) + 1
    if (end === 0) throw new Error('The last line of a Contents index has no end')
    yield text.slice(at, end)
    at = end
  }
}

function lineAtom(text: string, key: string): Line {
  return { key, hash: keyHash(key), bytes: text.length, text }
}

function wholeChunk(before: readonly OldChunk[], chunk: number): WholeChunk {
  const { firstKey = '', textBytes = 0 } = before[chunk] ?? {}
  return { hash: keyHash(firstKey), bytes: textBytes, chunk }
}
