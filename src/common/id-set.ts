const IDS_PER_PAGE = 65_536

/** A set of ids that takes one bit for each id of the ranges in which it has some. */
export class IdSet {
  readonly #pages = new Map<number, Uint8Array>()

  add(id: number): void {
    const number = Math.floor(id / IDS_PER_PAGE)
    let page = this.#pages.get(number)
    if (page === undefined) {
      page = new Uint8Array(IDS_PER_PAGE / 8)
      this.#pages.set(number, page)
    }
    const bit = id % IDS_PER_PAGE
    page[bit >> 3] = (page[bit >> 3] ?? 0) | (1 << (bit & 7))
  }

  has(id: number): boolean {
    const page = this.#pages.get(Math.floor(id / IDS_PER_PAGE))
    if (page === undefined) return false
    const bit = id % IDS_PER_PAGE
    return ((page[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0
  }
}
