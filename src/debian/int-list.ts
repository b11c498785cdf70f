/** Many whole numbers in little memory: lists that grow, and rows of them. */

/** A list that grows, of numbers below 2^31. */
export class IntList {
  #items: Int32Array
  #length = 0

  constructor(capacity = 16) {
    this.#items = new Int32Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    if (this.#length === this.#items.length) {
      const larger = new Int32Array(this.#items.length * 2)
      larger.set(this.#items)
      this.#items = larger
    }
    this.#items[this.#length] = value
    this.#length += 1
  }

  /** Forgets what comes from a place on. */
  truncate(length: number): void {
    this.#length = Math.min(length, this.#length)
  }

  at(index: number): number {
    return this.#items[index] ?? 0
  }

  /** Without a copy; valid until the list grows. */
  view(start = 0, end = this.#length): Int32Array {
    return this.#items.subarray(start, Math.min(end, this.#length))
  }
}

/** Rows of numbers, written once, each row after the one before. */
export class IntRows {
  readonly #starts = new IntList()
  readonly #values = new IntList(64)

  get length(): number {
    return this.#starts.length
  }

  /** Ends nothing: what is pushed from here on belongs to a new row. */
  begin(): void {
    this.#starts.push(this.#values.length)
  }

  push(value: number): void {
    this.#values.push(value)
  }

  row(index: number): Int32Array {
    const end = index + 1 < this.#starts.length ? this.#starts.at(index + 1) : this.#values.length
    return this.#values.view(this.#starts.at(index), end)
  }
}

/** Rows that are made of pairs (row, value) in any order; of equal pairs one stays. */
export function rowsOfPairs(rowCount: number, rows: Int32Array, values: Int32Array): (row: number) => Int32Array {
  const starts = new Int32Array(rowCount + 1)
  for (const row of rows) starts[row + 1] = (starts[row + 1] ?? 0) + 1
  for (let row = 0; row < rowCount; row += 1) starts[row + 1] = (starts[row + 1] ?? 0) + (starts[row] ?? 0)
  const sorted = new Int32Array(rows.length)
  const next = starts.slice()
  for (let index = 0; index < rows.length; index += 1) {
    const row = rows[index] ?? 0
    const place = next[row] ?? 0
    sorted[place] = values[index] ?? 0
    next[row] = place + 1
  }
  const ends = starts.slice(1)
  for (let row = 0; row < rowCount; row += 1) {
    const part = sorted.subarray(starts[row], ends[row]).sort()
    let kept = 0
    for (let index = 0; index < part.length; index += 1) {
      if (index > 0 && part[index] === part[kept - 1]) continue
      part[kept] = part[index] ?? 0
      kept += 1
    }
    ends[row] = (starts[row] ?? 0) + kept
  }
  return (row) => sorted.subarray(starts[row], ends[row])
}
