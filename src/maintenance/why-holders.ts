/** What holds a file or an artifact, as lists for people to read: bounded, with how many there are in all. */
import { sql, type Kysely } from 'kysely'
import type { Micros, Tables } from '../database/schema.ts'
import { archivesIndexedIn } from './indexed-in.ts'
import { type Held, type HeldItem, itemsHolding } from './why-items.ts'

export type Holder =
  | {
      readonly kind: 'artifact'
      readonly id: number
      readonly category: string
      readonly workspace: string
      /** Of the file in it. */
      readonly path: string
      /** By its own delay or its workspace's; null: never, or not before it is complete. */
      readonly expiresAt: Micros | null
      /** Whose delay that is. */
      readonly rule: 'own' | 'workspace' | 'incomplete'
    }
  | (Omit<HeldItem, 'retainedFrom'> & {
      readonly kind: 'suite'
      /** `in the suite now`, `retained revisions r3 to r9` */
      readonly heldBecause: string
    })
  | {
      readonly kind: 'relation'
      /** The artifact that relates. */
      readonly id: number
      readonly workspace: string
      readonly type: string
      /** The artifact that it relates to. */
      readonly target: number
    }
  | {
      readonly kind: 'pack'
      readonly workspace: string
      /** The revision that made it; later ones may use it too. Null if that has expired. */
      readonly revision: number | null
    }

export interface Holders {
  /** Of each kind at most `mostListed`. */
  readonly heldBy: readonly Holder[]
  readonly total: number
}

export const mostListed = 100
const microsPerSecond = 1_000_000

export async function holdersOfFile(
  db: Kysely<Tables>,
  fileId: number,
  workspaceId: number | undefined,
): Promise<Holders> {
  const artifacts = await artifactsWith(db, fileId, workspaceId)
  return merged([
    await suites(db, { fileIds: [fileId], workspaceId }),
    await packs(db, fileId, workspaceId),
    artifacts,
    await relations(
      db,
      artifacts.heldBy.flatMap((holder) => (holder.kind === 'artifact' ? holder.id : [])),
      workspaceId,
    ),
  ])
}

export async function holdersOfArtifact(
  db: Kysely<Tables>,
  artifactId: number,
  workspaceId: number | undefined,
): Promise<Holders> {
  return merged([await suites(db, { artifactIds: [artifactId] }), await relations(db, [artifactId], workspaceId)])
}

function merged(parts: readonly Holders[]): Holders {
  return {
    heldBy: parts.flatMap((part) => part.heldBy),
    total: parts.reduce((sum, part) => sum + part.total, 0),
  }
}

async function suites(db: Kysely<Tables>, held: Held): Promise<Holders> {
  const { items, total } = await itemsHolding(db, held, { limit: mostListed })
  const heldBy = items.map(({ retainedFrom, ...item }) =>
    Object.assign(item, { kind: 'suite' as const, heldBecause: becauseOf(item, retainedFrom) }),
  )
  return { heldBy, total }
}

function becauseOf(item: Omit<HeldItem, 'retainedFrom'>, retainedFrom: number): string {
  if (item.fromRevision === null) return 'about to be added'
  if (item.untilRevision === null) return 'in the suite now'
  const from = Math.max(item.fromRevision, retainedFrom)
  return from === item.untilRevision
    ? `retained revision r${from}`
    : `retained revisions r${from} to r${item.untilRevision}`
}

