import { setImmediate } from 'node:timers/promises'
import type { Workspace } from '../../access/access.ts'
import type { Archives, SealedChange } from '../archives.ts'
import { identityKey } from './folder-packages.ts'
import type { FolderPackages } from './folder-packages.ts'
import type { FolderEdit, SuiteContent } from './folder-plan.ts'

/** The query for one page keeps the main thread to itself. */
const PAGE = 500

/** What a suite held when it was read, and since then by the changes of its follower. */
export class HeldPackages implements SuiteContent {
  /** The newest revision that changed the suite. */
  #revision: number
  /** How many packages the suite counted then. */
  #count: number
  readonly #ids = new Set<number>()
  /** Those that the folder did not want when the suite was read, by their key: few, as a rule. */
  readonly #strangers = new Map<string, number[]>()

  private constructor(revision: number, count: number) {
    this.#revision = revision
    this.#count = count
  }

  /**
   * Reads all packages of a suite, page by page. While it is read the suite may change; then it is of a newer revision
   * than this, and `isCurrent` says so.
   */
  static async read(
    archives: Archives,
    workspace: Workspace,
    suite: string,
    packages: FolderPackages,
  ): Promise<HeldPackages> {
    const info = await archives.suite(workspace, suite)
    const held = new HeldPackages(info.revision, info.packages)
    let after: string | undefined
    do {
      const query = { limit: PAGE, ...(after === undefined ? {} : { after }) }
      const page = await archives.packages(workspace, { suite }, query)
      for (const each of page.items) {
        held.#ids.add(each.packageId)
        if (packages.wants(each.packageId)) continue
        const key = identityKey(each)
        const others = held.#strangers.get(key)
        if (others === undefined) held.#strangers.set(key, [each.packageId])
        else others.push(each.packageId)
      }
      after = page.next
      await setImmediate()
    } while (after !== undefined)
    return held
  }

  /**
   * Whether the suite is as this says. It is taken for the same by its newest revision and its number of packages: a
   * change that others make moves the one, and one that is sealed into the same revision as a change of the follower
   * moves the other. What this does not notice (others add as many packages as they remove, at the very moment of a
   * change of the follower) does no harm: to remove what is gone is ignored, to add what is there changes nothing, and
   * twins that are not known of are replaced, since the follower's changes take the second path on a pool conflict.
   * What others took out by hand then comes back one change later.
   */
  async isCurrent(archives: Archives, workspace: Workspace, suite: string): Promise<boolean> {
    const info = await archives.suite(workspace, suite)
    return info.revision === this.#revision && info.packages === this.#count
  }

  /** An edit was sealed; if nobody else changes the suite, it now holds this. */
  follow(edit: FolderEdit, sealed: SealedChange): void {
    for (const id of edit.remove) this.#ids.delete(id)
    for (const id of edit.add) this.#ids.add(id)
    for (const key of edit.replaced) this.#strangers.delete(key)
    if (sealed.unchanged) return
    this.#revision = sealed.revision
    this.#count += sealed.addedCount - sealed.removedCount
  }

  has(packageId: number): boolean {
    return this.#ids.has(packageId)
  }

  strangers(key: string): readonly number[] {
    return this.#strangers.get(key) ?? []
  }
}
