/** What a file takes with it when it is lost: the artifacts, packages of suites, and packs of indexes that it is part of. */
import type { Kysely } from 'kysely'
import { mapsListing } from '../archive/rebuild/chunk-maps.ts'
import type { Tables } from '../database/schema.ts'

/** Revisions `from` up to and with `to`; `to` is null if it still holds. */
export interface RevisionRange {
  readonly from: number
  readonly to: number | null
}

export interface TouchedArtifact {
  readonly id: number
  /** `scope/name` */
  readonly workspace: string
  readonly path: string
}

/** A package that a suite has, or had at a revision that is still retained. */
export interface TouchedPackage extends RevisionRange {
  readonly workspace: string
  readonly suite: string
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** A suite some of whose indexes, at some retained revisions, lie in the file, or are made of chunks in it. */
export interface TouchedIndexes extends RevisionRange {
  readonly workspace: string
  readonly suite: string
}

export interface Touches {
  readonly artifacts: readonly TouchedArtifact[]
  readonly packages: readonly TouchedPackage[]
  readonly indexes: readonly TouchedIndexes[]
  /** There are more than these of some kind. */
  readonly more?: true
}

/** At most so many of each kind are named. */
const mostNamed = 200

export async function touchesOf(db: Kysely<Tables>, fileId: number): Promise<Touches> {
  const artifacts = await artifactsWith(db, fileId)
  const packages = await packagesWith(db, fileId)
  const indexes = await indexesOf(db, fileId)
  const touches = {
    artifacts: artifacts.slice(0, mostNamed),
    packages: packages.slice(0, mostNamed),
    indexes: indexes.slice(0, mostNamed),
  }
  const isWhole = Math.max(artifacts.length, packages.length, indexes.length) <= mostNamed
  return isWhole ? touches : { ...touches, more: true }
}

async function artifactsWith(db: Kysely<Tables>, fileId: number): Promise<TouchedArtifact[]> {
  const rows = await db
    .selectFrom('artifact_file')
    .innerJoin('artifact', 'artifact.id', 'artifact_file.artifact_id')
    .innerJoin('workspace', 'workspace.id', 'artifact.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['artifact.id', 'scope.name as scope', 'workspace.name as workspace', 'artifact_file.path'])
    .where('artifact_file.file_id', '=', fileId)
    .orderBy('artifact.id')
    .limit(mostNamed + 1)
    .execute()
  return rows.map(({ id, scope, workspace, path }) => ({ id, workspace: `${scope}/${workspace}`, path }))
}

async function packagesWith(db: Kysely<Tables>, fileId: number): Promise<TouchedPackage[]> {
  const rows = await db
    .selectFrom('package_file')
    .innerJoin('package', 'package.id', 'package_file.package_id')
    .innerJoin('suite_item as item', 'item.package_id', 'package.id')
    .innerJoin('suite', 'suite.id', 'item.suite_id')
    .innerJoin('archive', 'archive.id', 'suite.archive_id')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .innerJoin('change as adder', 'adder.id', 'item.added_by')
    .leftJoin('change as remover', 'remover.id', 'item.removed_by')
    .select(['scope.name as scope', 'workspace.name as workspace', 'suite.name as suite', 'archive.retained_from'])
    .select(['package.name', 'package.version', 'package.architecture'])
    .select(['adder.revision as added', 'remover.revision as removed'])
    .where('package_file.file_id', '=', fileId)
    .where('adder.revision', 'is not', null)
    .where((eb) =>
      eb.or([eb('remover.revision', 'is', null), eb('remover.revision', '>', eb.ref('archive.retained_from'))]),
    )
    .orderBy('suite.id')
    .orderBy('adder.revision')
    .limit(mostNamed + 1)
    .execute()
  return rows.map((row) => ({
    workspace: `${row.scope}/${row.workspace}`,
    suite: row.suite,
    name: row.name,
    version: row.version,
    architecture: row.architecture,
    from: Math.max(row.added ?? 0, row.retained_from),
    to: row.removed === null ? null : row.removed - 1,
  }))
}

/** The suites with indexes in the file, or whose maps list a chunk of it, with the revisions in between them. */
async function indexesOf(db: Kysely<Tables>, packFileId: number): Promise<TouchedIndexes[]> {
  const bySuite = new Map<string, { from: number; to: number | null } & TouchedIndexes>()
  const add = (place: TouchedIndexes): void => {
    const name = `${place.workspace} ${place.suite}`
    const known = bySuite.get(name)
    if (known === undefined) bySuite.set(name, { ...place })
    else {
      known.from = Math.min(known.from, place.from)
      known.to = known.to === null || place.to === null ? null : Math.max(known.to, place.to)
    }
  }
  for (const place of await rawIndexesIn(db, packFileId)) add(place)
  const chunks = await db
    .selectFrom('chunk')
    .select(['id', 'archive_id'])
    .where('pack_file_id', '=', packFileId)
    .execute()
  for (const [archiveId, here] of Map.groupBy(chunks, (chunk) => chunk.archive_id)) {
    const wanted = new Set(here.map((chunk) => chunk.id))
    for await (const maps of mapsListing(db, archiveId, wanted)) {
      const mapIds = maps.map((map) => map.mapId)
      for (const place of await placesOf(db, mapIds)) add(place)
    }
  }
  return [...bySuite.values()]
}

/** Where, and at which retained revisions, suites have these maps. */
async function placesOf(db: Kysely<Tables>, mapIds: readonly number[]): Promise<TouchedIndexes[]> {
  const rows = await db
    .selectFrom('suite_map')
    .innerJoin('suite', 'suite.id', 'suite_map.suite_id')
    .innerJoin('archive', 'archive.id', 'suite.archive_id')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['scope.name as scope', 'workspace.name as workspace', 'suite.name as suite', 'archive.retained_from'])
    .select(['suite_map.from_revision', 'suite_map.until_revision'])
    .where('suite_map.map_id', 'in', [...mapIds])
    .where((eb) =>
      eb.or([
        eb('suite_map.until_revision', 'is', null),
        eb('suite_map.until_revision', '>', eb.ref('archive.retained_from')),
      ]),
    )
    .execute()
  return rows.map(asTouched)
}

/** Where, and at which retained revisions, suites have indexes that are bytes of the file. */
async function rawIndexesIn(db: Kysely<Tables>, fileId: number): Promise<TouchedIndexes[]> {
  const rows = await db
    .selectFrom('index_file')
    .innerJoin('release_index', 'release_index.index_file_id', 'index_file.id')
    .innerJoin('suite', 'suite.id', 'release_index.suite_id')
    .innerJoin('archive', 'archive.id', 'suite.archive_id')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['scope.name as scope', 'workspace.name as workspace', 'suite.name as suite', 'archive.retained_from'])
    .select(['release_index.from_revision', 'release_index.until_revision'])
    .where('index_file.file_id', '=', fileId)
    .where((eb) =>
      eb.or([
        eb('release_index.until_revision', 'is', null),
        eb('release_index.until_revision', '>', eb.ref('archive.retained_from')),
      ]),
    )
    .execute()
  return rows.map(asTouched)
}

function asTouched(row: {
  readonly scope: string
  readonly workspace: string
  readonly suite: string
  readonly retained_from: number
  readonly from_revision: number
  readonly until_revision: number | null
}): TouchedIndexes {
  return {
    workspace: `${row.scope}/${row.workspace}`,
    suite: row.suite,
    from: Math.max(row.from_revision, row.retained_from),
    to: row.until_revision === null ? null : row.until_revision - 1,
  }
}
