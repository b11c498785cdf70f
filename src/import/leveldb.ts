/**
 * Reads a LevelDB as it lies there: no lock is taken, no log is replayed into it, nothing is written.
 *
 * The state is what opening it would give: the tables that the manifest names, and the journals that were not yet
 * written into tables; a record that a crash cut short at the end of a journal was never acknowledged. A database that
 * changes while it is read is noticed (`unchanged`).
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AshlarError } from '../common/errors.ts'
import { ByteReader } from './byte-reader.ts'
import { readLog } from './leveldb-log.ts'
import { readTable, type Version } from './leveldb-table.ts'

export interface LevelDatabase {
  /** What lies under the keys that begin so, in the order of keys. @throws AshlarError import-unreadable */
  entries(prefix: string): AsyncGenerator<readonly [key: Buffer, value: Buffer], void, undefined>
  /** @throws AshlarError import-unreadable if something was written since it was opened */
  requireUnchanged(): Promise<void>
}

interface Table {
  readonly file: string
  readonly level: number
  readonly smallest: Buffer
  readonly largest: Buffer
}

const COMPARATOR = 'leveldb.BytewiseComparator'

/** @throws AshlarError import-unreadable naming the file that is missing or damaged */
export async function openLevelDatabase(directory: string): Promise<LevelDatabase> {
  const before = await fingerprint(directory)
  const { tables, journals } = await readManifest(directory)
  const memory = await readJournals(directory, journals)
  return {
    entries: (prefix) => newest(sources(tables, memory, Buffer.from(prefix)), Buffer.from(prefix)),
    async requireUnchanged() {
      if ((await fingerprint(directory)) === before) return
      throw atWork(directory)
    },
  }
}

/** The names, sizes and times of its files. */
async function fingerprint(directory: string): Promise<string> {
  const names = (await readdir(directory).catch(unreadable(directory))).toSorted()
  const lines = names
    .filter((name) => /^(?:CURRENT|MANIFEST-\d+|\d+\.(?:log|ldb|sst))$/.test(name))
    .map(async (name) => {
      const { size, mtimeMs } = await stat(join(directory, name)).catch(() => ({ size: 0, mtimeMs: 0 }))
      return `${name} ${size} ${mtimeMs}`
    })
  return (await Promise.all(lines)).join('\n')
}

async function readManifest(directory: string): Promise<{ tables: Table[]; journals: string[] }> {
  const current = (await readFile(join(directory, 'CURRENT'), 'utf8').catch(unreadable(directory))).trim()
  if (!/^MANIFEST-\d+$/.test(current)) throw damaged(join(directory, 'CURRENT'), 'it names no manifest')
  const file = join(directory, current)
  const bytes = await readFile(file).catch(unreadable(file))
  const found = new Map<number, Omit<Table, 'file'>>()
  let [oldestJournal, previousJournal] = [0, 0]
  try {
    for (const record of readLog(bytes)) {
      const edit = new ByteReader(record)
      while (!edit.done) {
        // The tags of google/leveldb, db/version_edit.cc.
        const tag = edit.varint()
        if (tag === 1) requireComparator(edit.counted())
        else if (tag === 2) oldestJournal = edit.varint()
        else if (tag === 3 || tag === 4) edit.varint()
        else if (tag === 5) {
          edit.varint()
          edit.counted()
        } else if (tag === 6) {
          edit.varint()
          found.delete(edit.varint())
        } else if (tag === 7) {
          const [level, number] = [edit.varint(), edit.varint()]
          edit.varint()
          found.set(number, { level, smallest: ownKey(edit.counted()), largest: ownKey(edit.counted()) })
        } else if (tag === 9) previousJournal = edit.varint()
        else throw new RangeError(`there is a record of the unknown kind ${tag}`)
      }
    }
  } catch (error) {
    throw damaged(file, error)
  }
  const names = await readdir(directory)
  const tables = [...found].map(([number, table]) => {
    const name = [`.ldb`, `.sst`].map((suffix) => numbered(number) + suffix).find((each) => names.includes(each))
    if (name === undefined) throw damaged(join(directory, `${numbered(number)}.ldb`), 'it is missing')
    return { ...table, file: join(directory, name) }
  })
  const journals = names
    .filter((name) => /^\d+\.log$/.test(name))
    .filter((name) => Number.parseInt(name, 10) >= oldestJournal || Number.parseInt(name, 10) === previousJournal)
    .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  return { tables, journals }
}

