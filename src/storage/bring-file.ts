/** Seeing to it that a scope holds a file that another one has: by its policies, and without a copy where it holds it. */
import { AshlarError } from '../common/errors.ts'
import { copiesOf, type FileCopy, type StoredFile } from './file-copies.ts'
import { hasRoom, type StoreMap } from './store-policy.ts'
import { transfer, type TransferParts } from './transfer.ts'

export interface BringWish {
  readonly file: StoredFile
  /** The scope that is to hold it. */
  readonly to: number
  /** The scope for which it is read. */
  readonly from: number
  readonly signal?: AbortSignal | undefined
}

/**
 * @throws AshlarError gone; storage-full, storage-failed if no store of the scope takes it; file-corrupt if no copy can
 *   be read
 */
export async function bringFile(parts: TransferParts, { file, to, from, signal }: BringWish): Promise<void> {
  const map = await parts.storage.stores.map()
  const { gone, copies } = await copiesOf(parts.database.read, file.id)
  if (gone !== null) throw new AshlarError('gone', `The file ${file.sha256} is gone (${gone}).`)
  if (isHeldBy(map, to, copies)) return
  const targets = map.uploadTargets(to).filter((store) => hasRoom(store, file.sizeBytes))
  let failure: unknown
  for (const store of targets) {
    try {
      const outcome = await transfer(parts, {
        file,
        to: store,
        from: (now) => readableFor(map, from, now),
        ...(signal === undefined ? {} : { signal }),
      })
      if (outcome === 'copied' || outcome === 'there') return
      if (outcome === 'sourceless') {
        throw new AshlarError('file-corrupt', `No store has a copy of the file ${file.sha256} that can be read.`)
      }
    } catch (error) {
      if (!(error instanceof AshlarError) || error.code !== 'storage-failed') throw error
      failure ??= error
    }
  }
  throw failure ?? new AshlarError('storage-full', `No store of this scope has room for ${file.sizeBytes} bytes.`)
}

/** Whether a scope has a good copy in a store that it relies on, which is more than an upstream. */
export function isHeldBy(map: StoreMap, scopeId: number, copies: readonly FileCopy[]): boolean {
  return copies.some(
    ({ state, storeId }) => state === 'present' && map.isHome(scopeId, storeId) && map.byId(storeId)?.kind !== 'remote',
  )
}

function readableFor(map: StoreMap, scopeId: number, copies: readonly FileCopy[]): FileCopy[] {
  const compare = map.compareForReading(scopeId)
  const late = (copy: FileCopy): number => (copy.state === 'condemned' ? 1 : 0)
  return copies
    .filter(({ state, storeId }) => (state === 'present' || state === 'condemned') && map.isReadable(scopeId, storeId))
    .sort((a, b) => late(a) - late(b) || compare(a.storeId, b.storeId))
}
