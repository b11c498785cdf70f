/** The suite that a folder is published in. */
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import type { Archives } from './archives.ts'
import type { HeldPackage } from './folder-plan.ts'

const PAGE = 1000

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

/** All packages that the suite holds now. */
export async function packagesHeld(archives: Archives, workspace: Workspace, suite: string): Promise<HeldPackage[]> {
  const held: HeldPackage[] = []
  let after: string | undefined
  do {
    const query = { limit: PAGE, ...(after === undefined ? {} : { after }) }
    const page = await archives.packages(workspace, { suite }, query)
    held.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return held
}
