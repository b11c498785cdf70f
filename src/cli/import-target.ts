/** Where an old repository goes: the suites of a workspace, as the import made them and as they are now. */
import type { BatchStep, SuiteInfo, WorkspaceClient } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import type { OldSuite } from '../import/old-repository.ts'
import type { Content, Held } from './import-content.ts'
import type { ImportKeys } from './import-keys.ts'

const PACKAGES_PER_PAGE = 1000
const STEPS_PER_BATCH = 200

/** Suites that are to be made. */
export interface SuitePlan {
  readonly missing: readonly OldSuite[]
  /** Suites that an earlier run has made, as they are now. */
  readonly present: ReadonlyMap<string, SuiteInfo>
}

/**
 * Looks which suites there are already. One that something else has made is not filled with foreign packages.
 *
 * @throws AshlarError conflict
 */
export async function planSuites(
  workspace: WorkspaceClient,
  keys: ImportKeys,
  suites: readonly OldSuite[],
): Promise<SuitePlan> {
  const { batches } = await keys.done('suites')
  const made = new Set(batches.flatMap(({ steps }) => steps.map(({ suite }) => suite)))
  const there = await workspace.suites()
  const present = new Map(there.filter(({ name }) => made.has(name)).map((suite) => [suite.name, suite]))
  const missing = suites.filter(({ name }) => !present.has(name))
  const taken = new Set(there.flatMap(({ name, aliases }) => [name, ...aliases]))
  for (const { name, aliases, was } of missing) {
    const clash = [name, ...aliases].find((each) => taken.has(each))
    if (clash === undefined) continue
    const which = clash === name ? 'suite' : 'alias'
    throw new AshlarError(
      'conflict',
      `The ${was} would become the ${which} ${clash}, but that name is taken here by what no import has made; ` +
        'import into a workspace of its own (`ashlar workspace create`).',
    )
  }
  return { missing, present }
}

/** Makes them, all in one revision. */
export async function makeSuites(
  workspace: WorkspaceClient,
  keys: ImportKeys,
  missing: readonly OldSuite[],
): Promise<void> {
  const steps = missing.map(({ name, aliases, settings }): BatchStep => {
    return { kind: 'suite-create', suite: name, settings, ...(aliases.length > 0 && { aliases }) }
  })
  for (let start = 0; start < steps.length; start += STEPS_PER_BATCH) {
    const { nextKey } = await keys.done('suites')
    await workspace.changeSuites(steps.slice(start, start + STEPS_PER_BATCH), { idempotencyKey: nextKey })
  }
}

/** What a suite holds now. */
export async function contentHere(workspace: WorkspaceClient, suite: string): Promise<Content> {
  const content = new Map<string, Held>()
  for (let after: string | undefined; ;) {
    const page = await workspace.packages(suite, { after, limit: PACKAGES_PER_PAGE })
    for (const { sha256, name, version, architecture, component, section, priority } of page.packages) {
      const held = { name, version, architecture, component, section: section ?? '', priority: priority ?? '' }
      content.set(sha256, held)
    }
    if (page.next === undefined) return content
    after = page.next
  }
}
