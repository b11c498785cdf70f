/** Artifacts as they are read from their rows. */
import type { Kysely } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import type { ArtifactRelationTable, Micros, Tables } from '../database/schema.ts'
import type { ArtifactData } from './categories.ts'

export interface ArtifactFile {
  readonly path: string
  /** In bytes. */
  readonly size: number
  readonly sha256: Sha256
  /** Whether its bytes are there. */
  readonly complete: boolean
  /** Bytes that are stored of a file that is not complete, where an upload of it was begun. */
  readonly offset?: number
  /** Why its bytes are there no more, if they are not. */
  readonly gone?: 'expired' | 'purged'
}

export interface Artifact {
  readonly id: number
  readonly category: string
  readonly data: ArtifactData
  readonly createdAt: Micros
  readonly completedAt: Micros | null
  readonly complete: boolean
  /** Its own delay; null: that of its workspace; 0: never. */
  readonly expireAfterSeconds: number | null
  /** When its delay is over: then it goes, unless something holds it. Null: never, or not while it is incomplete. */
  readonly expiresAt: Micros | null
  /** In the order of their paths. */
  readonly files: readonly ArtifactFile[]
  /** Paths of the files whose bytes must still be sent. */
  readonly missing: readonly string[]
  readonly relations: readonly { readonly type: ArtifactRelationTable['type']; readonly target: number }[]
}

/** The artifacts with these ids, by id; three statements, however many they are. Those that are gone are left out. */
export async function loadArtifacts(db: Kysely<Tables>, ids: readonly number[]): Promise<Map<number, Artifact>> {
  const distinct = [...new Set(ids)]
  if (distinct.length === 0) return new Map()
  const [rows, files, relations] = await Promise.all([
    db
      .selectFrom('artifact')
      .innerJoin('workspace', 'workspace.id', 'artifact.workspace_id')
      .select(['artifact.id', 'category', 'data_json', 'artifact.created_at', 'completed_at'])
      .select(['artifact.expire_after_seconds', 'workspace.expire_after_seconds as default_seconds'])
      .where('artifact.id', 'in', distinct)
      .execute(),
    db
      .selectFrom('artifact_file')
      .leftJoin('file', 'file.id', 'artifact_file.file_id')
      .select(['artifact_id', 'path', 'artifact_file.size', 'artifact_file.sha256', 'file_id', 'file.gone_reason'])
      .where('artifact_id', 'in', distinct)
      .orderBy('artifact_id')
      .orderBy('path')
      .execute(),
    db
      .selectFrom('artifact_relation')
      .select(['artifact_id', 'type', 'target_id'])
      .where('artifact_id', 'in', distinct)
      .orderBy('artifact_id')
      .orderBy('target_id')
      .orderBy('type')
      .execute(),
  ])
  const filesOf = Map.groupBy(files, (file) => file.artifact_id)
  const relationsOf = Map.groupBy(relations, (relation) => relation.artifact_id)
  return new Map(
    rows.map((row) => [
      row.id,
      artifactOf(
        row,
        (filesOf.get(row.id) ?? []).map((file) => ({
          path: file.path,
          size: file.size,
          sha256: file.sha256 as Sha256,
          complete: file.file_id !== null,
          ...(file.gone_reason === null ? {} : { gone: file.gone_reason }),
        })),
        (relationsOf.get(row.id) ?? []).map((relation) => ({ type: relation.type, target: relation.target_id })),
      ),
    ]),
  )
}

/** The data that a row has. */
export function parseData(json: string): ArtifactData {
  return JSON.parse(json) as ArtifactData
}

interface ArtifactRow {
  readonly id: number
  readonly category: string
  readonly data_json: string
  readonly created_at: Micros
  readonly completed_at: Micros | null
  readonly expire_after_seconds: number | null
  readonly default_seconds: number | null
}

function artifactOf(row: ArtifactRow, files: readonly ArtifactFile[], relations: Artifact['relations']): Artifact {
  return {
    id: row.id,
    category: row.category,
    data: parseData(row.data_json),
    createdAt: row.created_at,
    completedAt: row.completed_at,
    complete: row.completed_at !== null,
    expireAfterSeconds: row.expire_after_seconds,
    expiresAt: expiryOf(row),
    files,
    missing: files.filter((file) => !file.complete).map((file) => file.path),
    relations,
  }
}

function expiryOf(row: ArtifactRow): Micros | null {
  const seconds = row.expire_after_seconds ?? row.default_seconds ?? 0
  return row.completed_at === null || seconds === 0 ? null : row.completed_at + seconds * 1_000_000
}
