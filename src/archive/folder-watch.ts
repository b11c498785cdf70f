import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { join } from 'node:path'

/** More directories than this are left to the looks at intervals: the kernel's watches are few and shared. */
const MOST_WATCHES = 4096

/**
 * Hints that something in the folder changed, so that a look need not wait for its time. Never relied upon: a watch may
 * miss what happens, and some file systems tell nothing.
 */
export class FolderWatch implements Disposable {
  readonly #root: string
  readonly #changed: () => void
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(root: string, changed: () => void) {
    this.#root = root
    this.#changed = changed
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
      if (!this.#watchers.has(key)) isNew = this.#add(key, join(this.#root, path)) || isNew
    }
    return isNew
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #add(key: string, directory: string): boolean {
    try {
      const watcher = watch(directory, { persistent: false }, this.#changed)
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
}
