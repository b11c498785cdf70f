import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { join } from 'node:path'

/** More directories than this are left to the looks at intervals: the kernel's watches are few and shared. */
const MOST_WATCHES = 4096

/** More hints than this at a time are not worth telling apart. */
const MOST_PATHS = 1000

/**
 * Hints at what changed in the folder, so that a look need not wait for its time, nor be at everything. Never relied
 * upon: a watch may miss what happens, and some file systems tell nothing.
 */
export class FolderWatch implements Disposable {
  readonly #root: string
  readonly #watchers = new Map<string, FSWatcher>()
  #paths = new Set<string>()
  #isVague = false
  #arrival = Promise.withResolvers<void>()

  constructor(root: string) {
    this.#root = root
  }

  /** Resolves when there is a hint to take. */
  get arrival(): Promise<void> {
    return this.#arrival.promise
  }

  /** Whether it may be anything that has changed. */
  get isVague(): boolean {
    return this.#isVague
  }

  /** The paths that have changed since the last call; undefined if it may be anything. */
  take(): Set<string> | undefined {
    const paths = this.#isVague ? undefined : this.#paths
    this.#paths = new Set()
    this.#isVague = false
    this.#arrival = Promise.withResolvers()
    return paths
  }

  /**
   * Watches these directories (path to identity) and no others. True if one of them was not watched until now: what
   * has happened in it since it was looked at is not known.
   */
  follow(directories: ReadonlyMap<string, string>): boolean {
    const wanted = new Map<string, string>()
    for (const [path, identity] of directories) {
      if (wanted.size === MOST_WATCHES) break
      wanted.set(`${identity} ${path}`, path)
    }
    for (const [key, watcher] of this.#watchers) {
      if (wanted.has(key)) continue
      watcher.close()
      this.#watchers.delete(key)
    }
    let isNew = false
    for (const [key, path] of wanted) {
      if (!this.#watchers.has(key)) isNew = this.#add(key, path) || isNew
    }
    return isNew
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #add(key: string, directory: string): boolean {
    try {
      const watcher = watch(join(this.#root, directory), { persistent: false }, (_event, name) => {
        this.#hint(name === null ? undefined : directory === '' ? name : `${directory}/${name}`)
      })
      watcher.on('error', () => {
        watcher.close()
        this.#watchers.delete(key)
      })
      this.#watchers.set(key, watcher)
      return true
    } catch {
      // No watch left, or the directory is gone again: the next look will see.
      return false
    }
  }

  #hint(path: string | undefined): void {
    if (path === undefined || this.#paths.size === MOST_PATHS) this.#isVague = true
    else this.#paths.add(path)
    this.#arrival.resolve()
  }
}
