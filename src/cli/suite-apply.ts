import { Command } from 'commander'
import { parse } from 'smol-toml'
import type { BatchStep, SealedBatch } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { changeLines, previewOutcome } from './change-outcome.ts'
import type { Outcome } from './outcome.ts'
import { parseChoice } from './package-selector.ts'
import { inSession } from './session.ts'
import { contentsOf } from './suite-copy.ts'

export function apply(): Command {
  return new Command('apply')
    .description('make several changes of any suites as one: all of them in one revision, or none')
    .argument('<file>', 'the steps, as JSON or TOML; - reads them from stdin')
    .option('--dry-run', 'only show what would come and go')
    .addHelpText(
      'after',
      `
The file has a list "steps". Each step has a kind: add (suite, artifacts), remove (suite, packages), copy (suite, from,
at, packages, filter, withDeps), rollback (suite, to), suite-create (suite, settings, aliases), suite-update (suite, settings) or alias
(name, suite). Packages are written as NAME[=VERSION][:ARCH], those to copy also as src:NAME[=VERSION].

  [[steps]]
  kind = "copy"
  from = "unstable"
  suite = "testing"
  packages = ["hello", "libhello1"]`,
    )
    .action(async (file: string, options: { dryRun?: true }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const steps = parseSteps(file, await contentsOf(file))
        if (options.dryRun === true) return previewOutcome(await workspace.previewChanges(steps))
        return batchOutcome(await workspace.changeSuites(steps), steps)
      }),
    )
}

/**
 * The steps as the server takes them: what each holds is for it to judge.
 *
 * @throws AshlarError usage
 */
export function parseSteps(file: string, contents: string): BatchStep[] {
  // No TOML begins like that: there a table is `[steps]`, a list of tables `[[steps]]`.
  const isJson = /^\s*(?:\{|\[\s*[{\]])/.test(contents)
  const document = isJson ? parseJson(file, contents) : parseToml(file, contents)
  const steps: unknown = Array.isArray(document) ? document : (document as { steps?: unknown } | null)?.steps
  if (!Array.isArray(steps) || !steps.every((step) => typeof step === 'object' && step !== null)) {
    throw new AshlarError('usage', `${nameOf(file)} has no list of steps.`)
  }
  return steps.map((step: object) => withSelectors(step)) as BatchStep[]
}

function withSelectors(step: object): object {
  const packages: unknown = Reflect.get(step, 'packages')
  if (!Array.isArray(packages)) return step
  const words = packages.filter((each: unknown) => typeof each === 'string')
  const { packages: named = [], ...sources } = parseChoice(words)
  const given: unknown[] = [...packages.filter((each: unknown) => typeof each !== 'string'), ...named]
  return { ...sources, ...step, ...(given.length === 0 ? { packages: undefined } : { packages: given }) }
}

function parseJson(file: string, contents: string): unknown {
  try {
    return JSON.parse(contents)
  } catch (error) {
    throw new AshlarError('usage', `${nameOf(file)} is not JSON: ${(error as Error).message}.`, { cause: error })
  }
}

function parseToml(file: string, contents: string): unknown {
  try {
    return parse(contents)
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n')
    throw new AshlarError('usage', `${nameOf(file)} is neither JSON nor TOML: ${reason}.`, { cause: error })
  }
}

function nameOf(file: string): string {
  return file === '-' ? 'What came from stdin' : file
}

function batchOutcome(batch: SealedBatch, steps: readonly BatchStep[]): Outcome {
  if (batch.unchanged) return { document: batch, text: 'All of that is so already.' }
  const lines = batch.steps.flatMap((change, i) =>
    change.unchanged ? [`${change.suite}: ${steps[i]?.kind ?? ''} changed nothing.`] : changeLines(change),
  )
  const where = `Sealed in r${batch.revision}; it stays installable from ${batch.snapshot}`
  return { document: batch, text: [...lines, where].join('\n') }
}
