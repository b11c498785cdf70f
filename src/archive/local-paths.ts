import type { LocalFile, Storage } from '../storage/storage.ts'
import type { Pack } from './chunk-table.ts'
import { isUnkept, type PackWriter } from './pack-writer.ts'

/** Where packs lie on this machine; each is borrowed once, until this is disposed. */
export class LocalPaths implements AsyncDisposable {
  readonly #storage: Storage
  readonly #inWork: PackWriter | undefined
  readonly #borrowed = new Map<number, LocalFile>()

  /** @param inWork the pack that is not kept yet */
  constructor(storage: Storage, inWork?: PackWriter) {
    this.#storage = storage
    this.#inWork = inWork
  }

  async of(pack: Pack): Promise<string> {
    if (this.#inWork !== undefined && isUnkept(pack)) return this.#inWork.path
    const known = this.#borrowed.get(pack.id)
    if (known !== undefined) return known.path
    const local = await this.#storage.local(pack, pack.scopeId)
    this.#borrowed.set(pack.id, local)
    return local.path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const local of this.#borrowed.values()) await local[Symbol.asyncDispose]()
  }
}
