/** The thread that makes Contents indexes; contents-drafts.ts is its other end. All that grows with an index is in files. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { constants, gunzipSync, zstdCompressSync } from 'node:zlib'
import { collectOften } from '../../common/collect-often.ts'
import { answerRequests } from '../../common/worker-pool.ts'
import { pathOfLine } from '../../debian/contents.ts'
import { storageError } from '../../storage/storage-error.ts'
import { contentsChunks, type OldChunk } from './contents-chunks.ts'
import { mergeRuns, type PackagePaths, type Run, writeRuns } from './contents-runs.ts'

/** A chunk of before, and where its gzip member lies on this machine. */
export interface LocalChunk extends OldChunk {
  readonly path: string
  readonly offset: number
  readonly length: number
}

export type ContentsRequest =
  /** Sorts paths into runs at the end of a file, which is `start` bytes long. */
  | { readonly kind: 'sort'; readonly file: string; readonly start: number; readonly lists: readonly PackagePaths[] }
  /** Merges runs into chunks of before; writes the texts of new ones into a file. */
  | {
      readonly kind: 'build'
      readonly file: string
      readonly runs: readonly Run[]
      readonly before: readonly LocalChunk[]
      readonly texts: string
    }

/** A chunk of before by its number, or a new one whose text lies in the file of texts as a zstd frame. */
export type DraftChunk =
  | number
  | {
      readonly firstKey: string
      readonly lastKey: string
      readonly entries: number
      readonly textBytes: number
      readonly offset: number
      readonly length: number
    }

export type ContentsAnswer =
  | { readonly kind: 'sorted'; readonly runs: readonly Run[] }
  | { readonly kind: 'built'; readonly chunks: readonly DraftChunk[] }

const fastZstd = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

answerRequests(async (request: ContentsRequest): Promise<{ answer: ContentsAnswer }> => {
  try {
    if (request.kind === 'build') return { answer: { kind: 'built', chunks: build(request) } }
    const file = openSync(request.file, 'a+', 0o600)
    try {
      return { answer: { kind: 'sorted', runs: await writeRuns(file, request.start, request.lists) } }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw storageError(error, 'sorting the paths of packages')
  }
})

function build({ file, runs, before, texts }: Extract<ContentsRequest, { kind: 'build' }>): DraftChunk[] {
  const packs = new Map<string, number>()
  const sorted = openSync(file, 'r')
  const output = openSync(texts, 'wx', 0o600)
  try {
    const drafts: DraftChunk[] = []
    const passed = collectOften()
    let offset = 0
    const chunks = contentsChunks(before, mergeRuns(sorted, runs), (chunk) => readText(before[chunk], packs))
    for (const chunk of chunks) {
      if (typeof chunk === 'number') {
        drafts.push(chunk)
        continue
      }
      const { text, entries } = chunk
      const frame = zstdCompressSync(Buffer.from(text, 'latin1'), fastZstd)
      writeSync(output, frame, 0, frame.length, offset)
      drafts.push({ ...keysOf(text), entries, textBytes: text.length, offset, length: frame.length })
      offset += frame.length
      passed(text.length)
    }
    return drafts
  } finally {
    for (const opened of [...packs.values(), sorted, output]) closeSync(opened)
  }
}

function keysOf(text: string): { firstKey: string; lastKey: string } {
  const firstLine = text.slice(0, text.indexOf('\n'))
  const lastLine = text.slice(text.lastIndexOf('\n', text.length - 2) + 1)
  return { firstKey: copied(pathOfLine(firstLine)), lastKey: copied(pathOfLine(lastLine)) }
}

/** The same string, without holding on to the text that it is a part of, as V8 would. */
function copied(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function readText(chunk: LocalChunk | undefined, packs: Map<string, number>): string {
  if (chunk === undefined) throw new Error('There is no such chunk')
  const pack = packs.get(chunk.path) ?? openSync(chunk.path, 'r')
  packs.set(chunk.path, pack)
  const bytes = Buffer.allocUnsafe(chunk.length)
  for (let done = 0; done < bytes.length;) {
    const count = readSync(pack, bytes, done, bytes.length - done, chunk.offset + done)
    if (count === 0) throw new Error(`${chunk.path} ends before byte ${chunk.offset + done}`)
    done += count
  }
  return gunzipSync(bytes).toString('latin1')
}
