import { AshlarError } from '../../common/errors.ts'
import { Pace } from '../../common/pace.ts'
import type { FolderMemory } from './folder-memory.ts'
import type { FolderNotices } from './folder-notices.ts'
import { lookAgain, lookAtFolder } from './folder-scan.ts'
import type { FileLook, FolderLook } from './folder-scan.ts'
import { mountsIn, vanishedPaths } from './folder-vanished.ts'
import type { FolderWatch } from './folder-watch.ts'

/** How long a folder that held packages has to be empty before they are taken for removed. */
export const EMPTY_MS = 3000
const LOOK_EVERY_MS = 2000
/** Looking takes at most this part of the time, however large the folder is. */
const LOOK_SHARE = 20

/** What a look has to say that can be believed. */
export interface Seen {
  /** All files of the folder. */
  readonly present: ReadonlyMap<string, FileLook>
  /** The files that this look was at. */
  readonly files: Iterable<FileLook>
  /** Known files that are gone for certain. */
  readonly gone: readonly string[]
}

export interface SightOptions {
  /** The folder as its user calls it. */
  readonly directory: string
  /** The place of its own that it lies at. */
  readonly root: string
  /** Passed over below the root. */
  readonly exclude: string
  readonly memory: FolderMemory
  readonly notices: FolderNotices
  readonly signal: AbortSignal
}

/**
 * Looks at a folder, at all of it or at what is said to have changed, and judges whether what it sees can be believed:
 * "not there" is not "removed".
 */
export class FolderSight {
  readonly #options: SightOptions
  #look: FolderLook | undefined
  #watched: FolderLook | undefined
  #emptySince: number | undefined
  #wholeLookMs = 0
  #wholeLookAt = 0

  constructor(options: SightOptions) {
    this.#options = options
  }

  /** How long the last look at everything took. */
  get wholeLookMs(): number {
    return this.#wholeLookMs
  }

  /** When the next look has to be at everything, on the clock of `performance`; 0 if as soon as possible. */
  get wholeLookAt(): number {
    return this.#wholeLookAt
  }

  /** What was seen has not been acted upon: the next look is at everything, whenever it comes. */
  forget(): void {
    this.#look = undefined
  }

  /**
   * @param paths what may have changed; undefined if it may be anything
   * @returns `nothing` if the folder cannot be read; `doubtful` if it is not in a state that can be believed
   * @throws AshlarError file-unreadable, if nothing is known of the folder and it is the first look
   */
  async look(
    paths: ReadonlySet<string> | undefined,
    { isFirst, watch }: { readonly isFirst: boolean; readonly watch: FolderWatch | undefined },
  ): Promise<Seen | 'nothing' | 'doubtful'> {
    const { memory, notices } = this.#options
    const found = await this.#lookOrSayWhy(paths, isFirst)
    if (found === undefined) return 'nothing'
    const { look, isWhole } = found
    const isFolder = await this.#isFolder(look)
    if (this.#follow(look, watch) || this.#emptySince !== undefined) this.#wholeLookAt = 0
    if (!isFolder) {
      this.forget()
      return 'doubtful'
    }
    const again = isWhole ? undefined : [...(paths ?? [])]
    const known = again?.filter((path) => memory.packages.has(path)) ?? memory.packages.paths()
    const { gone, unmounted } = await vanishedPaths(known, look, memory.mounts)
    for (const path of unmounted) {
      notices.sayOnce(`${path} below ${this.#options.directory} is unmounted; its packages stay as they are.`)
    }
    // Directories are the same at a look at some paths.
    if (isWhole) memory.setMounts(new Set([...mountsIn(look), ...unmounted]))
    return { present: look.files, files: again === undefined ? look.files.values() : filesAt(look, again), gone }
  }

  async #lookOrSayWhy(
    paths: ReadonlySet<string> | undefined,
    isFirst: boolean,
  ): Promise<{ look: FolderLook; isWhole: boolean } | undefined> {
    const { directory, signal, notices, memory } = this.#options
    try {
      const found = await this.#lookNow(paths)
      for (const [path, reason] of found.look.unreadable) {
        notices.sayOnce(`${path} below ${directory} cannot be read (${reason}); its packages stay as they are.`)
      }
      return found
    } catch (error) {
      if (signal.aborted) throw error
      const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      const reason = error instanceof Error ? error.message : String(error)
      const sentence = `The folder ${directory} ${isGone ? 'is not there' : `cannot be read: ${reason}`}`
      if (isFirst && memory.packages.size === 0) {
        throw new AshlarError('file-unreadable', `${sentence}.`, { cause: error })
      }
      notices.sayOnce(`${sentence}; its packages stay as they are.`)
      this.#emptySince = undefined
      this.forget()
      this.#wholeLookAt = performance.now() + LOOK_EVERY_MS
      return undefined
    }
  }

  async #lookNow(paths: ReadonlySet<string> | undefined): Promise<{ look: FolderLook; isWhole: boolean }> {
    const { root, exclude, signal, notices } = this.#options
    if (paths !== undefined && this.#look !== undefined && (await lookAgain(root, this.#look, paths))) {
      return { look: this.#look, isWhole: false }
    }
    // Only a look at everything can tell what has ended.
    notices.turn()
    const startedAt = performance.now()
    const look = await lookAtFolder(root, { exclude, signal })
    this.#look = look
    this.#wholeLookMs = performance.now() - startedAt
    this.#wholeLookAt = performance.now() + Math.max(LOOK_EVERY_MS, this.#wholeLookMs * LOOK_SHARE)
    return { look, isWhole: true }
  }

  /** Whether the look is at the folder that is followed, in a state that can be believed. */
  async #isFolder(look: FolderLook): Promise<boolean> {
    const { directory, memory, notices } = this.#options
    const { packages } = memory
    if (packages.size > 0 && look.root !== memory.root && !(await this.#holdsKnown(look))) {
      notices.sayOnce(
        `In place of ${directory} lies another folder without any of its packages (is it unmounted?); they stay published.`,
      )
      return false
    }
    memory.setRoot(look.root)
    if (look.files.size > 0 || packages.size === 0) {
      this.#emptySince = undefined
      return true
    }
    const now = performance.now()
    this.#emptySince ??= now
    return now - this.#emptySince >= EMPTY_MS
  }

  async #holdsKnown(look: FolderLook): Promise<boolean> {
    const pace = new Pace()
    for (const path of look.files.keys()) {
      if (pace.isDue()) await pace.rest()
      if (this.#options.memory.packages.has(path)) return true
    }
    return false
  }

  /** Has the directories of a look watched. True if what has happened in them since the look is not known. */
  #follow(look: FolderLook, watch: FolderWatch | undefined): boolean {
    if (watch === undefined || this.#watched === look) return false
    this.#watched = look
    return watch.follow(look.directories)
  }
}

function* filesAt(look: FolderLook, paths: Iterable<string>): Generator<FileLook, void, undefined> {
  for (const path of paths) {
    const file = look.files.get(path)
    if (file !== undefined) yield file
  }
}
