/** When a mirror is updated by itself: at its interval, and sooner after a failure, less soon with each that follows. Pure. */

/** After the first failure. */
const firstRetrySeconds = 600

/** Seconds until the next try after so many failures in a row: 10 minutes, 20, 40 …, at most the interval. */
export function retryAfterSeconds(everySeconds: number, failures: number): number {
  return Math.min(everySeconds, firstRetrySeconds * 2 ** Math.max(0, failures - 1))
}