async function artifactsWith(db: Kysely<Tables>, fileId: number, workspaceId: number | undefined): Promise<Holders> {
  let query = db
    .selectFrom('artifact_file')
    // SQLite keeps the order of cross joins: by the file first.
    .crossJoin('artifact')
    .crossJoin('workspace')
    .crossJoin('scope')
    .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
    .whereRef('workspace.id', '=', 'artifact.workspace_id')
    .whereRef('scope.id', '=', 'workspace.scope_id')
    .where('artifact_file.file_id', '=', fileId)
  if (workspaceId !== undefined) query = query.where('artifact.workspace_id', '=', workspaceId)
  const rows = await query
    .select(['artifact.id', 'artifact.category', 'artifact_file.path', 'artifact.completed_at as completedAt'])
    .select(['scope.name as scope', 'workspace.name as workspace', 'artifact.expire_after_seconds as own'])
    .select(
      sql<number | null>`nullif(coalesce(artifact.expire_after_seconds, workspace.expire_after_seconds), 0)`.as(
        'seconds',
      ),
    )
    .orderBy('artifact.id', 'desc')
    .limit(mostListed)
    .execute()
  const heldBy = rows.map(({ id, category, path, completedAt, scope, workspace, own, seconds }): Holder => ({
    kind: 'artifact',
    id,
    category,
    workspace: `${scope}/${workspace}`,
    path,
    expiresAt: completedAt === null || seconds === null ? null : completedAt + seconds * microsPerSecond,
    rule: completedAt === null ? 'incomplete' : own === null ? 'workspace' : 'own',
  }))
  const count = query.select((eb) => eb.fn.countAll<number>().as('total'))
  return { heldBy, total: await totalOf(count, rows.length) }
}

async function relations(
  db: Kysely<Tables>,
  targets: readonly number[],
  workspaceId: number | undefined,
): Promise<Holders> {
  if (targets.length === 0) return { heldBy: [], total: 0 }
  let query = db
    .selectFrom('artifact_relation')
    .crossJoin('artifact')
    .crossJoin('workspace')
    .crossJoin('scope')
    .whereRef('artifact.id', '=', 'artifact_relation.artifact_id')
    .whereRef('workspace.id', '=', 'artifact.workspace_id')
    .whereRef('scope.id', '=', 'workspace.scope_id')
    .where('artifact_relation.target_id', 'in', [...targets])
    .where('artifact_relation.type', '!=', 'copied-from')
  if (workspaceId !== undefined) query = query.where('artifact.workspace_id', '=', workspaceId)
  const rows = await query
    .select(['artifact.id', 'artifact_relation.target_id as target', 'artifact_relation.type'])
    .select(['scope.name as scope', 'workspace.name as workspace'])
    .orderBy('artifact.id', 'desc')
    .limit(mostListed)
    .execute()
  const heldBy = rows.map(({ id, target, type, scope, workspace }): Holder => ({
    kind: 'relation',
    id,
    workspace: `${scope}/${workspace}`,
    type,
    target,
  }))
  const count = query.select((eb) => eb.fn.countAll<number>().as('total'))
  return { heldBy, total: await totalOf(count, rows.length) }
}

/** The archives with indexes in the file. */
async function packs(db: Kysely<Tables>, fileId: number, workspaceId: number | undefined): Promise<Holders> {
  let query = db
    .selectFrom('archive')
    .crossJoin('workspace')
    .crossJoin('scope')
    .leftJoin('revision', (join) =>
      join.onRef('revision.archive_id', '=', 'archive.id').on('revision.pack_file_id', '=', fileId),
    )
    .select(['scope.name as scope', 'workspace.name as workspace'])
    .select((eb) => eb.fn.min<number | null>('revision.number').as('revision'))
    .whereRef('workspace.id', '=', 'archive.workspace_id')
    .whereRef('scope.id', '=', 'workspace.scope_id')
    .where('archive.id', 'in', archivesIndexedIn(db, fileId))
    .groupBy(['scope.name', 'workspace.name'])
    .limit(mostListed)
  if (workspaceId !== undefined) query = query.where('archive.workspace_id', '=', workspaceId)
  const rows = await query.execute()
  const heldBy = rows.map(({ scope, workspace, revision }): Holder => ({
    kind: 'pack',
    workspace: `${scope}/${workspace}`,
    revision,
  }))
  return { heldBy, total: rows.length }
}

/** Counts only where a list was cut off. */
async function totalOf(
  query: { readonly execute: () => Promise<readonly { readonly total: number }[]> },
  listed: number,
): Promise<number> {
  if (listed < mostListed) return listed
  const [row] = await query.execute()
  return row?.total ?? listed
}
