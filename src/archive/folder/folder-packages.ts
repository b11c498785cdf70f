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

/** What apt tells packages apart by. */
export type Identity = Pick<FolderPackage, 'name' | 'version' | 'architecture'>

export function identityKey({ name, version, architecture }: Identity): string {
  return `${name} ${version} ${architecture}`
}

/** The files that hold packages of one identity. */
interface Group {
  /** The path of the one that is published. */
  winner: string
  /** The others; most groups have none. */
  others: Set<string> | undefined
}

/**
 * The packages of a folder by the path of their file, and which of them are wanted in the suite: of those with the same
 * name, version and architecture the one whose file was modified last (of two modified at once the one whose path sorts
 * last). Remembers what has changed since it was last settled, so that a plan costs what the change costs.
 */
export class FolderPackages {
  readonly #byPath = new Map<string, FolderPackage>()
  readonly #groups = new Map<string, Group>()
  readonly #wanted = new Set<number>()
  readonly #changedKeys = new Set<string>()
  readonly #droppedIds = new Set<number>()

  get size(): number {
    return this.#byPath.size
  }

  get(path: string): FolderPackage | undefined {
    return this.#byPath.get(path)
  }

  has(path: string): boolean {
    return this.#byPath.has(path)
  }

  paths(): IterableIterator<string> {
    return this.#byPath.keys()
  }

  entries(): IterableIterator<[string, FolderPackage]> {
    return this.#byPath.entries()
  }

  /** All identities, as keys. */
  keys(): IterableIterator<string> {
    return this.#groups.keys()
  }

  /** How many packages the suite shall hold because of the folder. */
  get wantedCount(): number {
    return this.#wanted.size
  }

  wants(packageId: number): boolean {
    return this.#wanted.has(packageId)
  }

  /** The package that is wanted under this key. */
  wanted(key: string): FolderPackage | undefined {
    const group = this.#groups.get(key)
    return group && this.#byPath.get(group.winner)
  }

  /** Files under this key that give way to the wanted one, having other bytes. */
  *shadowed(key: string): Generator<{ readonly path: string; readonly by: string }> {
    const group = this.#groups.get(key)
    const winner = this.wanted(key)
    for (const path of group?.others ?? []) {
      if (this.#byPath.get(path)?.packageId !== winner?.packageId) yield { path, by: group?.winner ?? '' }
    }
  }

  /** Keys under which files came, went or changed since `settle`. */
  get changedKeys(): ReadonlySet<string> {
    return this.#changedKeys
  }

  /** Packages that stopped being wanted since `settle`; some may be wanted again. */
  get droppedIds(): ReadonlySet<number> {
    return this.#droppedIds
  }

  /** The suite agrees with what is wanted. */
  settle(): void {
    this.#changedKeys.clear()
    this.#droppedIds.clear()
  }

  set(path: string, each: FolderPackage): void {
    this.delete(path)
    this.#byPath.set(path, each)
    const key = identityKey(each)
    this.#changedKeys.add(key)
    const group = this.#groups.get(key)
    if (group === undefined) {
      this.#groups.set(key, { winner: path, others: undefined })
      this.#wanted.add(each.packageId)
      return
    }
    group.others ??= new Set()
    group.others.add(path)
    if (this.#beats(path, group.winner)) this.#crown(group, path)
  }

  delete(path: string): void {
    const each = this.#byPath.get(path)
    if (each === undefined) return
    const key = identityKey(each)
    const group = this.#groups.get(key)
    this.#changedKeys.add(key)
    if (group?.winner !== path) {
      group?.others?.delete(path)
    } else if (group.others === undefined || group.others.size === 0) {
      this.#groups.delete(key)
      this.#drop(each.packageId)
    } else {
      this.#crown(
        group,
        [...group.others].reduce((best, other) => (this.#beats(other, best) ? other : best)),
      )
      group.others.delete(path)
    }
    this.#byPath.delete(path)
  }

  clear(): void {
    this.#byPath.clear()
    this.#groups.clear()
    this.#wanted.clear()
    this.settle()
  }

  #beats(path: string, other: string): boolean {
    const [a, b] = [this.#byPath.get(path)?.mtimeMs ?? 0, this.#byPath.get(other)?.mtimeMs ?? 0]
    return a > b || (a === b && path > other)
  }

  /** Makes one of the others the one that is published. */
  #crown(group: Group, path: string): void {
    this.#drop(this.#byPath.get(group.winner)?.packageId)
    group.others?.add(group.winner)
    group.others?.delete(path)
    group.winner = path
    const packageId = this.#byPath.get(path)?.packageId
    if (packageId !== undefined) this.#wanted.add(packageId)
  }

  #drop(packageId: number | undefined): void {
    if (packageId === undefined) return
    this.#wanted.delete(packageId)
    this.#droppedIds.add(packageId)
  }
}
