/**
 * The items of `source`, until the signal aborts: then it throws the signal's reason at once, also while the next item is
 * awaited that may never come.
 */
export async function* untilAborted<Item>(
  source: AsyncIterable<Item> | Iterable<Item>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item, void, undefined> {
  signal?.throwIfAborted()
  if (signal === undefined) {
    yield* source
    return
  }
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  let finished = false
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), signal)
      signal.throwIfAborted()
      finished = next.done === true
      if (next.done === true) return
      yield next.value
    }
  } finally {
    // Not awaited if aborted: a generator that waits for its next item answers only after it.
    const returned = finished ? undefined : Promise.resolve(iterator.return?.()).catch(() => {})
    if (!signal.aborted) await returned
  }
}

/** A value, unless the signal aborts first: then it throws the signal's reason, and what becomes of the value is nobody's. */
export async function orAborted<Value>(value: Value | Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  // Asking for the value may itself have aborted it.
  if (signal.aborted) abort()
  try {
    return await Promise.race([value, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
