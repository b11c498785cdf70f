/** An archive in a state that somebody asks about: now, or at a snapshot. */
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { type Archive, archiveOf, requireRetained, resolveSnapshot } from './archive-table.ts'
import type { At } from './moment.ts'
import { type Suites, suitesAt } from './suite-table.ts'

/** A suite, now or at a snapshot. */
export interface SuiteRef {
  /** Its name or an alias. */
  readonly suite: string
  readonly at?: At | undefined
}

/** A revision of an archive with its suites, and how it was asked for. */
export interface ArchiveState {
  readonly archive: Archive
  readonly revision: number
  readonly at: At | undefined
  readonly suites: Suites
}

/** The archive of a workspace, where it is to have a suite. @throws AshlarError suite-unknown */
export async function requireArchive(db: Kysely<Tables>, workspaceId: number, suite: string): Promise<Archive> {
  const archive = await archiveOf(db, workspaceId)
  if (archive === undefined) throw new AshlarError('suite-unknown', `There is no suite '${suite}' in this workspace.`)
  return archive
}

/** @throws AshlarError snapshot-unknown, gone */
export async function stateAt(database: Database, archive: Archive, at: At | undefined): Promise<ArchiveState> {
  const revision = at === undefined ? archive.head : await resolveSnapshot(database, archive, at)
  return { archive, revision, at, suites: await suitesAt(database.read, archive.id, revision) }
}

/** @throws AshlarError suite-unknown if the workspace has no suite at all, snapshot-unknown, gone */
export async function stateOf(database: Database, workspaceId: number, ref: SuiteRef): Promise<ArchiveState> {
  return stateAt(database, await requireArchive(database.read, workspaceId, ref.suite), ref.at)
}

/** What is read of a past state counts only if the state was there until it was read. @throws AshlarError gone */
export async function whileRetained<T>(
  database: Database,
  { archive, revision, at }: ArchiveState,
  read: () => Promise<T>,
): Promise<T> {
  if (at === undefined) return read()
  const [outcome] = await Promise.allSettled([read()])
  await requireRetained(database.read, archive.id, revision)
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value
}
