/**
 * What changes in a Contents index, too much to sort in memory: sorted runs in a file, which are merged as they are read.
 *
 * A run is made of blocks, each a length and a zstd frame of whole records; a record is a path, a NUL, `+` or `-`, and a
 * label. No path has a NUL, and nothing sorts before it: so records are in the order of their paths. All is bytes, held as
 * text of one character for each (latin1).
 */
import { readSync, writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import { constants, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { collectOften } from '../../common/collect-often.ts'
import { listedPath } from '../../debian/contents.ts'

/** The paths of a package that comes into an index under a label, or that goes from it. */
export interface PackagePaths {
  readonly label: string
  readonly deed: 'comes' | 'goes'
  /** As `package_contents` has them: zstd of lines. */
  readonly paths: Uint8Array
}

/** Where a run lies in its file. */
export interface Run {
  readonly start: number
  readonly end: number
}

/** What becomes of the labels of a path. */
export interface PathChange {
  readonly path: string
  readonly added: readonly string[]
  readonly gone: readonly string[]
}

/** Records that are sorted at once; as strings they take about three times as much. */
export const RUN_BYTES = 8 * 1024 * 1024
/** Of the text of a block. One block of each run is in memory while they are merged. */
const BLOCK_BYTES = 64 * 1024
/** A list of paths is decompressed at once up to here. */
const WHOLE_LIST_BYTES = 4 * 1024 * 1024
const fastZstd = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Writes the paths into a file from a place on, as sorted runs. */
export async function writeRuns(
  file: number,
  start: number,
  lists: readonly PackagePaths[],
  runBytes: number = RUN_BYTES,
): Promise<Run[]> {
  const runs: Run[] = []
  let records: string[] = []
  let bytes = 0
  const passed = collectOften()
  const flush = (): void => {
    if (records.length > 0) runs.push(writeRun(file, runs.at(-1)?.end ?? start, records.sort()))
    records = []
    passed(bytes)
    bytes = 0
  }
  for (const { label, deed, paths } of lists) {
    const tail = `\0${deed === 'comes' ? '+' : '-'}${label}`
    for await (const lines of linesOf(paths)) {
      for (const line of lines) {
        const path = listedPath(line)
        if (path === '') continue
        records.push(path + tail)
        bytes += path.length + tail.length
        if (bytes >= runBytes) flush()
      }
    }
  }
  flush()
  return runs
}

/** The lines of a list, in portions. */
async function* linesOf(list: Uint8Array): AsyncGenerator<string[], void, undefined> {
  const whole = decompressWhole(list)
  if (whole !== undefined) return yield whole.toString('latin1').split('\n')
  let rest = ''
  for await (const bytes of Readable.from([list]).pipe(createZstdDecompress())) {
    const lines = (rest + (bytes as Buffer).toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    yield lines
  }
  yield [rest]
}

function decompressWhole(list: Uint8Array): Buffer | undefined {
  try {
    return zstdDecompressSync(list, { maxOutputLength: WHOLE_LIST_BYTES })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return undefined
    throw error
  }
}

function writeRun(file: number, start: number, records: readonly string[]): Run {
  let end = start
  let block: string[] = []
  let bytes = 0
  const flush = (): void => {
    const frame = zstdCompressSync(Buffer.from(block.join('\n'), 'latin1'), fastZstd)
    const head = Buffer.alloc(4)
    head.writeUInt32LE(frame.length)
    writeSync(file, Buffer.concat([head, frame]), 0, 4 + frame.length, end)
    end += 4 + frame.length
    block = []
    bytes = 0
  }
  for (const record of records) {
    block.push(record)
    bytes += record.length + 1
    if (bytes >= BLOCK_BYTES) flush()
  }
  if (block.length > 0) flush()
  return { start, end }
}

/**
 * The changes of runs in the order of their paths, each path once. A label that comes and goes was there and stays; then
 * there is no change.
 */
export function* mergeRuns(file: number, runs: readonly Run[]): Generator<PathChange, void, undefined> {
  const records = mergedRecords(runs.map((run) => new RunReader(file, run)))
  let path: string | undefined
  let [added, gone] = [new Set<string>(), new Set<string>()]
  const change = (): PathChange | undefined => {
    if (path === undefined || added.symmetricDifference(gone).size === 0) return undefined
    return { path, added: [...added.difference(gone)], gone: [...gone.difference(added)] }
  }
  for (const record of records) {
    const end = record.indexOf('\0')
    if (path === undefined || end !== path.length || !record.startsWith(path)) {
      const complete = change()
      if (complete !== undefined) yield complete
      path = record.slice(0, end)
      ;[added, gone] = [new Set(), new Set()]
    }
    const label = record.slice(end + 2)
    if (record[end + 1] === '+') added.add(label)
    else gone.add(label)
  }
  const complete = change()
  if (complete !== undefined) yield complete
}

/** Records of all readers in order: they stand in a heap, the one with the smallest record on top. */
function* mergedRecords(readers: readonly RunReader[]): Generator<string, void, undefined> {
  const heap = readers.filter((reader) => reader.record !== undefined)
  const recordOf = (at: number): string => heap[at]?.record ?? ''
  const sink = (from: number): void => {
    for (let at = from; ;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && recordOf(child) < recordOf(least)) least = child
      }
      const [upper, lower] = [heap[at], heap[least]]
      if (least === at || upper === undefined || lower === undefined) return
      heap[at] = lower
      heap[least] = upper
      at = least
    }
  }
  for (let at = heap.length - 1; at >= 0; at -= 1) sink(at)
  for (let top = heap[0]; top?.record !== undefined; top = heap[0]) {
    yield top.record
    top.next()
    if (top.record === undefined) {
      const last = heap.pop()
      if (last !== undefined && last !== top) heap[0] = last
    }
    sink(0)
  }
}

class RunReader {
  readonly #file: number
  #offset: number
  readonly #end: number
  #block: readonly string[] = []
  #at = 0

  constructor(file: number, { start, end }: Run) {
    this.#file = file
    this.#offset = start
    this.#end = end
    this.#load()
  }

  /** The record at which it stands; undefined at its end. */
  get record(): string | undefined {
    return this.#block[this.#at]
  }

  next(): void {
    this.#at += 1
    if (this.#at >= this.#block.length) this.#load()
  }

  #load(): void {
    this.#at = 0
    this.#block = []
    if (this.#offset >= this.#end) return
    const head = this.#read(4)
    const frame = this.#read(head.readUInt32LE())
    this.#block = zstdDecompressSync(frame).toString('latin1').split('\n')
  }

  #read(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    for (let done = 0; done < length;) {
      const count = readSync(this.#file, bytes, done, length - done, this.#offset + done)
      if (count === 0) throw new Error('A file of sorted paths is cut short')
      done += count
    }
    this.#offset += length
    return bytes
  }
}
