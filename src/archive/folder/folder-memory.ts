import { join } from 'node:path'
import { FolderJournal, JournalUnreadable } from './folder-journal.ts'
import type { JournalEntry } from './folder-journal.ts'
import { FolderPackages } from './folder-packages.ts'
import type { FolderPackage } from './folder-packages.ts'

/** So many entries may be out of date however little there is to remember. */
const SPARE_ENTRIES = 1000
const IDS_PER_ENTRY = 1000

/**
 * What a follower of a folder remembers over a restart, one journal per suite in the data directory. It saves reading
 * unchanged files again, and knows which packages a folder put into its suite. The journal may be deleted: then files
 * are read again, and packages that have left the folder meanwhile stay in the suite.
 *
 * What is changed here counts after a crash only from the next `save` on; a crash while saving may leave the first of
 * the changes and not the last.
 */
export class FolderMemory {
  readonly packages = new FolderPackages()
  readonly #owned = new Set<number>()
  readonly #journal: FolderJournal
  #root: string | undefined
  #mounts: ReadonlySet<string> = new Set()
  #pending: JournalEntry[] = []
  /** How much the journal says, however much of it still holds. */
  #journalWeight = 0

  private constructor(journal: FolderJournal) {
    this.#journal = journal
  }

  /**
   * What was remembered; nothing if there is no journal, or none that this version can read.
   *
   * @param suite workspace and name, `local/main/stable`
   */
  static async load(dataDirectory: string, suite: string): Promise<FolderMemory> {
    const file = join(dataDirectory, `folder-cache.${encodeURIComponent(suite)}.jsonl`)
    const memory = new FolderMemory(new FolderJournal(file))
    try {
      for await (const entry of memory.#journal.entries()) {
        memory.#apply(entry)
        memory.#journalWeight += weightOf(entry)
      }
      memory.packages.settle()
      return memory
    } catch (error) {
      if (!(error instanceof JournalUnreadable)) throw error
      return new FolderMemory(new FolderJournal(file))
    }
  }

  /** Device and inode of the root. */
  get root(): string | undefined {
    return this.#root
  }

  /** Directories on other devices than the root. */
  get mounts(): ReadonlySet<string> {
    return this.#mounts
  }

  /** Packages that are, or may be, in the suite because of the folder. */
  get owned(): ReadonlySet<number> {
    return this.#owned
  }

  setRoot(root: string): void {
    if (this.#root === root) return
    this.#root = root
    this.#pending.push(['root', root])
  }

  setMounts(mounts: ReadonlySet<string>): void {
    if (mounts.size === this.#mounts.size && mounts.isSubsetOf(this.#mounts)) return
    this.#mounts = mounts
    this.#pending.push(['mounts', [...mounts]])
  }

  setPackage(path: string, each: FolderPackage): void {
    this.packages.set(path, each)
    this.#pending.push(packageEntry(path, each))
  }

  forgetPackage(path: string): void {
    if (!this.packages.has(path)) return
    this.packages.delete(path)
    this.#pending.push(['forget', path])
  }

  own(packageIds: readonly number[]): void {
    for (const id of packageIds) this.#owned.add(id)
    this.#pending.push(...idEntries('own', packageIds))
  }

  disown(packageIds: readonly number[]): void {
    const owned = packageIds.filter((id) => this.#owned.delete(id))
    this.#pending.push(...idEntries('disown', owned))
  }

  /** Forgets everything. */
  clear(): void {
    this.packages.clear()
    this.#owned.clear()
    this.#root = undefined
    this.#mounts = new Set()
    this.#pending = [['clear']]
  }

  /** Makes what was changed durable; after an error it is tried again with the next. */
  async save(): Promise<void> {
    if (this.#pending.length === 0) return
    const live = this.packages.size + this.#owned.size
    const grown = this.#pending.reduce((sum, entry) => sum + weightOf(entry), this.#journalWeight)
    if (grown <= 2 * live + SPARE_ENTRIES && (await this.#journal.append(this.#pending))) {
      this.#journalWeight = grown
    } else {
      await this.#journal.rewrite(this.#entries())
      this.#journalWeight = live
    }
    this.#pending = []
  }

  *#entries(): Generator<JournalEntry, void, undefined> {
    if (this.#root !== undefined) yield ['root', this.#root]
    yield ['mounts', [...this.#mounts]]
    for (const [path, each] of this.packages.entries()) yield packageEntry(path, each)
    yield* idEntries('own', [...this.#owned])
  }

  #apply([kind, ...values]: readonly unknown[]): void {
    switch (kind) {
      case 'clear':
        this.clear()
        this.#pending = []
        return
      case 'root':
        this.#root = text(values[0])
        return
      case 'mounts':
        if (!Array.isArray(values[0])) throw new JournalUnreadable('Mounts are no list')
        this.#mounts = new Set(values[0].map(text))
        return
      case 'package':
        this.packages.set(...parsePackage(values))
        return
      case 'forget':
        this.packages.delete(text(values[0]))
        return
      case 'own':
        for (const id of values) this.#owned.add(number(id))
        return
      case 'disown':
        for (const id of values) this.#owned.delete(number(id))
        return
      default:
        throw new JournalUnreadable(`An entry is of the kind ${String(kind)}`)
    }
  }
}

function packageEntry(path: string, each: FolderPackage): JournalEntry {
  const { fingerprint, mtimeMs, artifactId, packageId, name, version, architecture } = each
  return ['package', path, fingerprint, mtimeMs, artifactId, packageId, name, version, architecture]
}

function parsePackage(values: readonly unknown[]): [string, FolderPackage] {
  const [path, fingerprint, mtimeMs, artifactId, packageId, name, version, architecture] = values
  return [
    text(path),
    {
      fingerprint: text(fingerprint),
      mtimeMs: number(mtimeMs),
      artifactId: number(artifactId),
      packageId: number(packageId),
      name: text(name),
      version: text(version),
      architecture: text(architecture),
    },
  ]
}

function* idEntries(kind: 'own' | 'disown', ids: readonly number[]): Generator<JournalEntry, void, undefined> {
  for (let start = 0; start < ids.length; start += IDS_PER_ENTRY) {
    yield [kind, ...ids.slice(start, start + IDS_PER_ENTRY)]
  }
}

/** An entry counts for each package or id in it. */
function weightOf([kind, ...values]: readonly unknown[]): number {
  return kind === 'own' || kind === 'disown' ? values.length : 1
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new JournalUnreadable('A value is not a text')
  return value
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw new JournalUnreadable('A value is not a number')
  return value
}
