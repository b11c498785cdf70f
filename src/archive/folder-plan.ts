import type { FolderLook } from './folder-scan.ts'

/** A package that a file of the folder was read as. */
export interface FolderPackage {
  /** The look at the file that was read. */
  readonly fingerprint: string
  readonly mtimeMs: number
  readonly artifactId: number
  readonly packageId: number
  readonly name: string
  readonly version: string
  /** `source` for a .dsc. */
  readonly architecture: string
}

/** The packages of the folder by the path of their file. */
export type FolderPackages = ReadonlyMap<string, FolderPackage>

/** A package as a suite holds it. */
export interface HeldPackage {
  readonly packageId: number
  readonly name: string
  readonly version: string
  readonly architecture: string
}

export interface FolderEdit {
  readonly add: readonly number[]
  readonly remove: readonly number[]
  /** Files that give way to a newer one of the same name, version and architecture but other bytes. */
  readonly shadowed: readonly { readonly path: string; readonly by: string }[]
  /** All packages that the suite shall hold because of the folder. */
  readonly wanted: ReadonlySet<number>
}

/**
 * What a suite lacks and what it has too much to agree with the folder.
 *
 * Only what the folder put there (`owned`) is ever removed, and what would stand beside a package of the folder under
 * the same name, version and architecture: apt could not tell the two apart. Packages that others put into the suite
 * stay.
 */
export function planEdit(
  packages: FolderPackages,
  held: Iterable<HeldPackage>,
  owned: ReadonlySet<number>,
): FolderEdit {
  const newest = new Map<string, { path: string; each: FolderPackage }>()
  const shadowed: { path: string; by: string }[] = []
  for (const [path, each] of packages) {
    const rival = newest.get(keyOf(each))
    if (rival === undefined) newest.set(keyOf(each), { path, each })
    else if (rival.each.packageId !== each.packageId) {
      const wins = each.mtimeMs > rival.each.mtimeMs || (each.mtimeMs === rival.each.mtimeMs && path > rival.path)
      shadowed.push(wins ? { path: rival.path, by: path } : { path, by: rival.path })
      if (wins) newest.set(keyOf(each), { path, each })
    }
  }
  const wanted = new Set(Array.from(newest.values(), ({ each }) => each.packageId))
  const present = new Set<number>()
  const remove: number[] = []
  for (const each of held) {
    present.add(each.packageId)
    if (wanted.has(each.packageId)) continue
    if (owned.has(each.packageId) || newest.has(keyOf(each))) remove.push(each.packageId)
  }
  return { add: [...wanted].filter((id) => !present.has(id)), remove, shadowed, wanted }
}

function keyOf({ name, version, architecture }: Omit<HeldPackage, 'packageId'>): string {
  return `${name} ${version} ${architecture}`
}

/**
 * The known packages whose file is gone for certain. A file below a directory that cannot be read, or of which nothing
 * is left but the place where another file system was mounted, is not gone: its disk is.
 *
 * @param mounts directories that lay on another device than the root, at the look before.
 */
export function vanishedPaths(
  packages: FolderPackages,
  look: FolderLook,
  mounts: ReadonlySet<string>,
): { gone: string[]; unmounted: string[] } {
  const rootDevice = deviceOf(look.root)
  const unmounted = [...mounts].filter((path) => {
    const identity = look.directories.get(path)
    return identity !== undefined && deviceOf(identity) === rootDevice && !holdsFiles(look, path)
  })
  const hidden = [...unmounted, ...look.unreadable.keys()]
  const gone = [...packages.keys()].filter(
    (path) => !look.files.has(path) && !hidden.some((place) => path === place || path.startsWith(`${place}/`)),
  )
  return { gone, unmounted }
}

function holdsFiles(look: FolderLook, directory: string): boolean {
  return look.files.keys().some((path) => path.startsWith(`${directory}/`))
}

/** The directories of a look that lie on other devices than its root. */
export function mountsIn(look: FolderLook): Set<string> {
  const rootDevice = deviceOf(look.root)
  const paths = look.directories.entries().filter(([, identity]) => deviceOf(identity) !== rootDevice)
  return new Set(paths.map(([path]) => path))
}

function deviceOf(identity: string): string {
  return identity.split(':')[0] ?? ''
}
