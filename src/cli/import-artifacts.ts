/** Sends the packages of an old pool: many at a time, and only what the server does not have. */
import pLimit from 'p-limit'
import { AshlarError } from '../common/errors.ts'
import { createArtifacts } from './create-artifacts.ts'
import type { PlannedPackage } from './import-pool.ts'
import { showProgress } from './progress.ts'
import type { Session } from './session.ts'

export interface SentPackages {
  /** The artifact of each package. */
  readonly ids: readonly number[]
  readonly sentFiles: number
  readonly sentBytes: number
}

const PACKAGES_AT_A_TIME = 500
/** Packages of one uploader are announced together; some of these groups are small. */
const GROUPS_AT_A_TIME = 3

/**
 * Makes an artifact of each package, recorded for who brought it.
 *
 * @param recordedFor the user of an uploader; undefined for who asks
 */
export async function sendPackages(
  session: Session,
  packages: readonly PlannedPackage[],
  recordedFor: (uploader: string | undefined) => string | undefined,
): Promise<SentPackages> {
  const ids = Array.from<number>({ length: packages.length })
  let [sentFiles, sentBytes] = [0, 0]
  const progress = showProgress(`Importing ${packages.length} packages:`, totalBytes(packages), session.showsProgress)
  const byUser = Map.groupBy(packages.keys(), (index) => recordedFor(packages[index]?.uploader))
  const limit = pLimit(GROUPS_AT_A_TIME)
  let failed = false
  const send = async (user: string | undefined, indexes: readonly number[]): Promise<void> => {
    // After a failure nothing new begins.
    if (failed) return
    const plan = indexes.flatMap((index) => packages[index]?.artifact ?? [])
    const sizes = plan.map(({ files }) => files.reduce((sum, file) => sum + file.sizeBytes, 0))
    const created = await createArtifacts(session, plan, { recordedFor: user, progress }).catch((error: unknown) => {
      failed = true
      throw asOldFile(error)
    })
    progress.advance(sizes.reduce((sum, size) => sum + size, 0) - created.sentBytes)
    sentFiles += created.sentFiles
    sentBytes += created.sentBytes
    for (const [position, index] of indexes.entries()) ids[index] = created.artifacts[position]?.id ?? 0
  }
  try {
    const work = [...byUser].flatMap(([user, indexes]) =>
      slicesOf(indexes).map((slice) => limit(() => send(user, slice))),
    )
    await Promise.all(work)
  } finally {
    progress.end()
  }
  return { ids, sentFiles, sentBytes }
}

/** The old program knows another digest than the file has. */
function asOldFile(error: unknown): unknown {
  if (!(error instanceof AshlarError) || error.code !== 'digest-mismatch') return error
  const sentence = `A file of the pool is not the one that was taken in: ${error.message}`
  return new AshlarError('import-unreadable', sentence, { cause: error })
}

function slicesOf(indexes: readonly number[]): number[][] {
  const count = Math.ceil(indexes.length / PACKAGES_AT_A_TIME)
  return Array.from({ length: count }, (_, slice) =>
    indexes.slice(slice * PACKAGES_AT_A_TIME, (slice + 1) * PACKAGES_AT_A_TIME),
  )
}

function totalBytes(packages: readonly PlannedPackage[]): number {
  return packages.reduce((sum, { artifact }) => sum + artifact.files.reduce((all, file) => all + file.sizeBytes, 0), 0)
}
