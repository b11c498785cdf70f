/**
 * Removes what only expired revisions used: what their Releases listed and said, then the indexes, maps and chunks that
 * nothing lists any more. In small transactions, each of which leaves every row that refers to another with that other.
 *
 * What a retained revision resolves to stays, also where an older revision made it. A row that holds from one revision
 * up to, not including, another is needed if a retained one lies in between.
 */
import type { Faults } from '../../common/faults.ts'
import type { Database } from '../../database/database.ts'
import { reachExpiry } from '../reach-expiry.ts'
import type { Sweep } from './sweep-context.ts'
import { sweepChunks } from './sweep-chunks.ts'
import { sweepIndexes } from './sweep-indexes.ts'
import { sweepMaps } from './sweep-maps.ts'
import { sweepReleases } from './sweep-releases.ts'

/** How many rows of each kind went. */
export interface Swept {
  readonly listings: number
  readonly maps: number
  readonly indexes: number
  readonly releases: number
  readonly chunks: number
  /** Packs of which nothing is left; a vacuum removes their files. */
  readonly packs: number
}

/** Idempotent; what an interrupted sweep left is found by the next. */
export async function sweepExpired(
  database: Database,
  archiveId: number,
  retainedFrom: number,
  options: { readonly faults: Faults; readonly signal: AbortSignal | undefined },
): Promise<Swept> {
  const suites = await database.read.selectFrom('suite').select('id').where('archive_id', '=', archiveId).execute()
  const sweep: Sweep = {
    database,
    archiveId,
    retainedFrom,
    suiteIds: suites.map((suite) => suite.id),
    signal: options.signal,
    async step() {
      options.signal?.throwIfAborted()
      await reachExpiry(options.faults, 'expire.sweep')
    },
  }
  const { listings, releases } = await sweepReleases(sweep)
  const indexes = await sweepIndexes(sweep)
  const maps = await sweepMaps(sweep)
  const { chunks, packs } = await sweepChunks(sweep)
  return { listings, releases, indexes, maps, chunks, packs }
}
