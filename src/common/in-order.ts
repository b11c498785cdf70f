/** Working on several items at once while the results come in the order of the items. */

/**
 * Gives the results of `work`, in order, with at most `concurrency` under way or waiting to be taken; so a slow
 * consumer holds back the work. After an error the work under way is waited for, and the rest is not begun.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  concurrency: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = []
  try {
    for await (const item of items) {
      const result = work(item)
      // Handled when it is taken; until then a rejection is nobody's.
      result.catch(() => {})
      running.push(result)
      if (running.length >= concurrency) {
        const first = running.shift()
        if (first !== undefined) yield await first
      }
    }
    for (let first = running.shift(); first !== undefined; first = running.shift()) yield await first
  } finally {
    await Promise.allSettled(running)
  }
}
