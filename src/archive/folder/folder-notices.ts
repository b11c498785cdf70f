export interface FolderLog {
  info(sentence: string): void
  warn(sentence: string): void
}

/** What a follower has to say of its folder: a state that lasts is told when it begins, not again at every look. */
export class FolderNotices {
  readonly #log: FolderLog
  #said = new Set<string>()
  #saidBefore = new Set<string>()
  readonly #saidForGood = new Set<string>()

  constructor(log: FolderLog) {
    this.#log = log
  }

  /** What is not said again from here to the next turn has ended. */
  turn(): void {
    this.#saidBefore = this.#said
    this.#said = new Set()
  }

  /** Says what is the case when it begins to be. */
  sayOnce(sentence: string): void {
    if (!this.#said.has(sentence) && !this.#saidBefore.has(sentence)) this.#log.warn(sentence)
    this.#said.add(sentence)
  }

  /** Says what is never to be said again. */
  sayForGood(sentence: string): void {
    if (!this.#saidForGood.has(sentence)) this.#log.warn(sentence)
    this.#saidForGood.add(sentence)
  }
}
