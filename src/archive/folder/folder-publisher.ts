import type { Workspace } from '../../access/access.ts'
import type { Archives } from '../archives.ts'
import { HeldPackages } from './folder-held.ts'
import type { FolderMemory } from './folder-memory.ts'
import type { FolderLog, FolderNotices } from './folder-notices.ts'
import { planEdit } from './folder-plan.ts'
import type { FolderEdit } from './folder-plan.ts'

export interface PublisherOptions {
  readonly archives: Archives
  readonly workspace: Workspace
  /** Its own name, not an alias. */
  readonly suite: string
  readonly memory: FolderMemory
  readonly notices: FolderNotices
  readonly log: FolderLog
  readonly signal: AbortSignal
}

/** Makes a suite agree with the packages of a folder. */
export class FolderPublisher {
  readonly #options: PublisherOptions
  #held: HeldPackages | undefined
  #isSettled = false

  constructor(options: PublisherOptions) {
    this.#options = options
  }

  /** False while the suite may not agree with the folder, even if nothing changes there. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Has everything compared at the next publishing. */
  doubt(): void {
    this.#isSettled = false
  }

  /** In one change; costs what has changed in the folder, unless others have changed the suite. */
  async publish(): Promise<void> {
    const { memory, notices } = this.#options
    const { packages } = memory
    const wasSettled = this.#isSettled
    this.#isSettled = false
    const held = await this.#heldNow()
    const scope = wasSettled && held === this.#held ? 'changes' : 'everything'
    const plan = (): Promise<FolderEdit> => planEdit(packages, { held, owned: memory.owned }, scope)
    let edit = await plan()
    if (await this.#forgetPurged(edit.add)) edit = await plan()
    for (const { path, by } of edit.shadowed) {
      notices.sayForGood(`${path} is not published: ${by} is newer and has the same name, version and architecture.`)
    }
    // First remembered, then published: after a crash between the two the folder still knows what it put there.
    memory.own(edit.own)
    await memory.save()
    if (edit.add.length > 0 || edit.remove.length > 0) await this.#submit(edit, held)
    this.#held = held
    packages.settle()
    this.#isSettled = true
  }

  /**
   * Forgets the files of packages that were purged, which would hold up all others. When the folder is looked at next
   * each is read again, and refused.
   */
  async #forgetPurged(packageIds: readonly number[]): Promise<boolean> {
    const { archives, memory } = this.#options
    const purged = await archives.purged(packageIds)
    if (purged.size === 0) return false
    for (const [path, { packageId }] of memory.packages.entries()) {
      if (purged.has(packageId)) memory.forgetPackage(path)
    }
    return true
  }

  /** What is known of the suite if nobody else has changed it; otherwise it is read. */
  async #heldNow(): Promise<HeldPackages> {
    const { archives, workspace, suite, memory } = this.#options
    const known = this.#held
    if (known !== undefined && (await known.isCurrent(archives, workspace, suite))) return known
    return HeldPackages.read(archives, workspace, suite, memory.packages)
  }

  async #submit(edit: FolderEdit, held: HeldPackages): Promise<void> {
    const { archives, workspace, suite, memory, log, signal } = this.#options
    // Until there is an answer nobody knows what the suite holds.
    this.#held = undefined
    const change = await archives.submit(
      workspace,
      {
        kind: 'edit',
        suite,
        add: edit.add.map((packageId) => ({ packageId })),
        remove: edit.remove,
        onPoolConflict: 'second-path',
      },
      { userId: null, signal },
    )
    held.follow(edit, change)
    memory.disown(edit.remove)
    await memory.save()
    if (change.unchanged) return
    log.info(`${suite}: ${change.addedCount} packages added, ${change.removedCount} removed (r${change.revision}).`)
  }
}
