/**
 * Following a folder: the packages below it are in a suite, and what is copied there, replaced or removed is published
 * so while Ashlar runs. What lives here: looking (folder-sight.ts on folder-scan.ts, folder-watch.ts and
 * folder-vanished.ts), reading files into artifacts (folder-reading.ts, folder-intake.ts), which packages are wanted
 * (folder-packages.ts), what the suite has (folder-held.ts) and lacks (folder-plan.ts), publishing that
 * (folder-publisher.ts), remembering over a restart (folder-memory.ts on folder-journal.ts). What does not: how
 * packages are read, and how changes are sealed.
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
 * - What follows from a change in the folder costs what the change costs; what goes through the whole folder, as a look
 *   at it must, lets the rest of the process have its turn.
 * - Of two files with the same name, version and architecture but other bytes the one modified last is published.
 */
import { realpath } from 'node:fs/promises'
import type { Workspace } from '../../access/access.ts'
import type { Artifacts } from '../../artifact/artifacts.ts'
import { AshlarError } from '../../common/errors.ts'
import { Pace } from '../../common/pace.ts'
import type { Spool } from '../../storage/spool.ts'
import type { Archives } from '../archives.ts'
import { FolderMemory } from './folder-memory.ts'
import { FolderNotices } from './folder-notices.ts'
import type { FolderLog } from './folder-notices.ts'
import { FolderPublisher } from './folder-publisher.ts'
import { readFiles } from './folder-reading.ts'
import { compareWithDatabase } from './folder-recall.ts'
import { FolderRejections } from './folder-rejections.ts'
import type { FileLook } from './folder-scan.ts'
import { EMPTY_MS, FolderSight } from './folder-sight.ts'
import type { Seen } from './folder-sight.ts'
import { ensureSuite } from './folder-suite.ts'
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
  readonly log: FolderLog
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
const SETTLE_MS = 50
const RETRY_EVERY_MS = 5000

/**
 * Publishes the packages of a folder, and follows it until the signal.
 *
 * Resolves when what the folder holds now is sealed.
 *
 * @throws AshlarError `file-unreadable` if the folder cannot be read; what refuses the suite or the first change.
 */
