/**
 * Why something is kept, when it goes and by which rule, or since when and why it is gone: for an artifact, a file, or a
 * pool path of an archive.
 *
 * A *view* says how much is told. Within a workspace only what belongs to it counts: what other workspaces have is not
 * even counted, and what the workspace never had is not there. The view of the instance is whole.
 */
import type { Kysely } from 'kysely'
import { parseSha256, type Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Micros, Tables } from '../database/schema.ts'
import type { Ages } from './context.ts'
import { type Fate, fateOfGone, fateOfHeld, fateOfUnneeded, fateWithoutHolder } from './fate.ts'
import type { View } from './view.ts'
import { type Holders, holdersOfArtifact, holdersOfFile } from './why-holders.ts'
import { holdOnArtifact, holdOnFile } from './why-holds.ts'
import { type FileFacts, fileFacts, isOfWorkspace, type WhyFile, whyFiles } from './why-files.ts'

export interface Explanation extends Holders {
  readonly subject: string
  readonly kind: 'artifact' | 'file' | 'pool-path'
  /** At most `mostListed`, in the order of their paths. */
  readonly files: readonly WhyFile[]
  readonly fate: Fate
}

export interface WhyParts {
  readonly database: Database
  readonly ages: Ages
}

/**
 * @param subject the number of an artifact, a digest, or within a workspace a path below `pool/`
 * @throws AshlarError not-found, also for what the workspace has nothing to do with; request-invalid
 */
export async function explain(parts: WhyParts, subject: string, view: View): Promise<Explanation> {
  if (/^\d{1,15}$/.test(subject)) return await explainArtifact(parts, Number(subject), view)
  const sha256 = parseSha256(subject)
  if (sha256 !== undefined) return await explainDigest(parts, sha256, view)
  if (view.kind === 'workspace' && subject.startsWith('pool/')) {
    return await explainPoolPath(parts, subject, view.workspace.id, view)
  }
  const detail = `${JSON.stringify(subject)} is neither the number of an artifact, nor a digest, nor a path below pool/.`
  throw new AshlarError('request-invalid', detail)
}

async function explainArtifact({ database }: WhyParts, id: number, view: View): Promise<Explanation> {
  const db = database.read
  const workspaceId = workspaceOf(view)
  let query = db.selectFrom('artifact').select('workspace_id').where('id', '=', id)
  if (workspaceId !== undefined) query = query.where('workspace_id', '=', workspaceId)
  if ((await query.executeTakeFirst()) === undefined) {
    const here = view.kind === 'workspace' ? ' in this workspace' : ''
    throw new AshlarError('not-found', `There is no artifact ${id}${here}.`)
  }
  const [holders, files, hold, now] = await Promise.all([
    holdersOfArtifact(db, id, workspaceId),
    whyFiles(db, await filesOfArtifact(db, id), view),
    holdOnArtifact(db, id, workspaceId),
    database.now(),
  ])
  // It was there a moment ago.
  if (hold === undefined) throw new AshlarError('not-found', `There is no artifact ${id} any more.`)
  return { subject: String(id), kind: 'artifact', files, ...holders, fate: withGoneFiles(fateOfHeld(hold, now), files) }
}

async function filesOfArtifact(db: Kysely<Tables>, id: number): Promise<FileFacts[]> {
  return await fileFacts(db, (query) =>
    query.where('file.id', 'in', (eb) =>
      eb
        .selectFrom('artifact_file')
        .select('artifact_file.file_id')
        .where('artifact_file.artifact_id', '=', id)
        .$castTo<{ file_id: number }>(),
    ),
  )
}

/** An artifact may stay although a file of it was purged. */
function withGoneFiles(fate: Fate, files: readonly WhyFile[]): Fate {
  const gone = files.filter((file) => file.gone !== null).length
  if (gone === 0) return fate
  const what = gone === 1 ? 'One of its files is' : `${gone} of its files are`
  return { ...fate, sentence: `${fate.sentence} ${what} gone.` }
}

async function explainDigest(parts: WhyParts, sha256: Sha256, view: View): Promise<Explanation> {
  const db = parts.database.read
  const [file] = await fileFacts(db, (query) => query.where('file.sha256', '=', sha256))
  const isTold =
    file !== undefined && (view.kind === 'instance' || (await isOfWorkspace(db, file.id, view.workspace.id)))
  if (!isTold) throw new AshlarError('not-found', `There is no file ${sha256} here.`)
  return { subject: sha256, kind: 'file', ...(await explainFile(parts, file, view)) }
}

async function explainPoolPath(parts: WhyParts, path: string, workspaceId: number, view: View): Promise<Explanation> {
  const db = parts.database.read
  const [file] = await fileFacts(db, (query) =>
    query.where('file.id', 'in', (eb) =>
      eb
        .selectFrom('pool_name')
        .innerJoin('archive', 'archive.id', 'pool_name.archive_id')
        .innerJoin('change', 'change.id', 'pool_name.change_id')
        .select('pool_name.file_id')
        .where('archive.workspace_id', '=', workspaceId)
        .where('pool_name.path', '=', path)
        .where('change.state', '=', 'sealed'),
    ),
  )
  if (file === undefined) throw new AshlarError('not-found', `This archive has nothing at ${path}.`)
  return { subject: path, kind: 'pool-path', ...(await explainFile(parts, file, view)) }
}

async function explainFile(
  { database, ages }: WhyParts,
  file: FileFacts,
  view: View,
): Promise<Pick<Explanation, 'files' | 'heldBy' | 'total' | 'fate'>> {
  const db = database.read
  const workspaceId = workspaceOf(view)
  const [files, holders, now] = await Promise.all([
    whyFiles(db, [file], view),
    holdersOfFile(db, file.id, workspaceId),
    database.now(),
  ])
  return { files, ...holders, fate: await fateOfFile(db, { file, view, ages, now }, files[0]) }
}

async function fateOfFile(
  db: Kysely<Tables>,
  {
    file,
    view,
    ages,
    now,
  }: { readonly file: FileFacts; readonly view: View; readonly ages: Ages; readonly now: Micros },
  told: WhyFile | undefined,
): Promise<Fate> {
  if (told !== undefined && told.gone !== null) return fateOfGone(told.gone)
  const hold = await holdOnFile(db, file.id, workspaceOf(view))
  if (hold !== undefined) return fateOfHeld(hold, now)
  if (view.kind === 'workspace') return fateWithoutHolder(`${view.workspace.scope}/${view.workspace.name}`)
  return fateOfUnneeded(file, ages, now)
}

function workspaceOf(view: View): number | undefined {
  return view.kind === 'workspace' ? view.workspace.id : undefined
}