function requireComparator(name: Buffer): void {
  if (name.toString() !== COMPARATOR) throw new RangeError(`its keys are ordered by ${name.toString()}`)
}

function numbered(number: number): string {
  return String(number).padStart(6, '0')
}

/** A copy, without sequence number and kind. */
function ownKey(internal: Buffer): Buffer {
  return Buffer.from(internal.subarray(0, Math.max(0, internal.length - 8)))
}

/** What the journals hold, the newest version of each key, in the order of keys. A journal is a few MiB. */
async function readJournals(directory: string, journals: readonly string[]): Promise<Version[]> {
  const memory = new Map<string, Version>()
  for (const name of journals) {
    const file = join(directory, name)
    const bytes = await readFile(file).catch(unreadable(file))
    try {
      for (const batch of readLog(bytes)) {
        // google/leveldb, db/write_batch.cc: the first sequence number, a count, and what is put or deleted.
        let sequence = batch.readBigUInt64LE(0)
        const reader = new ByteReader(batch, 12)
        for (let left = batch.readUInt32LE(8); left > 0; left -= 1, sequence += 1n) {
          const kind = reader.uint8()
          const key = reader.counted()
          const value = kind === 1 ? reader.counted() : undefined
          memory.set(key.toString('latin1'), { key, sequence, value })
        }
      }
    } catch (error) {
      throw damaged(file, error)
    }
  }
  return [...memory.values()].toSorted((a, b) => a.key.compare(b.key))
}

/** Runs of versions, each in the order of keys: the journals, each table of level 0, and each deeper level. */
function sources(tables: readonly Table[], memory: readonly Version[], from: Buffer): AsyncIterator<Version>[] {
  const reaching = tables.filter((table) => table.largest.compare(from) >= 0)
  const levels = Map.groupBy(reaching, ({ level, file }) => (level === 0 ? file : level))
  const runs = [...levels.values()].map((run) => run.toSorted((a, b) => a.smallest.compare(b.smallest)))
  return [...runs.map((run) => inTables(run, from)), inMemory(memory, from)]
}

async function* inTables(run: readonly Table[], from: Buffer): AsyncGenerator<Version, void, undefined> {
  for (const { file } of run) {
    try {
      yield* readTable(file, from)
    } catch (error) {
      if (error instanceof RangeError) throw damaged(file, error)
      throw isGone(error) ? atWork(dirname(file)) : error
    }
  }
}

async function* inMemory(memory: readonly Version[], from: Buffer): AsyncGenerator<Version, void, undefined> {
  for (const version of memory) if (version.key.compare(from) >= 0) yield version
}

/** Merges the runs; of each key the newest version counts, and a deletion is the end of it. */
async function* newest(
  runs: readonly AsyncIterator<Version>[],
  prefix: Buffer,
): AsyncGenerator<readonly [key: Buffer, value: Buffer], void, undefined> {
  const heads: (Version | undefined)[] = []
  try {
    for (const run of runs) heads.push((await run.next()).value as Version | undefined)
    for (;;) {
      const next = heads.reduce<Version | undefined>(
        (a, b) => (b !== undefined && (a === undefined || b.key.compare(a.key) < 0) ? b : a),
        undefined,
      )
      if (next === undefined || !next.key.subarray(0, prefix.length).equals(prefix)) return
      let best = next
      for (const [index, run] of runs.entries()) {
        for (let head = heads[index]; head !== undefined && head.key.equals(next.key); head = heads[index]) {
          if (head.sequence > best.sequence) best = head
          heads[index] = (await run.next()).value as Version | undefined
        }
      }
      if (best.value !== undefined) yield [best.key, best.value]
    }
  } finally {
    for (const run of runs) await run.return?.()
  }
}

function unreadable(where: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const reason = error.code === 'ENOENT' ? 'is not there, or not all of it' : `cannot be read (${error.code})`
    throw new AshlarError('import-unreadable', `The database ${where} ${reason}.`, { cause: error })
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function atWork(directory: string): AshlarError {
  return new AshlarError('import-unreadable', `${directory} was written to while it was read: aptly is at work.`)
}

function damaged(file: string, reason: unknown): AshlarError {
  const why = reason instanceof Error ? reason.message : String(reason)
  return new AshlarError('import-unreadable', `${file} is damaged: ${why}.`, { cause: reason })
}
