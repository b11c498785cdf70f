/** Fetches what a mirror lists and has only upstream, so that it stays when upstream deletes it. */
import type { Database } from '../database/database.ts'
import type { Storage } from '../storage/storage.ts'
import { fetchFiles } from './fetch-files.ts'
import { filesUpstream } from './listed-files.ts'
import { mostNotices, type Tell } from './mirror-event.ts'
import type { Mirror } from './mirror-table.ts'

export interface FillOutcome {
  readonly fetched: number
  readonly bytes: number
  /** What upstream does not give. */
  readonly failed: number
}

export async function fillMirror(
  parts: { readonly database: Database; readonly storage: Storage },
  mirror: Mirror,
  suiteId: number,
  { tell, signal }: { readonly tell: Tell; readonly signal: AbortSignal },
): Promise<FillOutcome> {
  tell({ kind: 'stage', stage: 'files' })
  const files = await filesUpstream(parts.database.read, suiteId)
  let [failed, failedBytes] = [0, 0]
  await fetchFiles(parts, {
    mirror,
    files,
    tell,
    signal,
    onFailure(file, error) {
      failed += 1
      failedBytes += file.sizeBytes
      if (failed <= mostNotices) tell({ kind: 'notice', detail: error.message })
    },
  })
  const bytes = files.reduce((sum, file) => sum + file.sizeBytes, 0) - failedBytes
  return { fetched: files.length - failed, bytes, failed }
}
