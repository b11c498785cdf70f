/** Fetches the indexes that a mirror takes as they are, and keeps them as files. */
import type { TakenIndex } from '../archive/archives.ts'
import { takenIndexes } from '../archive/taken-indexes.ts'
import type { Database } from '../database/database.ts'
import type { Storage } from '../storage/storage.ts'
import { fetchListed, type IndexWish } from './fetch-indexes.ts'
import type { Mirror } from './mirror-table.ts'
import type { SuiteNow } from './suite-items.ts'
import type { Upstream } from './upstream.ts'
import type { ExtraFile } from './wanted-indexes.ts'

/** @returns all that the suite is to have; undefined if it has just that. @throws IndexChanged; AshlarError storage-full … */
export async function takeExtras(
  { database, storage }: { readonly database: Database; readonly storage: Storage },
  upstream: Upstream,
  wish: {
    readonly mirror: Mirror
    readonly suite: SuiteNow
    readonly extras: readonly ExtraFile[]
    readonly fetching: IndexWish
  },
): Promise<TakenIndex[] | undefined> {
  const { mirror, suite, extras, fetching } = wish
  const now = new Map((await takenIndexes(database.read, suite.suiteId)).map((index) => [index.path, index]))
  const taken: TakenIndex[] = []
  for (const { name, stored, plain } of extras) {
    const { path, sha256, sizeBytes } = stored
    const before = now.get(path)
    if (before?.sha256 === sha256 && before.fileId !== null) taken.push(before)
    else {
      const spooled = await fetchListed(upstream, mirror.settings.upstreamSuite, stored, fetching)
      const file = await storage.keep(spooled, mirror.workspace.scopeId)
      taken.push({ path, fileId: file.id, sha256, sizeBytes })
    }
    if (plain !== undefined && path !== name) taken.push({ path: name, fileId: null, ...plain })
  }
  const isSame = taken.length === now.size && taken.every(({ path, sha256 }) => now.get(path)?.sha256 === sha256)
  return isSame ? undefined : taken
}
