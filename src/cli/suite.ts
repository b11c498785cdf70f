import { Command } from 'commander'
import { AshlarError } from '../common/errors.ts'
import { changeOutcome } from './change-outcome.ts'
import { names } from './list-option.ts'
import { inSession } from './session.ts'
import { apply } from './suite-apply.ts'
import { suiteFreezeCommands } from './suite-freeze.ts'
import { suiteCheckCommand } from './suite-check.ts'
import { suiteHistoryCommands } from './suite-history.ts'
import { suitePackageCommands } from './suite-packages.ts'
import { optionsGiven, settingLines, settingsFrom, withSettingOptions } from './suite-settings.ts'
import { listing, table } from './table.ts'
import { counted, localTime } from './wording.ts'

/** What a user can write for a past state. */
export const atSyntax = 'a revision (r17) or a moment (20261123T080127Z)'

/** `ashlar suite`: packages published for APT, and every state they were in. */
export function suiteCommand(): Command {
  const suite = new Command('suite').description('publish packages for APT, look at every past state, go back to one')
  suite.addCommand(create()).addCommand(list()).addCommand(show())
  for (const command of suitePackageCommands()) suite.addCommand(command)
  suite.addCommand(suiteCheckCommand())
  for (const command of suiteHistoryCommands()) suite.addCommand(command)
  for (const command of suiteFreezeCommands()) suite.addCommand(command)
  return suite.addCommand(set()).addCommand(alias()).addCommand(apply())
}

function create(): Command {
  return withSettingOptions(new Command('create').description('make a suite, empty at first').argument('<suite>'))
    .option('--alias <names>', 'other names under which apt finds it, such as stable', names)
    .action(
      async (name: string, options: Parameters<typeof settingsFrom>[0] & { alias?: string[] }, command: Command) =>
        inSession(command, async ({ workspace }) => {
          const aliases = options.alias === undefined ? {} : { aliases: options.alias }
          const change = await workspace.createSuite({ name, ...settingsFrom(options), ...aliases })
          return changeOutcome(change, {
            done: `Made the suite ${name}. See \`ashlar suite sources ${name}\` for what apt needs.`,
            unchanged: `The suite ${name} is there already.`,
          })
        }),
    )
}

function list(): Command {
  return new Command('list')
    .description('the suites of the workspace')
    .option('--at <id>', `as they were at ${atSyntax}`)
    .action(async (options: { at?: string }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const suites = await workspace.suites({ at: options.at })
        const rows = suites.map((each) => [
          each.name,
          each.aliases.join(', '),
          String(each.packages),
          `r${each.revision}`,
          localTime(each.sealedAt),
        ])
        return {
          document: { suites },
          text: suites.length === 0 ? noSuites : table(['SUITE', 'ALIASES', '>PACKAGES', '>STATE', 'SINCE'], rows),
          brief: suites.map((each) => each.name).join('\n'),
        }
      }),
    )
}

const noSuites = 'There is no suite yet. Make one with `ashlar suite create NAME`.'

function show(): Command {
  return new Command('show')
    .description('what a suite is and holds')
    .argument('<suite>', 'a suite or an alias of one')
    .option('--at <id>', `as it was at ${atSyntax}`)
    .action(async (name: string, options: { at?: string }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const suite = await workspace.suite(name, { at: options.at })
        const text = listing([
          ['Suite', suite.name],
          ['Aliases', suite.aliases.join(', ')],
          ['Packages', counted(suite.packages, 'package')],
          ['Components', suite.components.join(', ')],
          ['Architectures', suite.architectures.join(', ')],
          ...settingLines(suite.settings),
          ['State', `r${suite.revision}, sealed ${localTime(suite.sealedAt)}`],
        ])
        return { document: suite, text, brief: suite.name }
      }),
    )
}

function set(): Command {
  const command = new Command('set').description('change the settings of a suite').argument('<suite>')
  return withSettingOptions(command).action(
    async (name: string, options: Parameters<typeof settingsFrom>[0], self: Command) =>
      inSession(self, async ({ workspace }) => {
        const settings = settingsFrom(options)
        if (Object.keys(settings).length === 0) {
          throw new AshlarError('usage', 'Nothing is to be set: name at least one setting.')
        }
        const change = await workspace.updateSuite(name, settings)
        return changeOutcome(change, {
          done: `Set ${optionsGiven(self)} of ${name}.`,
          unchanged: `${name} was set so already.`,
        })
      }),
  )
}

function alias(): Command {
  return new Command('alias')
    .description('give a suite another name, or take one away')
    .argument('<alias>', 'the other name, such as stable')
    .argument('[suite]', 'the suite that it shall mean')
    .option('--remove', 'take the name away')
    .action(async (name: string, suite: string | undefined, options: { remove?: true }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        if ((suite === undefined) !== (options.remove === true)) {
          throw new AshlarError('usage', 'Name either the suite that the alias shall mean, or --remove.')
        }
        if (suite === undefined) {
          const change = await workspace.removeAlias(name)
          return changeOutcome(change, { done: `${name} means no suite now.`, unchanged: `${name} meant no suite.` })
        }
        const change = await workspace.setAlias(name, suite)
        return changeOutcome(change, {
          done: `${name} means ${suite} now.`,
          unchanged: `${name} meant ${suite} already.`,
        })
      }),
    )
}
