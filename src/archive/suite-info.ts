/** What a suite is and holds, for people and programs that list it. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Micros, Tables } from '../database/schema.ts'
import type { PackageLine } from './change-request.ts'
import { layoutOf } from './index-paths.ts'
import type { SuiteSettings } from './settings.ts'
import { mapsAt } from './release-table.ts'
import {
  headItems,
  inListingOrder,
  type ItemPosition,
  itemsAt,
  itemsNamed,
  type MapKind,
  isItemPlace,
} from './suite-items.ts'
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

export interface SuitePackage extends PackageLine {
  readonly kind: MapKind
  readonly section: string | null
  readonly priority: string | null
  readonly source: string
  readonly sourceVersion: string
  readonly sha256: string
  readonly sizeBytes: number
  /** Below the archive's root; the directory of a source package. */
  readonly directory: string
  readonly packageId: number
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

export interface PackageQuery {
  readonly name?: string | undefined
  /** The `next` of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

/** A page of a suite's packages, by component, kind, architecture, name and version. */
export async function listPackages(
  db: Kysely<Tables>,
  suite: Suite,
  revision: number | 'head',
  query: PackageQuery,
): Promise<{ items: SuitePackage[]; next?: string }> {
  const after = query.after === undefined ? undefined : parseCursor(query.after)
  let items = inListingOrder(revision === 'head' ? headItems(db) : itemsAt(db, revision), suite.id, after)
  const { name } = query
  if (name !== undefined) {
    const ids = await itemsNamed(db, suite.id, [name])
    if (ids.length === 0) return { items: [] }
    items = items.where('item.id', 'in', ids)
  }
  const found = await items
    .innerJoin('file', 'file.id', 'package.file_id')
    .select(['item.id', 'item.component', 'item.map_kind', 'item.architecture', 'item.entry_key', 'item.directory'])
    .select(['item.section', 'item.priority', 'item.package_id', 'package.name', 'package.version', 'file.sha256'])
    .select(['package.source_name', 'package.source_version', 'file.size', 'package.section as ownSection'])
    .select('package.priority as ownPriority')
    .limit(query.limit + 1)
    .execute()
  const page = found.slice(0, query.limit)
  const last = page.at(-1)
  const listed = page.map((row) => ({
    name: row.name,
    version: row.version,
    architecture: row.architecture,
    component: row.component,
    kind: row.map_kind,
    section: row.section ?? row.ownSection,
    priority: row.priority ?? row.ownPriority,
    source: row.source_name,
    sourceVersion: row.source_version,
    sha256: row.sha256,
    sizeBytes: row.size,
    directory: row.directory,
    packageId: row.package_id,
  }))
  if (found.length <= query.limit || last === undefined) return { items: listed }
  return {
    items: listed,
    next: formatCursor([last.component, last.map_kind, last.architecture, last.entry_key, last.id]),
  }
}

function formatCursor(parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** @throws AshlarError request-invalid */
function parseCursor(text: string): ItemPosition {
  const parts = parseJson(Buffer.from(text, 'base64url').toString())
  if (!Array.isArray(parts) || parts.length !== 5 || !Number.isSafeInteger(parts[4])) {
    throw new AshlarError('request-invalid', "The parameter 'after' is not the 'next' of another page.")
  }
  const [component = '', kind = '', architecture = '', key = ''] = parts.map(String)
  return { component, kind: kind as MapKind, architecture, key, id: Number(parts[4]) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
