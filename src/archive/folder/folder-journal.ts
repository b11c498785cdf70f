import { constants } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../../storage/directory-sync.ts'

const HEADER = '{"format":2}'
/** Read, and written, so much at a time: what is between two turns of the main thread. */
const READ_BYTES = 64 * 1024
const ENTRIES_PER_WRITE = 500
const NEWLINE = 0x0a

/** A JSON value on a line of its own. */
export type JournalEntry = readonly (string | number | readonly string[])[]

/** The file is not a journal that this version can read. */
export class JournalUnreadable extends Error {}

/**
 * A file of JSON lines: a header, then entries in the order in which they came to be. It grows by durable appends and is
 * replaced as a whole when too much of it is out of date. One process writes it.
 *
 * What a crash or a full disk leaves after the last newline was never acknowledged, and counts as not written.
 */
export class FolderJournal {
  readonly #file: string
  /** Up to where the file is acknowledged; undefined if there is none to append to. */
  #length: number | undefined

  constructor(file: string) {
    this.#file = file
  }

  /** All entries; none if there is no journal. @throws JournalUnreadable; the system's errors */
  async *entries(): AsyncGenerator<readonly unknown[], void, undefined> {
    this.#length = undefined
    const handle = await open(this.#file, 'r').catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    })
    if (handle === undefined) return
    try {
      let length: number | undefined
      for await (const { text, end } of linesOf(handle)) {
        if (length !== undefined) yield parseEntry(text)
        else if (text !== HEADER) throw new JournalUnreadable('The header is of another format')
        length = end
      }
      this.#length = length
    } finally {
      await handle.close()
    }
  }

  /**
   * Adds entries, durably. False, and nothing is added, if there is no journal or it is not as this process left it:
   * then it has to be rewritten. After an error the entries may be added again.
   */
  async append(entries: readonly JournalEntry[]): Promise<boolean> {
    const length = this.#length
    if (length === undefined) return false
    const handle = await open(this.#file, constants.O_WRONLY | constants.O_APPEND).catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    })
    if (handle === undefined) return false
    try {
      const { size } = await handle.stat()
      if (size < length) return false
      if (size > length) await handle.truncate(length)
      const written = await writeEntries(handle, entries)
      await handle.sync()
      this.#length = length + written
      return true
    } finally {
      await handle.close()
    }
  }

  /** Replaces the whole journal, durably and in one step. */
  async rewrite(entries: Iterable<JournalEntry>): Promise<void> {
    const part = `${this.#file}.${process.pid}.part`
    try {
      const handle = await open(part, 'w', 0o600)
      let length = Buffer.byteLength(`${HEADER}\n`)
      try {
        await handle.appendFile(`${HEADER}\n`)
        length += await writeEntries(handle, entries)
        await handle.sync()
      } finally {
        await handle.close()
      }
      // From here until the end it is not certain which of the two files a crash leaves.
      this.#length = undefined
      await rename(part, this.#file)
      await syncDirectory(dirname(this.#file))
      this.#length = length
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
  }
}

/** @returns how many bytes they took */
async function writeEntries(handle: FileHandle, entries: Iterable<JournalEntry>): Promise<number> {
  let written = 0
  let lines: string[] = []
  const flush = async (): Promise<void> => {
    const bytes = Buffer.from(lines.join(''))
    lines = []
    await handle.appendFile(bytes)
    written += bytes.length
  }
  for (const entry of entries) {
    lines.push(`${JSON.stringify(entry)}\n`)
    if (lines.length === ENTRIES_PER_WRITE) await flush()
  }
  await flush()
  return written
}

/** The lines that are ended by a newline, each with the place in the file where the next one begins. */
async function* linesOf(handle: FileHandle): AsyncGenerator<{ text: string; end: number }, void, undefined> {
  let rest = Buffer.alloc(0)
  let end = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(READ_BYTES)
    const { bytesRead } = await handle.read(chunk, 0, READ_BYTES)
    if (bytesRead === 0) return
    const bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    let start = 0
    for (let stop = bytes.indexOf(NEWLINE); stop !== -1; stop = bytes.indexOf(NEWLINE, start)) {
      end += stop + 1 - start
      yield { text: bytes.toString('utf8', start, stop), end }
      start = stop + 1
    }
    rest = bytes.subarray(start)
  }
}

function parseEntry(line: string): readonly unknown[] {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch (cause) {
    throw new JournalUnreadable('A line is no JSON', { cause })
  }
  if (!Array.isArray(entry)) throw new JournalUnreadable('A line is no entry')
  return entry as unknown[]
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
