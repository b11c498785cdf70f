/** What a suite is and holds, for people and programs that list it. */
import type { Kysely } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'
import { layoutOf } from './index-paths.ts'
import type { SuiteSettings } from './settings.ts'
import { mapsAt } from './release-table.ts'
import { isItemPlace } from './suite-items.ts'
import type { Suite } from './suite-table.ts'

export interface SuiteInfo {
  readonly name: string
  readonly aliases: readonly string[]
  readonly settings: SuiteSettings
  /** The newest revision that changed it, and when that was sealed. */
  readonly revision: number
  readonly sealedAt: Micros
  /** Sources and binaries, each architecture and version counted. */
  readonly packages: number
  readonly sources: number
  readonly components: readonly string[]
  readonly architectures: readonly string[]
}

export async function describeSuite(
  db: Kysely<Tables>,
  archiveId: number,
  suite: Suite,
  revision: number,
): Promise<SuiteInfo> {
  const maps = [...(await mapsAt(db, suite.id, revision)).values()].filter((map) => isItemPlace(map.place))
  const last = await db
    .selectFrom('release_issue')
    .innerJoin('revision', (join) =>
      join.onRef('revision.number', '=', 'release_issue.revision').on('revision.archive_id', '=', archiveId),
    )
    .select(['revision.number', 'revision.sealed_at'])
    .where('suite_id', '=', suite.id)
    .where('release_issue.revision', '<=', revision)
    .orderBy('release_issue.revision', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
  const used = maps.filter((map) => map.entries > 0).map((map) => map.place)
  const { components, architectures } = layoutOf(suite.settings, used)
  const count = (rows: typeof maps): number => rows.reduce((sum, row) => sum + row.entries, 0)
  return {
    name: suite.name,
    aliases: suite.aliases,
    settings: suite.settings,
    revision: last.number,
    sealedAt: last.sealed_at,
    packages: count(maps),
    sources: count(maps.filter((map) => map.place.kind === 'sources')),
    components,
    architectures,
  }
}
