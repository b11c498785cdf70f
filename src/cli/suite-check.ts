import { Command } from 'commander'
import type { ArchitectureCheck } from '../client/client.ts'
import { uninstallableLines } from '../debian/install-reason-text.ts'
import { inSession } from './session.ts'
import { names } from './list-option.ts'
import { wholeNumber } from './suite-settings.ts'
import { counted } from './wording.ts'

interface CheckOptions {
  readonly with?: string[]
  readonly architecture?: string[]
  readonly at?: string
  readonly limit: number
}

/** `ashlar suite check`: which packages cannot be installed, and why. */
export function suiteCheckCommand(): Command {
  return new Command('check')
    .description('list the packages of a suite that cannot be installed from it, and why')
    .argument('<suite>')
    .option('--with <suites>', 'other suites from which packages may come, such as stable,stable-updates', names)
    .option('--architecture <names>', 'of the machine (default: each that has packages)', names)
    .option('--at <id>', 'as the suites were at a revision (r17) or a moment (20261123T080127Z)')
    .option('--limit <count>', 'of how many packages of an architecture to tell the reasons', wholeNumber, 1000)
    .action(async (suite: string, options: CheckOptions, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const { with: others, architecture: architectures, at, limit } = options
        const check = await workspace.checkInstallability(suite, { with: others, architectures, at, limit })
        const told = check.architectures.flatMap(({ packages }) => packages)
        return {
          document: check,
          text: check.architectures.map((each) => checkText(suite, each)).join('\n\n'),
          brief: told.map((each) => `${each.name}=${each.version}:${each.architecture}`).join('\n'),
          failed: check.architectures.some(({ broken, undecided }) => broken + undecided > 0),
        }
      }),
    )
}

function checkText(suite: string, check: ArchitectureCheck): string {
  const { architecture, checked, broken, undecided, packages } = check
  const parts = [
    broken === 0 ? 'all can be installed' : `${broken.toLocaleString('en-US')} cannot be installed`,
    ...(undecided === 0 ? [] : [`${undecided.toLocaleString('en-US')} undecided`]),
  ]
  const more = broken + undecided - packages.length
  return [
    `${suite} on ${architecture}: ${counted(checked, 'package')}, ${parts.join(', ')}.`,
    ...packages.flatMap(uninstallableLines).map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${counted(more, 'more', 'more')}; see --limit`] : []),
  ].join('\n')
}
