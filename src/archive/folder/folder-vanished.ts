import { Pace } from '../../common/pace.ts'
import type { FolderLook } from './folder-scan.ts'

/**
 * The paths whose file is gone for certain. A file below a directory that cannot be read, or of which nothing is left
 * but the place where another file system was mounted, is not gone: its disk is.
 *
 * @param paths of files that were there once
 * @param mounts directories that lay on another device than the root, at the look before
 */
export async function vanishedPaths(
  paths: Iterable<string>,
  look: FolderLook,
  mounts: ReadonlySet<string>,
): Promise<{ gone: string[]; unmounted: string[] }> {
  const unmounted = await emptyMountPoints(look, mounts)
  const hidden = new Set([...unmounted, ...look.unreadable.keys()])
  const gone: string[] = []
  const pace = new Pace()
  for (const path of paths) {
    if (pace.isDue()) await pace.rest()
    if (!look.files.has(path) && !upwards(path).some((place) => hidden.has(place))) gone.push(path)
  }
  return { gone, unmounted }
}

/** The directories of a look that lie on other devices than its root. */
export function mountsIn(look: FolderLook): Set<string> {
  const rootDevice = deviceOf(look.root)
  const paths = look.directories.entries().filter(([, identity]) => deviceOf(identity) !== rootDevice)
  return new Set(paths.map(([path]) => path))
}

/** Places where something was mounted, and where there is nothing now but a directory of the root's own device. */
async function emptyMountPoints(look: FolderLook, mounts: ReadonlySet<string>): Promise<string[]> {
  const rootDevice = deviceOf(look.root)
  const places = new Set(
    [...mounts].filter((path) => {
      const identity = look.directories.get(path)
      return identity !== undefined && deviceOf(identity) === rootDevice
    }),
  )
  const pace = new Pace()
  for (const path of look.files.keys()) {
    if (places.size === 0) break
    if (pace.isDue()) await pace.rest()
    for (const place of upwards(path)) places.delete(place)
  }
  return [...places]
}

/** The path itself, its directory, and so on below the root. */
function* upwards(path: string): Generator<string, void, undefined> {
  yield path
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) yield path.slice(0, end)
}

function deviceOf(identity: string): string {
  return identity.slice(0, identity.indexOf(':'))
}
