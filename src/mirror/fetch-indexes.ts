/** Fetches the indexes of an upstream into the spool, each proven to be what the Release lists. */
import { AshlarError } from '../common/errors.ts'
import { inOrder } from '../common/in-order.ts'
import type { SpooledFile } from '../storage/file-store.ts'
import { unlinkIfThere } from '../storage/spool-writer.ts'
import { directoryOf } from './flat-archive.ts'
import type { LocalIndex } from './index-reader-worker.ts'
import type { Tell } from './mirror-event.ts'
import type { Upstream } from './upstream.ts'
import { type IndexGroup, type ListedFile, placesOf } from './wanted-indexes.ts'

/** A group whose indexes lie here. */
export interface LocalGroup {
  readonly group: IndexGroup
  readonly indexes: readonly LocalIndex[]
}

export interface LocalGroups extends AsyncDisposable {
  readonly groups: readonly LocalGroup[]
}

/** Upstream gives another index than its Release lists: perhaps because it has a newer Release by now. */
export class IndexChanged extends Error {
  readonly refusal: AshlarError
  readonly hasReleaseChanged: () => Promise<boolean>

  constructor(refusal: AshlarError, hasReleaseChanged: () => Promise<boolean>) {
    super(refusal.message)
    this.refusal = refusal
    this.hasReleaseChanged = hasReleaseChanged
  }
}

export interface IndexWish {
  readonly tell: Tell
  readonly hasByHash: boolean
  /** Whether the Release is another one now. */
  readonly hasReleaseChanged: () => Promise<boolean>
}

const fetchesAtOnce = 4

/** @throws IndexChanged; AshlarError storage-full, storage-failed */
export async function fetchIndexes(
  upstream: Upstream,
  suite: string,
  groups: readonly IndexGroup[],
  wish: IndexWish,
): Promise<LocalGroups> {
  const spooled: SpooledFile[] = []
  const dispose = async (): Promise<void> => {
    for (const { path } of spooled) await unlinkIfThere(path).catch(() => {})
  }
  const wanted = groups.flatMap((group) => group.indexes.map((index) => ({ group, index })))
  const progress = new Progress(
    wish.tell,
    wanted.map(({ index }) => index),
  )
  try {
    const files = inOrder(wanted, fetchesAtOnce, async ({ group, index }) => {
      const file = await fetchListed(upstream, suite, index, wish, (bytes) => progress.add(bytes))
      spooled.push(file)
      const { compression, architecture } = index
      const name = `${upstream.url}${directoryOf(suite)}${index.path}`
      return { group, index: { name, file: file.path, compression, architecture } }
    })
    const local = await Array.fromAsync(files)
    return {
      groups: groups.map((group) => ({
        group,
        indexes: local.filter((one) => one.group === group).map((one) => one.index),
      })),
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** By its digest where upstream offers that, which holds while upstream changes; then by its name. */
export async function fetchListed(
  upstream: Upstream,
  suite: string,
  file: ListedFile,
  { hasByHash, hasReleaseChanged }: Pick<IndexWish, 'hasByHash' | 'hasReleaseChanged'>,
  onBytes?: (bytes: number) => void,
): Promise<SpooledFile> {
  let refusal: AshlarError | undefined
  for (const place of placesOf(suite, file, hasByHash)) {
    try {
      return await upstream.download(place, file, onBytes)
    } catch (error) {
      if (!(error instanceof AshlarError) || error.code !== 'upstream-failed') throw error
      refusal = error
    }
  }
  throw new IndexChanged(refusal ?? new AshlarError('upstream-failed', `${file.path} is nowhere.`), hasReleaseChanged)
}

class Progress {
  readonly #tell: Tell
  readonly #totalBytes: number
  readonly #total: number
  #bytes = 0

  constructor(tell: Tell, files: readonly ListedFile[]) {
    this.#tell = tell
    this.#total = files.length
    this.#totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  }

  add(bytes: number): void {
    this.#bytes += bytes
    const [total, totalBytes] = [this.#total, this.#totalBytes]
    this.#tell({ kind: 'progress', stage: 'indexes', done: 0, total, bytes: this.#bytes, totalBytes })
  }
}
