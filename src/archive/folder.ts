/**
 * Following a folder: the packages below it are in a suite, and what is copied there, replaced or removed is published
 * so while Ashlar runs. What lives here: looking (folder-scan.ts, folder-watch.ts), reading files into artifacts
 * (folder-intake.ts), deciding what the suite lacks (folder-plan.ts), remembering over a restart (folder-cache.ts).
 * What does not: how packages are read, and how changes are sealed.
 *
 * The rules:
 *
 * - A file counts when nothing has written to it for a moment and it reads as a package. Until then, and while it is
 *   no valid package, its path stands for the package that it was before. What is wrong with a file is said once.
 * - Removed files leave the suite, replaced ones are replaced. Only what the folder put into the suite is removed from
 *   it; what others put there stays, unless the folder has other bytes for the same name, version and architecture. What is taken
 *   out by hand comes back with the next change of the folder: the folder says what is in it.
 * - "Not there" is not "removed". While the folder or a directory below it cannot be read, or another folder lies in
 *   its place (another device or inode, as when it is unmounted) that holds none of the known files, nothing is removed. A
 *   folder that is suddenly empty has to stay so for a few seconds before that is believed.
 * - Of two files with the same name, version and architecture but other bytes the one modified last is published.
 */
import { realpath } from 'node:fs/promises'
import pLimit from 'p-limit'
import type { Workspace } from '../access/access.ts'
import type { Artifacts } from '../artifact/artifacts.ts'
import { AshlarError } from '../common/errors.ts'
import type { Spool } from '../storage/spool.ts'
import type { Archives } from './archives.ts'
import { FolderCache } from './folder-cache.ts'
import { FileMoved, packagesTakenIn, takeIn } from './folder-intake.ts'
import type { TakenIn } from './folder-intake.ts'
import { FolderRejections } from './folder-rejections.ts'
import { mountsIn, planEdit, vanishedPaths } from './folder-plan.ts'
import type { FolderPackage, HeldPackage } from './folder-plan.ts'
import { lookAgain, lookAtFolder } from './folder-scan.ts'
import type { FileLook, FolderLook } from './folder-scan.ts'
import { ensureSuite, packagesHeld } from './folder-suite.ts'
import { FolderWatch } from './folder-watch.ts'

export interface FollowOptions {
  readonly directory: string
  /** Made if missing. */
  readonly suite: string
  readonly workspace: Workspace
  readonly artifacts: Artifacts
  readonly archives: Archives
  readonly spool: Spool
  /** Where the memory over a restart is; below the folder it is passed over. */
  readonly dataDirectory: string
  /** Ends the following. */
  readonly signal: AbortSignal
  readonly log: { info(sentence: string): void; warn(sentence: string): void }
  /** Told how many of the files found by the first look are read. */
  readonly onProgress?: (read: number, total: number) => void
}

export interface FollowedFolder {
  /** How many packages of the folder are published by now. */
  readonly packages: number
  /** Resolves when the signal has ended the following; never rejects. */
  readonly done: Promise<void>
}

/** A file is quiet if nothing has written to it for so long. */
const QUIET_MS = 300
/** How long a folder that held packages has to be empty before they are taken for removed. */
const EMPTY_MS = 3000
/** Many, because files that arrive together share syncs and transactions; of each at most one chunk is in memory. */
const READS_AT_A_TIME = 32
const LOOK_EVERY_MS = 2000
/** Looking takes at most this part of the time, however large the folder is. */
const LOOK_SHARE = 20
const RETRY_EVERY_MS = 5000
const PAGE = 1000

/**
 * Publishes the packages of a folder, and follows it until the signal.
 *
 * Resolves when what the folder holds now is sealed.
 *
 * @throws AshlarError `file-unreadable` if the folder cannot be read; what refuses the suite or the first change.
 */
export async function followFolder(options: FollowOptions): Promise<FollowedFolder> {
  const follower = new Follower(options, await rootOf(options.directory), await realpath(options.dataDirectory))
  await follower.start()
  return { packages: follower.publishedCount, done: follower.follow() }
}

