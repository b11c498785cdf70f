import { FileMoved, packagesTakenIn, takeIn } from './folder-intake.ts'
import type { Intake, TakenIn } from './folder-intake.ts'
import type { FolderMemory } from './folder-memory.ts'
import type { FolderRejections } from './folder-rejections.ts'
import type { FileLook } from './folder-scan.ts'

/** Many, because files that arrive together share syncs and transactions; of each at most one chunk is in memory. */
const READS_AT_A_TIME = 32
/** What is read is remembered after so many files, so that a crash does not cost the whole first reading. */
const FILES_PER_BATCH = 500

export interface ReadingOptions {
  readonly intake: Intake
  readonly memory: FolderMemory
  readonly rejections: FolderRejections
  readonly onRead: ((read: number, total: number) => void) | undefined
}

/**
 * Reads files into the memory as packages, or into the rejections. Of the last batch nothing is saved yet.
 *
 * @returns the paths of files that changed meanwhile, to be looked at again
 */
export async function readFiles(files: readonly FileLook[], options: ReadingOptions): Promise<string[]> {
  const { intake, memory, rejections, onRead } = options
  const moved: string[] = []
  let done = 0
  for (let start = 0; start < files.length; start += FILES_PER_BATCH) {
    const taken: TakenIn[] = []
    const read = async (file: FileLook): Promise<void> => {
      try {
        taken.push(await takeIn(intake, file))
        rejections.forget(file.path)
      } catch (error) {
        if (error instanceof FileMoved) moved.push(file.path)
        else if (!intake.signal.aborted) rejections.add(file, error)
      }
      done += 1
      onRead?.(done, files.length)
    }
    await severalAtATime(files.slice(start, start + FILES_PER_BATCH), read, intake.signal)
    intake.signal.throwIfAborted()
    for (const [path, each] of await packagesTakenIn(intake, taken)) memory.setPackage(path, each)
    if (start + FILES_PER_BATCH < files.length) await memory.save()
  }
  return moved
}

async function severalAtATime(
  files: Iterable<FileLook>,
  read: (file: FileLook) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const waiting = files[Symbol.iterator]()
  const readOn = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true && !signal.aborted; next = waiting.next()) await read(next.value)
  }
  await Promise.all(Array.from({ length: READS_AT_A_TIME }, readOn))
}
