/**
 * Incremental parsing: a parser written as a generator that asks for bytes, and a feed that hands them out as chunks
 * arrive. The parser reads top-down as if it had the whole file, yet never holds more than it asked for.
 */
import { AshlarError } from '../common/errors.ts'

/** A parser in progress; it yields whenever it has used up what was fed. */
export type Walk<T> = Generator<undefined, T, undefined>

/** The bytes a parser works on. */
export class ByteFeed {
  readonly #origin: string
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  #ended = false

  /** @param origin what is read, for messages: `data.tar of hello.deb`. */
  constructor(origin: string) {
    this.#origin = origin
  }

  feed(chunk: Buffer): void {
    this.#chunk = chunk
    this.#at = 0
  }

  end(): void {
    this.#chunk = Buffer.alloc(0)
    this.#at = 0
    this.#ended = true
  }

  /** Whether no byte is left. */
  *atEnd(): Walk<boolean> {
    while (this.#at === this.#chunk.length) {
      if (this.#ended) return true
      yield
    }
    return false
  }

  /**
   * The next `size` bytes, valid until more are asked for.
   *
   * @throws AshlarError `package-invalid` if the source ends before.
   */
  *take(size: number): Walk<Buffer> {
    if (this.#chunk.length - this.#at >= size) return this.#cut(size)
    const parts: Buffer[] = []
    for (let missing = size; missing > 0;) {
      const part = yield* this.some(missing)
      parts.push(part)
      missing -= part.length
    }
    return Buffer.concat(parts, size)
  }

  /** One to `maximum` of the next bytes, as they come. */
  *some(maximum: number): Walk<Buffer> {
    if (yield* this.atEnd()) throw new AshlarError('package-invalid', `${this.#origin} ends too early.`)
    return this.#cut(Math.min(maximum, this.#chunk.length - this.#at))
  }

  *skip(size: number): Walk<void> {
    for (let missing = size; missing > 0;) {
      const part = yield* this.some(missing)
      missing -= part.length
    }
  }

  #cut(size: number): Buffer {
    this.#at += size
    return this.#chunk.subarray(this.#at - size, this.#at)
  }
}

/** Drives a parser with chunks. */
export class ByteWalker<T> {
  readonly #feed: ByteFeed
  readonly #walk: Walk<T>
  #result: { readonly value: T } | undefined

  constructor(origin: string, parser: (feed: ByteFeed) => Walk<T>) {
    this.#feed = new ByteFeed(origin)
    this.#walk = parser(this.#feed)
    this.#advance()
  }

  /** Whether the parser has returned; it then ignores what follows. */
  get done(): boolean {
    return this.#result !== undefined
  }

  /** Parses as far as `chunk` goes. Throws what the parser throws. */
  push(chunk: Buffer): void {
    if (this.#result !== undefined) return
    this.#feed.feed(chunk)
    this.#advance()
  }

  /** Tells the parser that nothing follows, and gives what it returns. */
  end(): T {
    if (this.#result === undefined) {
      this.#feed.end()
      this.#advance()
    }
    if (this.#result === undefined) throw new Error('The parser waits for bytes after the end.')
    return this.#result.value
  }

  #advance(): void {
    const step = this.#walk.next()
    if (step.done === true) this.#result = { value: step.value }
  }
}
