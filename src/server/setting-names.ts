/** Names in the settings of suites: of other suites, and of keyrings. One that means nothing is most often misspelt. */
import type { Workspace } from '../access/access.ts'
import type { StepRequest } from '../archive/change-request.ts'
import { AshlarError } from '../common/errors.ts'
import type { Context } from './context.ts'

/**
 * What is not there yet has to be made first, or by the same steps.
 *
 * @throws AshlarError suite-setting-invalid naming the setting, the name that means nothing, and those that do
 */
export async function requireSettingNames(
  { archives, incoming }: Pick<Context, 'archives' | 'incoming'>,
  workspace: Workspace,
  steps: readonly StepRequest[],
): Promise<void> {
  const given = steps.flatMap((step) =>
    step.kind === 'suite-create' || step.kind === 'suite-update' ? step.settings : [],
  )
  const debugSuites = given.flatMap(({ debugSuite }) => debugSuite ?? [])
  const others = given.flatMap(({ installabilityWith }) => installabilityWith ?? [])
  const keyrings = given.flatMap((settings) => settings.keyrings ?? [])
  if (debugSuites.length + others.length > 0) {
    const there = (await archives.suites(workspace)).flatMap(({ name, aliases }) => [name, ...aliases])
    const known = [...there, ...steps.flatMap(namesMade)]
    requireAll('debugSuite', debugSuites, known, 'suite')
    requireAll('installabilityWith', others, known, 'suite')
  }
  if (keyrings.length > 0) {
    const known = await incoming.keyrings.list(workspace)
    requireAll(
      'keyrings',
      keyrings,
      known.map(({ name }) => name),
      'keyring',
    )
  }
}

function namesMade(step: StepRequest): readonly string[] {
  if (step.kind === 'suite-create') return [step.suite, ...(step.aliases ?? [])]
  return step.kind === 'alias' ? [step.name] : []
}

/** How many of the names that there are an error tells. */
const toldNames = 20

function requireAll(setting: string, names: readonly string[], known: readonly string[], what: string): void {
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return
  const told = known.toSorted().slice(0, toldNames).join(', ')
  const more = known.length > toldNames ? ', …' : ''
  const there =
    known.length === 0 ? `there is no ${what} yet` : `there ${known.length === 1 ? 'is' : 'are'} ${told}${more}`
  throw new AshlarError(
    'suite-setting-invalid',
    `The setting ${setting} names the ${what} '${unknown}', which does not exist; ${there}.`,
  )
}
