import { createHash } from 'node:crypto'
import pLimit from 'p-limit'
import type { Artifact, ArtifactWish, RelationWish } from '../client/client.ts'
import { naming } from '../common/errors.ts'
import type { LocalFile } from './local-file.ts'
import { type Progress, showProgress } from './progress.ts'
import type { Session } from './session.ts'

/** An artifact that is to be made of local files. */
export interface PlannedArtifact {
  readonly category: string
  readonly data?: Readonly<Record<string, unknown>>
  readonly files: readonly LocalFile[]
  readonly relations?: readonly RelationWish[]
  readonly expireAfterSeconds?: number
}

const WISHES_PER_REQUEST = 500
const UPLOADS_AT_A_TIME = 8

export interface CreatedArtifacts {
  /** In the order of the plan. */
  readonly artifacts: readonly Artifact[]
  /** Files that were sent, the others being there already. */
  readonly sentFiles: number
  readonly sentBytes: number
}

interface CreateOptions {
  /** Whom they are recorded for, as another program knew them; default: who asks. */
  readonly recordedFor?: string | undefined
  /** Told how far it is; default: a line of its own. */
  readonly progress?: Progress
}

/**
 * Makes the artifacts and sends the files that the server does not have. What an interrupted run has made and sent is
 * found again: the keys are made of the content.
 */
export async function createArtifacts(
  session: Session,
  plan: readonly PlannedArtifact[],
  { recordedFor, progress: given }: CreateOptions = {},
): Promise<CreatedArtifacts> {
  const artifacts: Artifact[] = []
  const wishes = plan.map(wishFor)
  for (let start = 0; start < wishes.length; start += WISHES_PER_REQUEST) {
    const slice = wishes.slice(start, start + WISHES_PER_REQUEST)
    artifacts.push(...(await session.workspace.createArtifacts(slice, { recordedFor })))
  }
  const missing = plan.flatMap(({ files }, index) => missingFiles(files, artifacts[index]))
  const sentBytes = missing.reduce((sum, { local }) => sum + local.sizeBytes, 0)
  const progress = given ?? showProgress(`Uploading ${missing.length} files:`, sentBytes, session.showsProgress)
  const stop = new AbortController()
  const limit = pLimit(UPLOADS_AT_A_TIME)
  try {
    await Promise.all(
      missing.map(({ artifact, local }) =>
        limit(async () => {
          stop.signal.throwIfAborted()
          const target = { artifact, path: local.path }
          await session.workspace
            .uploadFile(target, local, { signal: stop.signal, onBytes: progress.advance })
            .catch((error: unknown) => {
              throw naming(local.file, error)
            })
        }),
      ),
    )
  } catch (error) {
    // The first failure ends the others, and is the one that is told.
    stop.abort(error)
    throw error
  } finally {
    if (given === undefined) progress.end()
  }
  return { artifacts, sentFiles: missing.length, sentBytes }
}

function missingFiles(
  files: readonly LocalFile[],
  artifact: Artifact | undefined,
): { artifact: number; local: LocalFile }[] {
  if (artifact === undefined) throw new Error('the server made fewer artifacts than asked for')
  const missing = new Set(artifact.missing)
  return files.filter((local) => missing.has(local.path)).map((local) => ({ artifact: artifact.id, local }))
}

function wishFor({ category, data, files, relations, expireAfterSeconds }: PlannedArtifact): ArtifactWish {
  const wish = {
    category,
    ...(data === undefined ? {} : { data }),
    files: files.map(({ path, sizeBytes, sha256 }) => ({ path, size: sizeBytes, sha256 })),
    ...(relations === undefined ? {} : { relations }),
    ...(expireAfterSeconds === undefined ? {} : { expireAfterSeconds }),
  }
  return { ...wish, idempotencyKey: createHash('sha256').update(JSON.stringify(wish)).digest('hex') }
}
