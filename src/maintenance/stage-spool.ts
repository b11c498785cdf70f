/** The spool: uploads that nobody continues, and files that no upload owns. */
import { orphanedSpoolFiles } from '../storage/leftovers.ts'
import type { Context } from './context.ts'
import type { Step } from './plan.ts'

export async function* spoolSteps(context: Context): AsyncGenerator<Step, void, undefined> {
  const { database, storage, ages, signal } = context
  const { spool } = storage
  for await (const entry of orphanedSpoolFiles({ database, spool, olderThanMs: ages.leftoverMs, signal })) {
    yield {
      lines: [
        {
          stage: 'spool',
          action: 'remove',
          subject: entry.id,
          bytes: entry.sizeBytes,
          rule: 'no upload owns it',
        },
      ],
      carryOut: async () => {
        await spool.remove(entry.id)
        return ['done']
      },
    }
  }
}
