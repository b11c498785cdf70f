/** What one update of a mirror may take: an upstream may claim anything, and sign it. */
import { AshlarError } from '../common/errors.ts'
import type { Mirror } from './mirror-table.ts'
import type { ListedFile } from './wanted-indexes.ts'

/** Adds up what is to be fetched, before any of it is. */
export class UpdateLimits {
  readonly #mirror: Mirror
  #bytes = 0

  constructor(mirror: Mirror) {
    this.#mirror = mirror
  }

  /** @throws AshlarError upstream-limit */
  addIndexes(indexes: readonly ListedFile[]): void {
    const { maxIndexBytes, url } = this.#mirror.settings
    for (const { path, sizeBytes } of indexes) {
      if (sizeBytes > maxIndexBytes) {
        throw this.#refusal(
          `${url} lists ${path} with ${sizeBytes} bytes, more than the ${maxIndexBytes}`,
          '--max-index',
        )
      }
    }
    this.#add(indexes)
  }

  /** @throws AshlarError upstream-limit */
  addFiles(files: readonly { readonly sizeBytes: number }[]): void {
    this.#add(files)
  }

  /** @throws AshlarError upstream-limit */
  requireEntries(entries: number): void {
    const { maxPackages, url } = this.#mirror.settings
    if (entries <= maxPackages) return
    throw this.#refusal(`The indexes of ${url} have more than the ${maxPackages} entries`, '--max-packages')
  }

  #add(files: readonly { readonly sizeBytes: number }[]): void {
    const { maxFetchBytes, url } = this.#mirror.settings
    this.#bytes += files.reduce((sum, file) => sum + file.sizeBytes, 0)
    if (this.#bytes <= maxFetchBytes) return
    throw this.#refusal(
      `The update from ${url} would fetch ${this.#bytes} bytes, more than the ${maxFetchBytes}`,
      '--max-fetch',
    )
  }

  #refusal(what: string, option: string): AshlarError {
    return new AshlarError('upstream-limit', `${what} of ${option} that the mirror ${this.#mirror.name} allows.`)
  }
}
