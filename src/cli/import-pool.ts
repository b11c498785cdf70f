/** The files of an old pool: whether they are all there, before anything of them is sent. */
import { stat } from 'node:fs/promises'
import pLimit from 'p-limit'
import { AshlarError } from '../common/errors.ts'
import type { OldFile, OldPackage } from '../import/old-repository.ts'
import type { PlannedArtifact } from './create-artifacts.ts'
import { readLocalFile, type LocalFile } from './local-file.ts'

/** An artifact to be made of a package, and who brought it. */
export interface PlannedPackage {
  readonly artifact: PlannedArtifact
  readonly uploader: string | undefined
}

const LOOKS_AT_A_TIME = 32
/** Named in a message; more are counted. */
const NAMED = 3

/**
 * Looks at each file; what the old program knows of its bytes is compared by the server, which gets no others.
 *
 * @throws AshlarError import-unreadable naming files that are missing or of another size
 */
export async function planPackages(packages: readonly OldPackage[]): Promise<PlannedPackage[]> {
  const limit = pLimit(LOOKS_AT_A_TIME)
  const faults: string[] = []
  const planned = await Promise.all(
    packages.map(({ architecture, files, uploader }) =>
      limit(async (): Promise<PlannedPackage> => {
        const found = await Promise.all(files.map((file) => find(file, faults)))
        const category = architecture === 'source' ? 'debian:source-package' : 'debian:binary-package'
        return { artifact: { category, files: found.filter((file) => file !== undefined) }, uploader }
      }),
    ),
  )
  if (faults.length === 0) return planned
  const more = faults.length > NAMED ? `; and ${faults.length - NAMED} more` : ''
  throw new AshlarError('import-unreadable', `The pool is not whole: ${faults.slice(0, NAMED).join('; ')}${more}.`)
}

async function find(file: OldFile, faults: string[]): Promise<LocalFile | undefined> {
  for (const place of file.places) {
    const found = await stat(place).catch(() => undefined)
    if (found === undefined) continue
    if (!found.isFile() || found.size !== file.sizeBytes) {
      faults.push(`${place} has ${found.size} bytes, not ${file.sizeBytes}`)
      return undefined
    }
    if (file.sha256 === undefined) return readLocalFile(place, file.name)
    return { file: place, path: file.name, sizeBytes: file.sizeBytes, sha256: file.sha256 }
  }
  faults.push(`${file.places[0] ?? file.name} is missing`)
  return undefined
}
