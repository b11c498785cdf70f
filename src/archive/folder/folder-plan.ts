import { Pace } from '../../common/pace.ts'
import type { FolderPackages } from './folder-packages.ts'

/** What a plan has to know of the suite. */
export interface SuiteContent {
  has(packageId: number): boolean
  /** The packages that it has under a name, version and architecture and that the folder does not want, or did not. */
  strangers(key: string): readonly number[]
}

export interface FolderEdit {
  /** Wanted packages that the suite lacks. */
  readonly add: readonly number[]
  readonly remove: readonly number[]
  /** Under which keys others of the suite give way, or are what is wanted. */
  readonly replaced: readonly string[]
  /** Wanted packages that were not the folder's until now. */
  readonly own: readonly number[]
  /** Files that give way to a newer one of the same name, version and architecture but other bytes. */
  readonly shadowed: readonly { readonly path: string; readonly by: string }[]
}

/**
 * What a suite lacks and what it has too much to agree with the folder.
 *
 * Only what the folder put there (`owned`) is ever removed, and what would stand beside a package of the folder under
 * the same name, version and architecture: apt could not tell the two apart. Packages that others put into the suite
 * stay. What is owned and no longer wanted is removed whether the suite is known to have it or not: it may be in a
 * change that is recorded and not sealed yet.
 *
 * @param scope `changes` looks only at what changed since the packages were settled with this very content
 */
export async function planEdit(
  packages: FolderPackages,
  state: { readonly held: SuiteContent; readonly owned: ReadonlySet<number> },
  scope: 'everything' | 'changes',
): Promise<FolderEdit> {
  const { held, owned } = state
  const add: number[] = []
  const own: number[] = []
  const remove = new Set<number>()
  const replaced: string[] = []
  const shadowed: { path: string; by: string }[] = []
  const pace = new Pace()
  for (const key of scope === 'everything' ? packages.keys() : packages.changedKeys) {
    if (pace.isDue()) await pace.rest()
    const wanted = packages.wanted(key)
    if (wanted === undefined) continue
    if (!held.has(wanted.packageId)) add.push(wanted.packageId)
    if (!owned.has(wanted.packageId)) own.push(wanted.packageId)
    const strangers = held.strangers(key)
    if (strangers.length > 0) replaced.push(key)
    for (const id of strangers) if (id !== wanted.packageId) remove.add(id)
    for (const each of packages.shadowed(key)) shadowed.push(each)
  }
  for (const id of scope === 'everything' ? owned : packages.droppedIds) {
    if (pace.isDue()) await pace.rest()
    if (owned.has(id) && !packages.wants(id)) remove.add(id)
  }
  return { add, remove: [...remove], replaced, own, shadowed }
}
