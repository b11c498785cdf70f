import { setImmediate } from 'node:timers/promises'
import type { Workspace } from '../access/access.ts'
import type { Artifacts, PackageRef } from '../artifact/artifacts.ts'
import { AshlarError } from '../common/errors.ts'
import type { FolderMemory } from './folder-memory.ts'
import type { FolderPackage } from './folder-packages.ts'

/** The query for so many keeps the main thread to itself. */
const PAGE = 500

/**
 * Forgets what the database does not know the same: it may be another, or have been restored.
 *
 * @returns false if the two do not fit together at all; then nothing is left in the memory
 */
export async function compareWithDatabase(
  memory: FolderMemory,
  { artifacts, workspace }: { readonly artifacts: Artifacts; readonly workspace: Workspace },
): Promise<boolean> {
  const entries = [...memory.packages.entries()]
  try {
    for (let start = 0; start < entries.length; start += PAGE) {
      const batch = entries.slice(start, start + PAGE)
      const found = await artifacts.packagesOf(
        workspace,
        batch.map(([, each]) => each.artifactId),
      )
      const known = new Map(found.map((each) => [each.artifactId, each]))
      for (const [path, each] of batch) {
        if (!isSame(each, known.get(each.artifactId))) memory.forgetPackage(path)
      }
      await setImmediate()
    }
    return true
  } catch (error) {
    if (!(error instanceof AshlarError) || error.entry.status >= 500) throw error
    memory.clear()
    return false
  }
}

function isSame(each: FolderPackage, found: PackageRef | undefined): boolean {
  return (
    found !== undefined &&
    each.packageId === found.packageId &&
    each.name === found.name &&
    each.version === found.version &&
    each.architecture === found.architecture
  )
}
