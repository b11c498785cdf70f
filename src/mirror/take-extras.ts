/** Fetches the indexes that a mirror takes as they are, and keeps them as files. */
import type { TakenIndex } from '../archive/archives.ts'
import { takenIndexes } from '../archive/taken-indexes.ts'
import type { Database } from '../database/database.ts'
import type { SpooledFile } from '../storage/file-store.ts'
import { unlinkIfThere } from '../storage/spool-writer.ts'
import type { Storage } from '../storage/storage.ts'
import { fetchListed, type IndexWish } from './fetch-indexes.ts'
import type { Mirror } from './mirror-table.ts'
import type { SuiteNow } from './suite-items.ts'
import type { Upstream } from './upstream.ts'
import type { ExtraFile } from './wanted-indexes.ts'

/** What the suite is to have; what is new of it lies in the spool. */
export interface LocalExtras extends AsyncDisposable {
  readonly wanted: readonly WantedExtra[]
  /** The suite has just that. */
  readonly isSame: boolean
}

type WantedExtra =
  | { readonly kind: 'known'; readonly index: TakenIndex }
  | { readonly kind: 'fresh'; readonly path: string; readonly spooled: SpooledFile }

/** @throws IndexChanged; AshlarError storage-full, storage-failed */
export async function fetchExtras(
  { database }: { readonly database: Database },
  upstream: Upstream,
  wish: {
    readonly mirror: Mirror
    readonly suite: SuiteNow
    readonly extras: readonly ExtraFile[]
    readonly fetching: IndexWish
  },
): Promise<LocalExtras> {
  const { mirror, suite, extras, fetching } = wish
  const now = new Map((await takenIndexes(database.read, suite.suiteId)).map((index) => [index.path, index]))
  const wanted: WantedExtra[] = []
  const dispose = async (): Promise<void> => {
    for (const one of wanted) if (one.kind === 'fresh') await unlinkIfThere(one.spooled.path).catch(() => {})
  }
  try {
    for (const { name, stored, plain } of extras) {
      const { path, sha256 } = stored
      const before = now.get(path)
      if (before?.sha256 === sha256 && before.fileId !== null) wanted.push({ kind: 'known', index: before })
      else {
        const spooled = await fetchListed(upstream, mirror.settings.upstreamSuite, stored, fetching)
        wanted.push({ kind: 'fresh', path, spooled })
      }
      if (plain !== undefined && path !== name) {
        wanted.push({ kind: 'known', index: { path: name, fileId: null, ...plain } })
      }
    }
  } catch (error) {
    await dispose()
    throw error
  }
  const isSame =
    wanted.length === now.size &&
    wanted.every((one) => {
      if (one.kind === 'fresh') return false
      const before = now.get(one.index.path)
      return before?.sha256 === one.index.sha256 && before.fileId === one.index.fileId
    })
  return { wanted, isSame, [Symbol.asyncDispose]: dispose }
}

/** Moves them into the stores: just before they are sealed, since a vacuum takes what nothing needs for a day. */
export async function keepExtras(
  storage: Storage,
  { wanted }: LocalExtras,
  scopeId: number,
  signal: AbortSignal,
): Promise<TakenIndex[]> {
  const taken: TakenIndex[] = []
  for (const one of wanted) {
    if (one.kind === 'known') taken.push(one.index)
    else {
      const { id: fileId, sha256, sizeBytes } = await storage.keep(one.spooled, scopeId, signal)
      taken.push({ path: one.path, fileId, sha256, sizeBytes })
    }
  }
  return taken
}
