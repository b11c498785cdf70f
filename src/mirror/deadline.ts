/** The end of an update that takes longer than its mirror allows. */
import { AshlarError } from '../common/errors.ts'
import { durationText } from '../common/duration.ts'
import type { Mirror } from './mirror-table.ts'
import type { UnderWay } from './under-way.ts'

/** Aborts with an error that names the upstream and what it was fetching. To be disposed when the update has ended. */
export function deadlineOf(
  { name, settings }: Mirror,
  underWay: UnderWay,
): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const { timeoutSeconds, url } = settings
  const timer = setTimeout(() => {
    const fetching = underWay.oldest
    const waitedFor = fetching === undefined ? '' : ` It was fetching ${fetching}.`
    controller.abort(
      new AshlarError(
        'upstream-failed',
        `The update from ${url} was not done within ${durationText(timeoutSeconds)}.${waitedFor} What has come stays for ` +
          `the next one; \`ashlar mirror set ${name} --timeout\` gives it more time.`,
      ),
    )
  }, timeoutSeconds * 1000)
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) }
}
