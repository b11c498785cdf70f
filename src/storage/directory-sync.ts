/** Directories whose entries must survive a power cut. */
import { open } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import pLimit from 'p-limit'
import { Batcher } from '../common/batcher.ts'

/** So many syncs are under way at once; a disk takes some together better than one after the other. */
const concurrency = Math.max(4, Math.min(16, 2 * availableParallelism()))
const batchMaximum = 1024

/** Syncs a directory once. @throws the system's error */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Syncs directories for many callers: those that ask while a round is under way share the next one, in which each
 * directory is synced once. A round starts after all of its callers asked, so it covers what each did before.
 */
export class DirectorySync {
  readonly #rounds = new Batcher<string, true>(batchMaximum, async (paths) => {
    const limit = pLimit(concurrency)
    const distinct = [...new Set(paths)]
    const outcomes = await Promise.all(distinct.map((path) => limit(() => syncOutcome(path))))
    const byPath = new Map(distinct.map((path, index) => [path, outcomes[index] ?? true]))
    return paths.map((path) => byPath.get(path) ?? true)
  })

  /** Resolves when the entries that `path` has now are durable. */
  async sync(path: string): Promise<void> {
    await this.#rounds.run(path)
  }
}

async function syncOutcome(path: string): Promise<true | Error> {
  try {
    await syncDirectory(path)
    return true
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
