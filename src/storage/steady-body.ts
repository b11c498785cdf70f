/**
 * A body that comes so slowly that it would never end is an error: bytes that trickle keep a socket from being silent, and
 * would hold whoever reads for years. Only the time counts in which the next bytes are waited for, not that of a reader
 * who rests.
 */

/** A thousand bytes in a second, slower than any line that an archive is behind. */
const leastBytesPerMs = 1
/** Looked at each time that so many times the time of silence was waited. */
const silences = 2

/** @throws Error that tells how little came in which time */
export async function* steady(
  body: AsyncIterable<Uint8Array>,
  { silenceMs }: { readonly silenceMs: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const windowMs = silences * silenceMs
  let [waitedMs, bytes] = [0, 0]
  let askedAt = performance.now()
  for await (const chunk of body) {
    waitedMs += performance.now() - askedAt
    bytes += chunk.length
    if (waitedMs >= windowMs) {
      if (bytes < waitedMs * leastBytesPerMs) {
        throw new Error(`it stalls: only ${bytes} bytes came in ${(waitedMs / 1000).toFixed(1)} s`)
      }
      waitedMs = 0
      bytes = 0
    }
    yield chunk
    askedAt = performance.now()
  }
}
