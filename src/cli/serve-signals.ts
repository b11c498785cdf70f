/** Ctrl-C in a terminal reaches this process twice if a launcher (npm, bin/ashlar.js) passes it on: that is one wish. */
const SAME_WISH_MS = 500

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

export interface StopSignal extends Disposable {
  /** Aborts when the process is asked to stop. */
  readonly signal: AbortSignal
}

/** Turns the first signal into a wish to stop; a second one ends the process at once. */
export function onStopSignals(): StopSignal {
  const controller = new AbortController()
  let askedAt: number | undefined
  const ask = (name: keyof typeof signals): void => {
    const now = performance.now()
    if (askedAt === undefined) {
      askedAt = now
      controller.abort(new StoppedBySignal(name))
    } else if (now - askedAt > SAME_WISH_MS) {
      process.exit(128 + signals[name])
    }
  }
  const names = Object.keys(signals) as (keyof typeof signals)[]
  for (const name of names) process.on(name, ask)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, ask)
    },
  }
}

/** The reason of the abort: not a failure. */
export class StoppedBySignal extends Error {}
