/**
 * The items of suites that hold a file or an artifact: those that a suite has, and those that a retained revision had. A
 * file is held by every item of a package that it belongs to, as in needs.ts; an artifact by the items of its own
 * workspace whose .deb or .dsc it has.
 */
import type { Kysely } from 'kysely'
import { MINIMUM_AGE_SECONDS } from '../archive/retention.ts'
import { isHeldItem } from '../artifact/held-items.ts'
import type { Micros, Tables } from '../database/schema.ts'

/** What is held. With a workspace, only the items of its archive count. */
export type Held =
  | { readonly fileIds: readonly number[]; readonly workspaceId: number | undefined }
  | { readonly artifactIds: readonly number[] }

export interface HeldItem {
  /** `scope/name` */
  readonly workspace: string
  readonly suite: string
  readonly package: string
  readonly version: string
  readonly architecture: string
  readonly component: string
  /** Null while the change that adds it waits to be sealed. */
  readonly fromRevision: number | null
  /** The last revision that has it; null: the suite has it now. */
  readonly untilRevision: number | null
  /** The oldest revision of its archive that is installable. */
  readonly retainedFrom: number
}

const microsPerSecond = 1_000_000

export interface ItemsOptions {
  readonly limit: number
  /** Only what a suite has now. */
  readonly nowOnly?: boolean
  /** Only items of this archive that left with the revision after this one. */
  readonly endingWith?: RevisionsEnd
}

/** Items, those that a suite has now first, and how many there are in all. */
export async function itemsHolding(
  db: Kysely<Tables>,
  held: Held,
  { limit, nowOnly, endingWith }: ItemsOptions,
): Promise<{ readonly items: readonly HeldItem[]; readonly total: number }> {
  let query = itemsOf(db, held)
  if (nowOnly === true) query = query.where('remover.revision', 'is', null)
  if (endingWith !== undefined) {
    query = query
      .where('archive.id', '=', endingWith.archiveId)
      .where('remover.revision', '=', endingWith.lastRevision + 1)
  }
  const rows = await query
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .innerJoin('package', 'package.id', 'item.package_id')
    .innerJoin('change as adder', 'adder.id', 'item.added_by')
    .select(['scope.name as scope', 'workspace.name as workspace', 'suite.name as suite', 'item.name as package'])
    .select(['package.version', 'item.architecture', 'item.component', 'archive.retained_from as retainedFrom'])
    .select(['adder.revision as fromRevision', 'remover.revision as removedIn'])
    .orderBy((eb) => eb.case().when('remover.revision', 'is', null).then(0).else(1).end())
    .orderBy('item.id', 'desc')
    .limit(limit)
    .execute()
  const items = rows.map(({ scope, workspace, removedIn, ...row }) =>
    Object.assign(row, {
      workspace: `${scope}/${workspace}`,
      untilRevision: removedIn === null ? null : removedIn - 1,
    }),
  )
  if (rows.length < limit) return { items, total: rows.length }
  const { total } = await query.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
  return { items, total }
}

/** Until when revisions hold what no suite has any more. */
export interface RevisionsEnd {
  readonly archiveId: number
  /** The last one that has it. */
  readonly lastRevision: number
  /** How long a revision stays after the next one; null: for ever. */
  readonly keepSeconds: number | null
  /** Null: for ever. */
  readonly until: Micros | null
}

/** The longest of the holds by revisions that are current no more; undefined if there is none. */
export async function revisionsEnd(db: Kysely<Tables>, held: Held): Promise<RevisionsEnd | undefined> {
  const rows = await itemsOf(db, held)
    .select(['archive.id as archiveId', 'workspace.keep_revisions_seconds as keepSeconds'])
    .select((eb) => eb.fn.max<number | null>('remover.revision').as('removedIn'))
    .where('remover.revision', 'is not', null)
    .groupBy(['archive.id', 'workspace.keep_revisions_seconds'])
    .execute()
  let longest: RevisionsEnd | undefined
  for (const { archiveId, keepSeconds: wish, removedIn } of rows) {
    if (removedIn === null) continue
    const keepSeconds = wish === null ? null : Math.max(wish, MINIMUM_AGE_SECONDS)
    // The last revision that has it expires so long after the next one, which has it no more, was sealed.
    const next = await sealedAt(db, archiveId, removedIn)
    const until = keepSeconds === null || next === undefined ? null : next + keepSeconds * microsPerSecond
    if (longest === undefined || (until ?? Infinity) > (longest.until ?? Infinity)) {
      longest = { archiveId, lastRevision: removedIn - 1, keepSeconds, until }
    }
  }
  return longest
}

async function sealedAt(db: Kysely<Tables>, archiveId: number, revision: number): Promise<Micros | undefined> {
  const row = await db
    .selectFrom('revision')
    .select('sealed_at')
    .where('archive_id', '=', archiveId)
    .where('number', '=', revision)
    .executeTakeFirst()
  return row?.sealed_at
}

/** A package whose items hold something. */
interface FoundPackage {
  readonly package_id: number
  /** The workspace whose items count; null: all do. */
  readonly workspace_id: number | null
}

function packagesOf(db: Kysely<Tables>, held: Held) {
  if ('artifactIds' in held) {
    return db
      .selectFrom('artifact_file')
      .innerJoin('artifact', 'artifact.id', 'artifact_file.artifact_id')
      .innerJoin('package', 'package.file_id', 'artifact_file.file_id')
      .select(['package.id as package_id', 'artifact.workspace_id'])
      .distinct()
      .where('artifact_file.artifact_id', 'in', [...held.artifactIds])
      .where('package.claimed_in', '=', 0)
      .$castTo<FoundPackage>()
      .as('found')
  }
  return db
    .selectFrom('package_file')
    .select('package_file.package_id')
    .select((eb) => eb.cast<number | null>(eb.val(held.workspaceId ?? null), 'bigint').as('workspace_id'))
    .distinct()
    .where('package_file.file_id', 'in', [...held.fileIds])
    .$castTo<FoundPackage>()
    .as('found')
}

function itemsOf(db: Kysely<Tables>, held: Held) {
  // SQLite keeps the order of cross joins: by the packages first.
  return db
    .selectFrom(packagesOf(db, held))
    .crossJoin('suite_item as item')
    .crossJoin('suite')
    .crossJoin('archive')
    .crossJoin('workspace')
    .leftJoin('change as remover', 'remover.id', 'item.removed_by')
    .whereRef('item.package_id', '=', 'found.package_id')
    .whereRef('suite.id', '=', 'item.suite_id')
    .whereRef('archive.id', '=', 'suite.archive_id')
    .whereRef('workspace.id', '=', 'archive.workspace_id')
    .where((eb) => eb.or([eb('found.workspace_id', 'is', null), eb('found.workspace_id', '=', eb.ref('workspace.id'))]))
    .where(isHeldItem)
}
