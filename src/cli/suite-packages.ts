import { Command } from 'commander'
import type { PackageLine, SuitePackage, WorkspaceClient } from '../client/client.ts'
import { changeOutcome } from './change-outcome.ts'
import { parseSelector, selectorSyntax } from './package-selector.ts'
import { inSession } from './session.ts'
import { copy } from './suite-copy.ts'
import { table } from './table.ts'

const PAGE = 1000

interface PackagesOptions {
  readonly at?: string
  readonly filter?: string
}

/** The commands of `ashlar suite` about the packages that a suite holds. */
export function suitePackageCommands(): Command[] {
  return [packages(), copy(), remove()]
}

function packages(): Command {
  return new Command('packages')
    .description('the packages in a suite')
    .argument('<suite>')
    .argument('[name]', 'only packages of this name')
    .option('--filter <query>', "only packages that match, such as 'Priority (required) | nginx'")
    .option('--at <id>', 'as they were at a revision (r17) or a moment (20261123T080127Z)')
    .action(async (suite: string, name: string | undefined, options: PackagesOptions, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const { at, filter } = options
        const found = await allPackages(workspace, suite, { at, name, filter })
        return {
          document: { packages: found },
          text: found.length === 0 ? noPackage(suite, name, filter) : packageTable(found),
          brief: found.map((each) => `${each.name}=${each.version}:${each.architecture}`).join('\n'),
        }
      }),
    )
}

function noPackage(suite: string, name: string | undefined, filter: string | undefined): string {
  const named = name === undefined ? '' : ` named ${name}`
  return filter === undefined
    ? `No package${named} is in ${suite}.`
    : `The filter chooses no package${named} of ${suite}.`
}

async function allPackages(
  workspace: WorkspaceClient,
  suite: string,
  wish: { at: string | undefined; name: string | undefined; filter: string | undefined },
): Promise<SuitePackage[]> {
  const found: SuitePackage[] = []
  let after: string | undefined
  do {
    const page = await workspace.packages(suite, { ...wish, after, limit: PAGE })
    found.push(...page.packages)
    after = page.next
  } while (after !== undefined)
  return found
}

/** Packages as people read them. */
export function packageTable(lines: readonly PackageLine[]): string {
  const rows = lines.map((each) => [each.name, each.version, each.architecture, each.component])
  return table(['PACKAGE', 'VERSION', 'ARCH', 'COMPONENT'], rows)
}

function remove(): Command {
  return new Command('remove')
    .description('take packages out of a suite; past states keep them')
    .argument('<suite>')
    .argument('<package...>', selectorSyntax)
    .action(async (suite: string, words: string[], _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const change = await workspace.removePackages(suite, words.map(parseSelector))
        return changeOutcome(change, { unchanged: `${suite} did not hold that.` })
      }),
    )
}
