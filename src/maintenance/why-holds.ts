/**
 * How long something is held, and by what: by the same rules as a vacuum (needs.ts for files, the delays of artifacts and
 * revisions). Every question is bounded; of very many artifacts the newest are looked at.
 */
import { sql, type Kysely } from 'kysely'
import { INCOMPLETE_AFTER_SECONDS } from '../artifact/expiry-rule.ts'
import { durationText } from '../common/duration.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { waitSeconds } from '../incoming/waiting-files.ts'
import { archivesIndexedIn } from './indexed-in.ts'
import { type Hold, longest } from './fate.ts'
import { type Held, type HeldItem, itemsHolding, revisionsEnd } from './why-items.ts'

/** How many artifacts are looked at for one answer. */
const mostArtifacts = 2000
const microsPerSecond = 1_000_000

/** What holds a file; within a workspace, only what belongs to it. */
export async function holdOnFile(
  db: Kysely<Tables>,
  fileId: number,
  workspaceId: number | undefined,
): Promise<Hold | undefined> {
  const bySuite = await holdBySuites(db, { fileIds: [fileId], workspaceId })
  if (bySuite?.until === null) return bySuite
  const byPack = await holdByPack(db, fileId, workspaceId)
  if (byPack !== undefined) return byPack
  const artifacts = await artifactsWith(db, fileId, workspaceId)
  const byArtifacts = await holdByArtifacts(db, artifacts, workspaceId)
  return longest([bySuite, byArtifacts, await holdByIncoming(db, fileId, workspaceId)])
}

/** What holds an artifact. */
export async function holdOnArtifact(
  db: Kysely<Tables>,
  artifactId: number,
  workspaceId: number | undefined,
): Promise<Hold | undefined> {
  return await holdByArtifacts(db, [artifactId], workspaceId)
}

async function holdBySuites(db: Kysely<Tables>, held: Held, prefix = ''): Promise<Hold | undefined> {
  if ('artifactIds' in held && held.artifactIds.length === 0) return undefined
  const now = (await itemsHolding(db, held, { limit: 1, nowOnly: true })).items[0]
  if (now !== undefined) {
    const since = now.fromRevision === null ? ', once it is sealed' : ` since r${now.fromRevision}`
    return { until: null, because: `${prefix}suite ${now.suite} has ${nameOf(now)}${since}`, rule: '' }
  }
  const end = await revisionsEnd(db, held)
  const last = end && (await itemsHolding(db, held, { limit: 1, endingWith: end })).items[0]
  if (end === undefined || last === undefined) return undefined
  const rule =
    end.keepSeconds === null
      ? `${last.workspace} keeps its revisions for ever`
      : `${last.workspace} keeps a revision for ${durationText(end.keepSeconds)} after the next one`
  const because = `${prefix}suite ${last.suite} had ${nameOf(last)} until r${end.lastRevision}, and ${rule}`
  return { until: end.until, because, rule }
}

function nameOf(item: HeldItem): string {
  return `${item.package} ${item.version}`
}

async function holdByPack(
  db: Kysely<Tables>,
  fileId: number,
  workspaceId: number | undefined,
): Promise<Hold | undefined> {
  let query = db
    .selectFrom('archive')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['scope.name as scope', 'workspace.name'])
    .where('archive.id', 'in', archivesIndexedIn(db, fileId))
    .limit(1)
  if (workspaceId !== undefined) query = query.where('archive.workspace_id', '=', workspaceId)
  const row = await query.executeTakeFirst()
  if (row === undefined) return undefined
  const because = `it holds text of the indexes of ${row.scope}/${row.name}, which retained revisions or mirrors of it have`
  return { until: null, because, rule: '' }
}

/** A file that waits for its .changes, or that an upload which is being carried out has taken. */
async function holdByIncoming(
  db: Kysely<Tables>,
  fileId: number,
  workspaceId: number | undefined,
): Promise<Hold | undefined> {
  let query = db
    .selectFrom('incoming_file')
    .innerJoin('suite', 'suite.id', 'incoming_file.suite_id')
    .innerJoin('archive', 'archive.id', 'suite.archive_id')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['incoming_file.name', 'incoming_file.touched_at', 'suite.name as suite'])
    .select(['scope.name as scope', 'workspace.name as workspace'])
    .where('incoming_file.file_id', '=', fileId)
    .orderBy('incoming_file.touched_at', 'desc')
    .limit(1)
  if (workspaceId !== undefined) query = query.where('archive.workspace_id', '=', workspaceId)
  const row = await query.executeTakeFirst()
  if (row === undefined) return undefined
  const rule = `files wait for their .changes for ${durationText(waitSeconds)}`
  const where = `in the suite ${row.suite} of ${row.scope}/${row.workspace}`
  const because = `${row.name} waits for its .changes ${where}, and ${rule}`
  return { until: row.touched_at + waitSeconds * microsPerSecond, because, rule }
}

/** Artifacts that have the file: one that stays for ever if there is one, or else the newest. */
async function artifactsWith(
  db: Kysely<Tables>,
  fileId: number,
  workspaceId: number | undefined,
): Promise<readonly number[]> {
  const forEver = await artifactsOf(db, workspaceId)
    .select('artifact.id')
    .where('artifact_file.file_id', '=', fileId)
    .where('artifact.completed_at', 'is not', null)
    .where(seconds, 'is', null)
    .limit(1)
    .execute()
  if (forEver.length > 0) return forEver.map((row) => row.id)
  const rows = await artifactsOf(db, workspaceId)
    .select('artifact.id')
    .distinct()
    .where('artifact_file.file_id', '=', fileId)
    .orderBy('artifact.id', 'desc')
    .limit(mostArtifacts)
    .execute()
  return rows.map((row) => row.id)
}