export async function followFolder(options: FollowOptions): Promise<FollowedFolder> {
  const { directory, workspace, log } = options
  const root = await rootOf(directory)
  const dataDirectory = await realpath(options.dataDirectory)
  const suite = await ensureSuite(options)
  const memory = await FolderMemory.load(dataDirectory, `${workspace.scope}/${workspace.name}/${options.suite}`)
  if (!(await compareWithDatabase(memory, options))) {
    log.info(`The memory of ${directory} does not fit the database; all files are read again.`)
  }
  const follower = new Follower(options, { root, dataDirectory, suite, memory })
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

interface Found {
  readonly root: string
  readonly dataDirectory: string
  readonly suite: string
  readonly memory: FolderMemory
}

/** One look, at everything or at some paths, and what follows from it. */
interface Round {
  readonly isFirst: boolean
  readonly watch?: FolderWatch
  readonly paths?: ReadonlySet<string> | undefined
}

class Follower {
  readonly #options: FollowOptions
  readonly #root: string
  readonly #memory: FolderMemory
  readonly #notices: FolderNotices
  readonly #sight: FolderSight
  readonly #publisher: FolderPublisher
  readonly #rejections = new FolderRejections()
  /** Files that were still written to when they were looked at. */
  #waiting: readonly string[] = []

  constructor(options: FollowOptions, { root, dataDirectory, suite, memory }: Found) {
    const { directory, archives, workspace, log, signal } = options
    const notices = new FolderNotices(log)
    this.#options = options
    this.#root = root
    this.#memory = memory
    this.#notices = notices
    this.#sight = new FolderSight({ directory, root, exclude: dataDirectory, memory, notices, signal })
    this.#publisher = new FolderPublisher({ archives, workspace, suite, memory, notices, log, signal })
  }

  get publishedCount(): number {
    return this.#publisher.isSettled ? this.#memory.packages.wantedCount : 0
  }

  /** Publishes what is there, waiting a moment for files that are just being written. */
  async start(): Promise<void> {
    const until = Date.now() + EMPTY_MS + 2 * QUIET_MS
    try {
      while ((await this.#round({ isFirst: Date.now() < until })) === 'soon' && Date.now() < until) {
        await pause(QUIET_MS, this.#options.signal)
      }
    } catch (error) {
      // What may pass (a clock, a full disk, a freeze) must not keep the server from serving what it has.
      if (!(error instanceof AshlarError) || (error.entry.status < 500 && error.code !== 'suite-frozen')) throw error
      this.#failed(error)
    }
  }

  async follow(): Promise<void> {
    const { signal } = this.#options
    using watch = new FolderWatch(this.#root)
    while (!signal.aborted) {
      let nextAt = this.#sight.wholeLookAt
      try {
        const hints = watch.take()
        const isWhole = hints === undefined || performance.now() >= this.#sight.wholeLookAt
        const paths = isWhole ? undefined : new Set([...hints, ...this.#waiting])
        const outcome = await this.#round({ isFirst: false, watch, paths })
        nextAt = outcome === 'soon' ? performance.now() + QUIET_MS : this.#sight.wholeLookAt
      } catch (error) {
        if (signal.aborted) return
        // A file that the suite did not have for long may have expired there, and is read again.
        if (error instanceof AshlarError && error.code === 'gone') {
          await compareWithDatabase(this.#memory, this.#options).catch((failure: unknown) => this.#failed(failure))
        }
        this.#failed(error)
        nextAt = performance.now() + RETRY_EVERY_MS
      }
      await Promise.race([pause(Math.max(0, nextAt - performance.now()), signal), watch.arrival])
      // Hints come in bursts, and looks at the whole of a large folder cost: let both settle.
      const isWholeEarly = watch.isVague || this.#sight.wholeLookAt === 0
      await pause(isWholeEarly ? Math.max(SETTLE_MS, this.#sight.wholeLookMs * 2) : SETTLE_MS, signal)
    }
  }

  /** `soon`: something is under way in the folder, look again after a moment. */
  async #round({ isFirst, watch, paths }: Round): Promise<'soon' | 'settled'> {
    const seen = await this.#sight.look(paths, { isFirst, watch })
    if (seen === 'nothing') return 'settled'
    const isNews = seen !== 'doubtful' && (await this.#take(seen, isFirst))
    const isSoon = this.#waiting.length > 0 || this.#sight.wholeLookAt === 0
    // At the start all that is there goes into one change.
    if (isSoon && isFirst) return 'soon'
    if (isNews || !this.#publisher.isSettled) await this.#publisher.publish()
    for (const { path, reason } of this.#rejections.unspoken()) {
      this.#options.log.warn(`${path} is not published: ${reason}`)
    }
    return isSoon ? 'soon' : 'settled'
  }

  /** Forgets what is gone and reads what is new or changed and quiet. Returns whether there was any of it. */
  async #take(seen: Seen, isFirst: boolean): Promise<boolean> {
    const { signal, onProgress } = this.#options
    const pace = new Pace()
    for (const path of seen.gone) {
      if (pace.isDue()) await pace.rest()
      this.#memory.forgetPackage(path)
    }
    this.#rejections.forgetAllBut(seen.present)
    const { quiet, busy } = await this.#newsIn(seen)
    const moved = await readFiles(quiet, {
      intake: { root: this.#root, ...this.#options },
      memory: this.#memory,
      rejections: this.#rejections,
      onRead: isFirst ? onProgress : undefined,
    })
    signal.throwIfAborted()
    this.#waiting = [...busy, ...moved]
    return this.#memory.packages.changedKeys.size > 0
  }

  /** The files that are new or changed: those that can be read, and the paths of those that are still written to. */
  async #newsIn(seen: Seen): Promise<{ quiet: FileLook[]; busy: string[] }> {
    const now = Date.now()
    const quiet = new Set<FileLook>()
    const busy: string[] = []
    const pace = new Pace()
    for (const file of seen.files) {
      if (pace.isDue()) await pace.rest()
      if (this.#memory.packages.get(file.path)?.fingerprint === file.fingerprint) continue
      if (this.#rejections.covers(file)) continue
      // A time to come is that of another machine's clock, and says nothing.
      if (now - file.ctimeMs >= QUIET_MS || file.ctimeMs > now) quiet.add(file)
      else busy.push(file.path)
    }
    for (const path of this.#rejections.due()) {
      const file = seen.present.get(path)
      if (file !== undefined) quiet.add(file)
    }
    return { quiet: [...quiet], busy }
  }

  /** The next round begins from the whole folder and the whole suite. */
  #failed(error: unknown): void {
    this.#sight.forget()
    this.#publisher.doubt()
    const reason = error instanceof Error ? error.message : String(error)
    this.#notices.sayOnce(`What changed in ${this.#options.directory} is not published yet: ${reason}`)
  }
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
