import { setImmediate } from 'node:timers/promises'
import type { Workspace } from '../../access/access.ts'
import type { Artifacts, PackageRef } from '../../artifact/artifacts.ts'
import { AshlarError } from '../../common/errors.ts'
import type { FolderMemory } from './folder-memory.ts'
import type { FolderPackage } from './folder-packages.ts'

/** The query for so many keeps the main thread to itself. */
const PAGE = 500

interface Known {
  readonly artifacts: Artifacts
  readonly workspace: Workspace
}

/**
 * Forgets what the database does not know the same: an artifact that has expired while the suite did not have it, or the
 * database is another, or has been restored.
 *
 * @returns false if the two do not fit together at all; then nothing is left in the memory
 */
export async function compareWithDatabase(memory: FolderMemory, known: Known): Promise<boolean> {
  const entries = [...memory.packages.entries()]
  try {
    // A database of before has all that is older, and lacks the newest: what is owned says nothing there.
    const newest = ids(entries).reduce((most, id) => Math.max(most, id), 0)
    if (newest > 0 && (await packagesThere(known, [newest])).length === 0) return forgetAll(memory)
    for (let start = 0; start < entries.length; start += PAGE) {
      const batch = entries.slice(start, start + PAGE)
      const found = new Map((await packagesThere(known, ids(batch))).map((each) => [each.artifactId, each]))
      for (const [path, each] of batch) {
        if (!isSame(each, found.get(each.artifactId))) memory.forgetPackage(path)
      }
      await setImmediate()
    }
    return true
  } catch (error) {
    if (!(error instanceof AshlarError) || error.entry.status >= 500) throw error
    return forgetAll(memory)
  }
}

function ids(entries: readonly (readonly [string, FolderPackage])[]): number[] {
  return entries.map(([, each]) => each.artifactId)
}

function forgetAll(memory: FolderMemory): false {
  memory.clear()
  return false
}

/** Of the artifacts those that are there: halves are asked for apart where one is not. */
async function packagesThere(known: Known, artifactIds: readonly number[]): Promise<PackageRef[]> {
  try {
    return await known.artifacts.packagesOf(known.workspace, artifactIds)
  } catch (error) {
    if (!(error instanceof AshlarError) || error.code !== 'not-found') throw error
    if (artifactIds.length < 2) return []
    const half = Math.floor(artifactIds.length / 2)
    const [first, second] = [artifactIds.slice(0, half), artifactIds.slice(half)]
    return [...(await packagesThere(known, first)), ...(await packagesThere(known, second))]
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
