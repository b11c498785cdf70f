/** The suite that a folder is published in. */
import type { Workspace } from '../../access/access.ts'
import { AshlarError } from '../../common/errors.ts'
import type { Archives } from '../archives.ts'

/** The suite's own name; it is made if there is none of that name. */
export async function ensureSuite({
  archives,
  workspace,
  suite,
  signal,
}: {
  readonly archives: Archives
  readonly workspace: Workspace
  readonly suite: string
  readonly signal: AbortSignal
}): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await archives.suite(workspace, suite)).name
    } catch (error) {
      if (!(error instanceof AshlarError) || error.code !== 'suite-unknown' || attempt > 2) throw error
    }
    try {
      await archives.submit(
        workspace,
        { kind: 'suite-create', suite, settings: { versions: 'all' } },
        { userId: null, signal },
      )
    } catch (error) {
      // Another process may have made it meanwhile.
      if (!(error instanceof AshlarError) || error.code !== 'conflict') throw error
    }
  }
}
