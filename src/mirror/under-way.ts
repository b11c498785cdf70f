/** What an update is fetching, so that one that takes too long can say what it waits for. */
export class UnderWay {
  readonly #addresses = new Set<string>()

  /** Until the gift is disposed. */
  begin(address: string): Disposable {
    this.#addresses.add(address)
    return { [Symbol.dispose]: () => void this.#addresses.delete(address) }
  }

  /** What has been under way for the longest time. */
  get oldest(): string | undefined {
    return this.#addresses.values().next().value
  }
}