async function rootOf(directory: string): Promise<string> {
  try {
    return await realpath(directory)
  } catch (cause) {
    throw new AshlarError('file-unreadable', `The folder ${directory} cannot be read: ${String(cause)}.`, { cause })
  }
}

class Follower {
  readonly #options: FollowOptions
  readonly #root: string
  readonly #dataDirectory: string
  readonly #cache: FolderCache
  readonly #packages = new Map<string, FolderPackage>()
  readonly #rejections = new FolderRejections()
  /** What was said in this round and in the one before: a state that lasts is not told again at every look. */
  #said = new Set<string>()
  #saidBefore = new Set<string>()
  readonly #saidForGood = new Set<string>()
  #suite: string
  #owned: ReadonlySet<number> = new Set()
  #identity: string | undefined
  #mounts: ReadonlySet<string> = new Set()
  #emptySince: number | undefined
  /** The suite may not agree with the folder: compare them even if the folder did not change. */
  #unsettled = true
  #lastLook: FolderLook | undefined
  /** Files that were still written to when they were looked at. */
  #waiting: readonly string[] = []
  /** How long the last look took, and when the next one has to be at everything. */
  #lookMs = 0
  #wholeLookAt = 0
  publishedCount = 0

  constructor(options: FollowOptions, root: string, dataDirectory: string) {
    const { workspace, suite } = options
    this.#options = options
    this.#root = root
    this.#dataDirectory = dataDirectory
    this.#suite = suite
    this.#cache = new FolderCache(dataDirectory, `${workspace.scope}/${workspace.name}/${suite}`)
  }

