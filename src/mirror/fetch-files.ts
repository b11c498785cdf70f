/** Fetches the files that a mirror lists, several at once; those that the archive has had are passed over. */
import { setTimeout as sleep } from 'node:timers/promises'
import { bringClaimed } from '../archive/claimed-files.ts'
import { AshlarError } from '../common/errors.ts'
import { inOrder } from '../common/in-order.ts'
import { orAborted } from '../common/until-aborted.ts'
import type { Database } from '../database/database.ts'
import type { StoredFile } from '../storage/file-copies.ts'
import type { Storage } from '../storage/storage.ts'
import type { Tell } from './mirror-event.ts'
import type { Mirror } from './mirror-table.ts'
import type { UnderWay } from './under-way.ts'
import { isMissing } from './upstream.ts'

export interface FetchParts {
  readonly database: Database
  readonly storage: Storage
}

/** A file, and where it lies upstream, to name it. */
export interface WantedFile extends StoredFile {
  readonly path?: string
}

export interface FetchWish {
  readonly mirror: Pick<Mirror, 'archiveId' | 'workspace'>
  readonly files: readonly WantedFile[]
  readonly tell: Tell
  readonly signal: AbortSignal
  /** Told of what is being fetched. */
  readonly underWay?: UnderWay
  /** Told of a file that does not come; without this the first one ends it. */
  readonly onFailure?: (file: StoredFile, error: AshlarError) => void
}

/** Polite to a server that others use too. */
const fetchesAtOnce = 8
/** After what times a file is asked for again. */
const retryAfterMs = [1000, 5000]

/** @throws AshlarError upstream-failed, storage-full, storage-failed; the reason of the signal */
export async function fetchFiles(parts: FetchParts, wish: FetchWish): Promise<void> {
  const { files, tell, signal, onFailure } = wish
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  let [done, bytes] = [0, 0]
  const fetched = inOrder(files, fetchesAtOnce, async (file) => {
    signal.throwIfAborted()
    try {
      using _fetching = wish.underWay?.begin(file.path ?? file.sha256)
      await orAborted(fetchFile(parts, wish, file), signal)
    } catch (error) {
      signal.throwIfAborted()
      const isOfUpstream = error instanceof AshlarError && (error.code === 'upstream-failed' || error.code === 'gone')
      if (!isOfUpstream || onFailure === undefined) throw error
      onFailure(file, error)
    }
    done += 1
    bytes += file.sizeBytes
    tell({ kind: 'progress', stage: 'files', done, total: files.length, bytes, totalBytes })
  })
  for await (const _file of fetched) {
    // Each is told of as it comes.
  }
}

async function fetchFile(parts: FetchParts, { mirror, signal }: FetchWish, file: StoredFile): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return void (await bringClaimed(parts, mirror.archiveId, file, mirror.workspace.scopeId))
    } catch (error) {
      const pauseMs = retryAfterMs[attempt]
      // What upstream has no more does not come back.
      const mayPass = error instanceof AshlarError && error.code === 'upstream-failed' && !isMissing(error)
      if (pauseMs === undefined || !mayPass) throw error
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
