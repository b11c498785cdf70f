import { Command } from 'commander'
import { changeOutcome } from './change-outcome.ts'
import { inSession } from './session.ts'

/** The commands of `ashlar suite` that stop changes of a suite, and let them go on. */
export function suiteFreezeCommands(): Command[] {
  return [freeze(), unfreeze()]
}

function freeze(): Command {
  return new Command('freeze')
    .description('let no package come into a suite or go out of it, until it is unfrozen')
    .argument('<suite>')
    .action(async (suite: string, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const change = await workspace.updateSuite(suite, { frozen: true })
        return changeOutcome(change, { done: `${suite} is frozen.`, unchanged: `${suite} was frozen already.` })
      }),
    )
}

function unfreeze(): Command {
  return new Command('unfreeze')
    .description('let packages come into a frozen suite and go out of it again')
    .argument('<suite>')
    .action(async (suite: string, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const change = await workspace.updateSuite(suite, { frozen: false })
        return changeOutcome(change, { done: `${suite} goes on.`, unchanged: `${suite} was not frozen.` })
      }),
    )
}