  /** Publishes what is there, waiting a moment for files that are just being written. */
  async start(): Promise<void> {
    this.#suite = await ensureSuite(this.#options)
    await this.#remember()
    const until = Date.now() + EMPTY_MS + 2 * QUIET_MS
    try {
      while ((await this.#round({ first: Date.now() < until })) === 'soon' && Date.now() < until) {
        await pause(QUIET_MS, this.#options.signal)
      }
    } catch (error) {
      // What may pass by itself (a clock, a full disk) must not keep the server from serving what it has.
      if (!(error instanceof AshlarError) || error.entry.status < 500) throw error
      this.#sayOnce(notPublished(this.#options.directory, error))
    }
  }

  async follow(): Promise<void> {
    const { signal } = this.#options
    using watch = new FolderWatch(this.#root)
    while (!signal.aborted) {
      let nextAt = this.#wholeLookAt
      try {
        const hints = watch.take()
        const isWhole = hints === undefined || performance.now() >= this.#wholeLookAt
        const paths = isWhole ? undefined : new Set([...hints, ...this.#waiting])
        const outcome = await this.#round({ first: false, watch, paths })
        nextAt = outcome === 'soon' ? performance.now() + QUIET_MS : this.#wholeLookAt
      } catch (error) {
        if (signal.aborted) return
        this.#sayOnce(notPublished(this.#options.directory, error))
        this.#unsettled = true
        nextAt = performance.now() + RETRY_EVERY_MS
      }
      await Promise.race([pause(Math.max(0, nextAt - performance.now()), signal), watch.arrival])
      // Hints come in bursts, and looks at a large folder cost: let both settle.
      await pause(Math.max(50, this.#lookMs * 2), signal)
    }
  }

  /** What an earlier run knew, if the database still knows it the same. */
  async #remember(): Promise<void> {
    const { artifacts, workspace, log } = this.#options
    const memory = await this.#cache.load()
    if (memory === undefined) return
    const entries = [...memory.packages]
    try {
      for (let start = 0; start < entries.length; start += PAGE) {
        const batch = entries.slice(start, start + PAGE)
        const found = await artifacts.packagesOf(
          workspace,
          batch.map(([, each]) => each.artifactId),
        )
        const known = new Map(found.map((each) => [each.artifactId, each]))
        for (const [path, each] of batch) {
          if (isSame(each, known.get(each.artifactId))) this.#packages.set(path, each)
        }
      }
    } catch (error) {
      if (!(error instanceof AshlarError)) throw error
      log.info(`The memory of ${this.#options.directory} does not fit the database; all files are read again.`)
      this.#packages.clear()
      return
    }
    this.#identity = memory.root
    this.#mounts = memory.mounts
    this.#owned = memory.owned
  }

  /**
   * One look, at everything or at some paths, and what follows from it. `soon`: something is under way in the folder,
   * look again after a moment.
   */
  async #round(mode: {
    first: boolean
    watch?: FolderWatch
    paths?: ReadonlySet<string> | undefined
  }): Promise<'soon' | 'settled'> {
    this.#saidBefore = this.#said
    this.#said = new Set()
    const look = await this.#look(mode.first, mode.paths)
    if (look === undefined) return 'settled'
    const isFolder = this.#isFolder(look)
    const isNewlyWatched = mode.watch?.follow(look.directories) === true
    if (isNewlyWatched || this.#emptySince !== undefined) this.#wholeLookAt = 0
    const removed = isFolder && this.#removeVanished(look)
    const read = isFolder && (await this.#readNew(look, mode.first))
    const isSoon = this.#waiting.length > 0 || this.#wholeLookAt === 0
    // At the start all that is there goes into one change.
    if (isSoon && mode.first) return 'soon'
    if (removed || read || this.#unsettled) await this.#publish()
    for (const { path, reason } of this.#rejections.unspoken()) {
      this.#options.log.warn(`${path} is not published: ${reason}`)
    }
    return isSoon ? 'soon' : 'settled'
  }

  async #look(first: boolean, paths: ReadonlySet<string> | undefined): Promise<FolderLook | undefined> {
    const { directory, signal } = this.#options
    const startedAt = performance.now()
    try {
      const again = paths && this.#lastLook && (await lookAgain(this.#root, this.#lastLook, paths))
      const look = again ?? (await lookAtFolder(this.#root, { exclude: this.#dataDirectory, signal }))
      this.#lookMs = performance.now() - startedAt
      if (again === undefined) {
        this.#wholeLookAt = performance.now() + Math.max(LOOK_EVERY_MS, this.#lookMs * LOOK_SHARE)
      }
      this.#lastLook = look
      for (const [path, reason] of look.unreadable) {
        this.#sayOnce(`${path} below ${directory} cannot be read (${reason}); its packages stay as they are.`)
      }
      return look
    } catch (error) {
      if (signal.aborted) throw error
      const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      const sentence = `The folder ${directory} ${isGone ? 'is not there' : `cannot be read: ${messageOf(error)}`}`
      if (first && this.#packages.size === 0) throw new AshlarError('file-unreadable', `${sentence}.`, { cause: error })
      this.#sayOnce(`${sentence}; its packages stay as they are.`)
      this.#emptySince = undefined
      this.#lastLook = undefined
      this.#wholeLookAt = performance.now() + LOOK_EVERY_MS
      return undefined
    }
  }

  /** Forgets the packages whose files are gone, unless it may be their disk that is gone. */
  #removeVanished(look: FolderLook): boolean {
    const { gone, unmounted } = vanishedPaths(this.#packages, look, this.#mounts)
    for (const path of unmounted) {
      this.#sayOnce(`${path} below ${this.#options.directory} is unmounted; its packages stay as they are.`)
    }
    this.#mounts = new Set([...mountsIn(look), ...unmounted])
    this.#rejections.forgetAllBut(look.files)
    if (gone.length === 0) return false
    for (const path of gone) this.#packages.delete(path)
    return true
  }

  /** Whether the look is at the folder that is followed, in a state that can be believed. */
  #isFolder(look: FolderLook): boolean {
    const { directory } = this.#options
    if (this.#packages.size === 0) this.#identity = look.root
    if (look.root !== this.#identity) {
      const isSameContent = this.#packages.keys().some((path) => look.files.has(path))
      if (!isSameContent) {
        this.#sayOnce(
          `In place of ${directory} lies another folder without any of its packages (is it unmounted?); they stay published.`,
        )
        return false
      }
      this.#identity = look.root
    }
    if (look.files.size > 0 || this.#packages.size === 0) {
      this.#emptySince = undefined
      return true
    }
    const now = performance.now()
    this.#emptySince ??= now
    return now - this.#emptySince >= EMPTY_MS
  }

  /** Reads the files that are new or changed and quiet. Returns whether any was read. */
  async #readNew(look: FolderLook, first: boolean): Promise<boolean> {
    const { signal } = this.#options
    const now = Date.now()
    const changed = [...look.files.values()].filter((file) => this.#isNews(file))
    // A time to come is that of another machine's clock, and says nothing.
    const isQuiet = ({ ctimeMs }: FileLook): boolean => now - ctimeMs >= QUIET_MS || ctimeMs > now
    const quiet = changed.filter(isQuiet)
    const waiting = changed.filter((file) => !isQuiet(file)).map(({ path }) => path)
    const limit = pLimit(READS_AT_A_TIME)
    const intake = { root: this.#root, ...this.#options }
    const taken: TakenIn[] = []
    let done = 0
    const read = async (file: FileLook): Promise<void> => {
      if (signal.aborted) return
      try {
        taken.push(await takeIn(intake, file))
        this.#rejections.forget(file.path)
      } catch (error) {
        if (error instanceof FileMoved) waiting.push(file.path)
        else if (!signal.aborted) this.#rejections.add(file, error)
      }
      done += 1
      if (first) this.#options.onProgress?.(done, quiet.length)
    }
    await Promise.all(quiet.map((file) => limit(() => read(file))))
    signal.throwIfAborted()
    for (const [path, each] of await packagesTakenIn(intake, taken)) this.#packages.set(path, each)
    this.#waiting = waiting
    return taken.length > 0
  }

  #isNews(file: FileLook): boolean {
    return this.#packages.get(file.path)?.fingerprint !== file.fingerprint && !this.#rejections.covers(file)
  }

  /** Makes the suite agree with the folder, in one change. */
  async #publish(): Promise<void> {
    const { archives, workspace, signal, log } = this.#options
    const edit = planEdit(this.#packages, await packagesHeld(archives, workspace, this.#suite), this.#owned)
    for (const { path, by } of edit.shadowed) {
      const sentence = `${path} is not published: ${by} is newer and has the same name, version and architecture.`
      if (!this.#saidForGood.has(sentence)) log.warn(sentence)
      this.#saidForGood.add(sentence)
    }
    // First remembered, then published: after a crash between the two the folder still knows what it put there.
    await this.#save(this.#owned.union(edit.wanted))
    if (edit.add.length > 0 || edit.remove.length > 0) {
      const change = await archives.submit(
        workspace,
        {
          kind: 'edit',
          suite: this.#suite,
          add: edit.add.map((packageId) => ({ packageId })),
          remove: edit.remove,
          onPoolConflict: 'second-path',
        },
        { userId: null, signal },
      )
      await this.#save(edit.wanted)
      log.info(
        `${this.#suite}: ${change.addedCount} packages added, ${change.removedCount} removed (r${change.revision}).`,
      )
    }
    this.#unsettled = false
    this.publishedCount = edit.wanted.size
  }

  async #save(owned: ReadonlySet<number>): Promise<void> {
    this.#owned = owned
    if (this.#identity === undefined) return
    await this.#cache.save({ root: this.#identity, mounts: this.#mounts, packages: this.#packages, owned })
  }

  /** Says what is the case when it begins to be. */
  #sayOnce(sentence: string): void {
    if (!this.#said.has(sentence) && !this.#saidBefore.has(sentence)) this.#options.log.warn(sentence)
    this.#said.add(sentence)
  }
}

function isSame(each: FolderPackage, found: HeldPackage | undefined): boolean {
  return (
    found !== undefined &&
    each.packageId === found.packageId &&
    each.name === found.name &&
    each.version === found.version &&
    each.architecture === found.architecture
  )
}

function notPublished(directory: string, error: unknown): string {
  return `What changed in ${directory} is not published yet: ${messageOf(error)}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Resolves after a time, or when the signal comes. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const stop = (): void => resolve()
  signal.addEventListener('abort', stop)
  await promise
  clearTimeout(timer)
  signal.removeEventListener('abort', stop)
}
