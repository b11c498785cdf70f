/**
 * Reads B-trees of Berkeley DB as they lie there, page by page: without libdb, without an environment, without a lock,
 * and without a chance to write. It is for files that nobody writes to meanwhile; what is damaged is named.
 */
import { open, type FileHandle } from 'node:fs/promises'
import { AshlarError } from '../common/errors.ts'
import { type BerkeleyPage, type Item, pageKinds, readPage, treeMeta, type TreeMeta } from './berkeley-page.ts'

/** A pair of the tree; a key with several values comes once for each. */
type Pair = readonly [key: Buffer, value: Buffer]

const LONGEST_VALUE_BYTES = 64 * 2 ** 20
const DEEPEST = 64

/** A file of Berkeley DB that is open. */
export class BerkeleyFile implements AsyncDisposable {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #main: TreeMeta

  private constructor(file: string, handle: FileHandle, main: TreeMeta) {
    this.#file = file
    this.#handle = handle
    this.#main = main
  }

  /** @throws AshlarError import-unreadable */
  static async open(file: string): Promise<BerkeleyFile> {
    const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
      const reason = error.code === 'ENOENT' ? 'is missing' : `cannot be read (${error.code})`
      throw new AshlarError('import-unreadable', `The database ${file} ${reason}.`, { cause: error })
    })
    try {
      const first = Buffer.alloc(512)
      const { bytesRead } = await handle.read(first, 0, first.length, 0)
      return new BerkeleyFile(file, handle, treeMeta(first.subarray(0, bytesRead)))
    } catch (error) {
      await handle.close()
      throw damaged(file, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }

  /** The names of the trees in the file, in the order of bytes. @throws AshlarError import-unreadable */
  async names(): Promise<string[]> {
    const names: string[] = []
    for await (const [name] of this.#trees()) names.push(name)
    return names
  }

  /** The pairs of the tree of that name, in the order of keys. @throws AshlarError import-unreadable */
  async *pairs(name: string): AsyncGenerator<Pair, void, undefined> {
    for await (const [found, place] of this.#trees()) {
      if (found !== name) continue
      try {
        const page = await this.#page(place)
        yield* this.#leaves(treeMeta(page.bytes))
      } catch (error) {
        throw damaged(this.#file, error)
      }
      return
    }
    throw new AshlarError('import-unreadable', `The database ${this.#file} lacks its part “${name}”.`)
  }

  /** The trees of the file and their first pages; page numbers are written with the highest byte first. */
  async *#trees(): AsyncGenerator<readonly [name: string, page: number], void, undefined> {
    try {
      if (!this.#main.holdsTrees) throw new RangeError('it has no parts')
      for await (const [name, place] of this.#leaves(this.#main)) yield [name.toString(), place.readUInt32BE(0)]
    } catch (error) {
      throw damaged(this.#file, error)
    }
  }

  async *#leaves({ root }: TreeMeta): AsyncGenerator<Pair, void, undefined> {
    for await (const page of this.#chain(root, pageKinds.leaf)) {
      if (page.count % 2 !== 0) throw page.damage()
      for (let index = 0; index < page.count; index += 2) {
        const key = page.item(index)
        const value = page.item(index + 1)
        if (key === undefined || value === undefined) continue
        const keyBytes = await this.#bytesOf(key, page)
        if (value.kind !== 'duplicates') yield [keyBytes, await this.#bytesOf(value, page)]
        else for await (const each of this.#duplicates(value.page)) yield [keyBytes, each]
      }
    }
  }

  /** Many values of one key have a tree of their own. */
  async *#duplicates(root: number): AsyncGenerator<Buffer, void, undefined> {
    for await (const page of this.#chain(root, pageKinds.duplicates)) {
      for (let index = 0; index < page.count; index += 1) {
        const value = page.item(index)
        if (value !== undefined) yield await this.#bytesOf(value, page)
      }
    }
  }

  /** The leaves of a tree, from the first on. */
  async *#chain(root: number, kind: number): AsyncGenerator<BerkeleyPage, void, undefined> {
    let page = await this.#page(root)
    for (let depth = 0; page.kind === pageKinds.innerTree; depth += 1) {
      if (depth > DEEPEST) throw page.damage()
      page = await this.#page(page.firstChild())
    }
    for (let seen = 0; ; seen += 1) {
      if (page.kind !== kind || seen > this.#main.lastPage) throw page.damage()
      yield page
      if (page.next === 0) return
      page = await this.#page(page.next)
    }
  }

  async #bytesOf(item: Item, from: BerkeleyPage): Promise<Buffer> {
    if (item.kind === 'bytes') return item.bytes
    if (item.kind === 'duplicates' || item.size > LONGEST_VALUE_BYTES) throw from.damage()
    const parts: Buffer[] = []
    let size = 0
    for (let next = item.page; next !== 0;) {
      const page = await this.#page(next)
      const part = page.overflowPart()
      size += part.length
      if (page.kind !== pageKinds.overflow || size > item.size || part.length === 0) throw page.damage()
      parts.push(part)
      next = page.next
    }
    if (size !== item.size) throw from.damage()
    return Buffer.concat(parts)
  }

  async #page(number: number): Promise<BerkeleyPage> {
    if (number > this.#main.lastPage) throw new RangeError(`there is no page ${number}`)
    return readPage(this.#handle, number, this.#main.pageBytes)
  }
}

function damaged(file: string, error: unknown): unknown {
  if (!(error instanceof RangeError)) return error
  return new AshlarError('import-unreadable', `The database ${file} is damaged: ${error.message}.`, { cause: error })
}
