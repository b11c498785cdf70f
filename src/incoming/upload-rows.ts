/** Uploads as they are recorded: what came, what was found about it, what became of it. */
import type { Kysely } from 'kysely'
import type { Signer } from '../common/authorship.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Micros, ReceivedUploadTable, Tables } from '../database/schema.ts'
import { readChanges } from '../debian/changes-file.ts'
import type { Finding } from './finding.ts'
import type { Submission } from './submission.ts'

export interface ReceivedUpload {
  readonly id: number
  readonly suite: string
  /** The name of the .changes. */
  readonly name: string
  /** Null if they could not be read. */
  readonly source: string | null
  readonly version: string | null
  readonly state: ReceivedUploadTable['state']
  /** The trusted key that signed it. */
  readonly signer: Signer | null
  /** Whose token it came with; null: none. */
  readonly user: string | null
  readonly findings: readonly Finding[]
  /** The revision that holds it. */
  readonly revision: number | null
  /** The debian:upload; of a refused one the .changes alone. Null once it has expired. */
  readonly artifact: number | null
  readonly receivedAt: Micros
  readonly decidedAt: Micros | null
}

export interface UploadFilter {
  readonly suite?: string
  readonly state?: ReceivedUploadTable['state']
  /** Only those before this one. */
  readonly before?: number
  readonly limit: number
}

/** For so long the same .changes gets the answer that it got before: who did not see it asks again. */
const answerAgainSeconds = 86_400

function rows(db: Kysely<Tables>) {
  return db
    .selectFrom('received_upload as upload')
    .innerJoin('suite', 'suite.id', 'upload.suite_id')
    .leftJoin('user', 'user.id', 'upload.user_id')
    .select([
      'upload.id',
      'suite.name as suite',
      'upload.name',
      'source',
      'version',
      'state',
      'signer',
      'signer_name',
      'user.name as user',
    ])
    .select([
      'findings_json',
      'revision',
      'artifact_id as artifact',
      'received_at as receivedAt',
      'decided_at as decidedAt',
    ])
}

type Row = Awaited<ReturnType<ReturnType<typeof rows>['execute']>>[number]

function uploadOf({ findings_json, signer, signer_name, ...row }: Row): ReceivedUpload {
  return { ...row, signer: signerOf(signer, signer_name), findings: JSON.parse(findings_json) as Finding[] }
}

function signerOf(fingerprint: string | null, userId: string | null): Signer | null {
  return fingerprint === null ? null : { fingerprint, userId }
}

/** The uploads that asked for these changes, as far as they are recorded as accepted, by change. */
export async function uploadsOfChanges(
  db: Kysely<Tables>,
  changes: readonly number[],
): Promise<Map<number, { readonly id: number; readonly signer: Signer | null }>> {
  if (changes.length === 0) return new Map()
  const found = await db
    .selectFrom('received_upload')
    .select(['id', 'change_id', 'signer', 'signer_name'])
    .where('change_id', 'in', [...changes])
    .execute()
  return new Map(
    found.map((row) => [row.change_id ?? 0, { id: row.id, signer: signerOf(row.signer, row.signer_name) }]),
  )
}

export async function uploads(
  db: Kysely<Tables>,
  workspaceId: number,
  filter: UploadFilter,
): Promise<ReceivedUpload[]> {
  let query = rows(db).where('upload.workspace_id', '=', workspaceId).orderBy('upload.id', 'desc').limit(filter.limit)
  if (filter.suite !== undefined) query = query.where('suite.name', '=', filter.suite)
  if (filter.state !== undefined) query = query.where('upload.state', '=', filter.state)
  if (filter.before !== undefined) query = query.where('upload.id', '<', filter.before)
  return (await query.execute()).map(uploadOf)
}

/** @throws AshlarError not-found */
export async function uploadById(db: Kysely<Tables>, workspaceId: number, id: number): Promise<ReceivedUpload> {
  const row = await rows(db)
    .where('upload.workspace_id', '=', workspaceId)
    .where('upload.id', '=', id)
    .executeTakeFirst()
  if (row !== undefined) return uploadOf(row)
  throw new AshlarError('not-found', `There is no upload ${id} in this workspace, or its record has expired.`)
}

/**
 * What was decided about the very same .changes, or is being carried out. A refused one is judged anew: what was missing
 * may be there now. So is one that no trusted key has signed, where its files were all sent again.
 */
export async function earlierVerdict(database: Database, submission: Submission): Promise<ReceivedUpload | undefined> {
  const { workspace, suite, changes } = submission
  const found = await database.read
    .selectFrom('received_upload')
    .select(['id', 'state', 'text_sha256', 'decided_at'])
    .where('workspace_id', '=', workspace.id)
    .where('suite_id', '=', suite.id)
    .where('sha256', '=', changes.sha256)
    .where('state', '!=', 'refused')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (found === undefined) return undefined
  const isRecent = (found.decided_at ?? 0) > (await database.now()) - answerAgainSeconds * 1_000_000
  if (found.state === 'accepted' && !isRecent) return undefined
  // Its packages may have been removed since, and whoever sends everything once more wants them back.
  if (found.state === 'accepted' && found.text_sha256 === null && (await allCame(submission))) return undefined
  return await uploadById(database.read, workspace.id, found.id)
}

/** Whether every file that the .changes names came with it. */
async function allCame({ bytes, name, find }: Submission): Promise<boolean> {
  for (const listed of readChanges(bytes, name).files) {
    const found = await find(listed.name)
    if (!found.some(({ file }) => file.sha256 === listed.sha256)) return false
  }
  return true
}