function artifactsOf(db: Kysely<Tables>, workspaceId: number | undefined) {
  const query = db
    .selectFrom('artifact_file')
    // SQLite keeps the order of cross joins: by the file first.
    .crossJoin('artifact')
    .crossJoin('workspace')
    .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
    .whereRef('workspace.id', '=', 'artifact.workspace_id')
  return workspaceId === undefined ? query : query.where('artifact.workspace_id', '=', workspaceId)
}

/** How long a complete artifact stays by itself; null: for ever. */
const seconds = sql<number | null>`nullif(coalesce(artifact.expire_after_seconds, workspace.expire_after_seconds), 0)`

/** The longest hold on any of the artifacts: their own time, that of suites, or that of artifacts that relate to them. */
async function holdByArtifacts(
  db: Kysely<Tables>,
  artifactIds: readonly number[],
  workspaceId: number | undefined,
): Promise<Hold | undefined> {
  if (artifactIds.length === 0) return undefined
  const bySuites = await holdBySuites(db, { artifactIds })
  if (bySuites?.until === null) return bySuites
  const asked = new Set(artifactIds)
  const all = await withRelating(db, artifactIds, workspaceId)
  const relating = [...all.difference(asked)]
  const byRelating = await holdBySuites(db, { artifactIds: relating }, 'an artifact relates to it, and ')
  if (byRelating?.until === null) return byRelating
  return longest([await holdByDelay(db, [...all], asked), bySuites, byRelating])
}

/** The artifacts, and those that relate to them over any number of steps. */
async function withRelating(
  db: Kysely<Tables>,
  artifactIds: readonly number[],
  workspaceId: number | undefined,
): Promise<Set<number>> {
  const all = new Set(artifactIds)
  for (let fresh = [...artifactIds]; fresh.length > 0 && all.size < mostArtifacts * 2;) {
    let query = db
      .selectFrom('artifact_relation')
      .innerJoin('artifact', 'artifact.id', 'artifact_relation.artifact_id')
      .select('artifact.id')
      .distinct()
      .where('artifact_relation.target_id', 'in', fresh)
      .where('artifact_relation.type', '!=', 'copied-from')
      .limit(mostArtifacts)
    if (workspaceId !== undefined) query = query.where('artifact.workspace_id', '=', workspaceId)
    const rows = await query.execute()
    fresh = rows.map((row) => row.id).filter((id) => !all.has(id))
    for (const id of fresh) all.add(id)
  }
  return all
}

/** By the delay of the artifact that stays longest. */
async function holdByDelay(
  db: Kysely<Tables>,
  ids: readonly number[],
  asked: ReadonlySet<number>,
): Promise<Hold | undefined> {
  const row = await db
    .selectFrom('artifact')
    .innerJoin('workspace', 'workspace.id', 'artifact.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['artifact.id', 'artifact.completed_at', 'artifact.created_at', 'artifact.expire_after_seconds'])
    .select(['scope.name as scope', 'workspace.name as workspace'])
    .select(seconds.as('seconds'))
    .where('artifact.id', 'in', [...ids])
    .orderBy(forEver, 'desc')
    .orderBy(end, 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const name = asked.has(row.id) ? `artifact ${row.id}` : `artifact ${row.id}, which relates to it`
  const comma = asked.has(row.id) ? '' : ','
  if (row.completed_at === null) return await holdWhileIncomplete(db, row)
  const place = `${row.scope}/${row.workspace}`
  const isOwn = row.expire_after_seconds !== null
  if (row.seconds === null) {
    const rule = isOwn ? 'it is to stay for ever' : `${place} keeps artifacts for ever`
    const because = isOwn
      ? `${name}${comma} is to stay for ever`
      : `${name}${comma} is in ${place}, which keeps artifacts for ever`
    return { until: null, because, rule }
  }
  const time = durationText(row.seconds)
  const rule = isOwn ? `it is to stay for ${time}` : `${place} keeps artifacts for ${time}`
  const because = isOwn
    ? `nothing else holds ${name}, and it is to stay for ${time}`
    : `nothing else holds ${name}, and its workspace keeps artifacts for ${time}`
  return { until: row.completed_at + row.seconds * microsPerSecond, because, rule }
}

const forEver = sql`case when artifact.completed_at is not null and ${seconds} is null then 1 else 0 end`
const end = sql`case when artifact.completed_at is null then artifact.created_at + ${sql.lit(INCOMPLETE_AFTER_SECONDS * microsPerSecond)}
  else artifact.completed_at + coalesce(${seconds}, 0) * ${sql.lit(microsPerSecond)} end`

async function holdWhileIncomplete(
  db: Kysely<Tables>,
  { id, created_at: createdAt }: { readonly id: number; readonly created_at: Micros },
): Promise<Hold> {
  const upload = await db
    .selectFrom('upload')
    .select((eb) => eb.fn.max<number | null>('touched_at').as('touchedAt'))
    .where('artifact_id', '=', id)
    .executeTakeFirst()
  const touchedAt = Math.max(createdAt, upload?.touchedAt ?? 0)
  const rule = `an incomplete artifact is given up after ${durationText(INCOMPLETE_AFTER_SECONDS)}`
  const because = `artifact ${id} is incomplete, and is given up after ${durationText(INCOMPLETE_AFTER_SECONDS)}`
  return { until: touchedAt + INCOMPLETE_AFTER_SECONDS * microsPerSecond, because, rule }
}
