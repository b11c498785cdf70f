import { sizeText } from './wording.ts'

/** How far a long piece of work is, for the reader of a terminal. */
export interface Progress {
  /** So many more bytes are done; less than zero if some must be done again. */
  readonly advance: (count: number) => void
  /** Removes what was shown. */
  readonly end: () => void
}

const EVERY_MS = 100

/** A line on stderr that is written over while `total` bytes are worked on; nothing if it shall not be shown. */
export function showProgress(label: string, totalBytes: number, shown: boolean): Progress {
  if (!shown) return { advance: () => undefined, end: () => undefined }
  let done = 0
  let writtenAt = 0
  return {
    advance(count) {
      done += count
      const now = performance.now()
      if (now - writtenAt < EVERY_MS) return
      writtenAt = now
      const percent = totalBytes === 0 ? 100 : Math.floor((done / totalBytes) * 100)
      process.stderr.write(`\r\x1b[K${label} ${String(percent).padStart(3)} % of ${sizeText(totalBytes)}`)
    },
    end() {
      process.stderr.write('\r\x1b[K')
    },
  }
}
