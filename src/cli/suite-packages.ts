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
  readonly query?: string
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
    .option('--query <expression>', 'only those that a package query chooses, such as "Priority (required)"')
    .option('--at <id>', 'as they were at a revision (r17) or a moment (20261123T080127Z)')
    .action(async (suite: string, name: string | undefined, options: PackagesOptions, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const { at, query } = options
        const found = await allPackages(workspace, suite, { at, name, query })
        return {
          document: { packages: found },
          text: found.length === 0 ? noPackage(suite, name, query) : packageTable(found),
          brief: found.map((each) => `${each.name}=${each.version}:${each.architecture}`).join('\n'),
        }
      }),
    )
}

function noPackage(suite: string, name: string | undefined, query: string | undefined): string {
  const named = name === undefined ? '' : ` named ${name}`
  return query === undefined
    ? `No package${named} is in ${suite}.`
    : `The query chooses no package${named} of ${suite}.`
}

async function allPackages(
  workspace: WorkspaceClient,
  suite: string,
  wish: { at: string | undefined; name: string | undefined; query: string | undefined },
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
