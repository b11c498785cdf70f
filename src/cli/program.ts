/**
 * The command line: speaks to a server through client/ and prints what it says. Only `serve` opens a database.
 *
 * Exit status 0: done; 1: failed; 2: the command was not understood. Results go to stdout, everything else to stderr.
 * Modules that cost time to load are imported inside actions, so that `--help` and completion are quick.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { AshlarError } from '../common/errors.ts'
import { reportFailure } from './failure.ts'
import { defaultWorkspace } from './session.ts'

/** Runs the command that `words` name, and leaves its exit status in `process.exitCode`. */
export async function runProgram(words: readonly string[], commands: readonly Command[]): Promise<void> {
  // A reader that has seen enough (`| head`) ends the command, without complaint.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1)
  })
  const program = createProgram(commands)
  try {
    await program.parseAsync([...words], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return
    process.exitCode = reportFailure(misunderstood(error, words), { json: words.includes('--json') })
  }
}

/** The whole command, as `--help` and completion see it. */
export function createProgram(commands: readonly Command[]): Command {
  const program = new Command('ashlar')
    .description('Signed APT repositories of which every past state stays installable.')
    .version(version(), '-V, --version', 'print the version')
    .addOption(new Option('--server <url>', 'the server to speak to').env('ASHLAR_SERVER'))
    .addOption(new Option('--token <token>', 'the token to show it').env('ASHLAR_TOKEN'))
    .option('--workspace <scope/name>', 'the workspace to work in', defaultWorkspace)
    .option('--json', 'print one JSON document on stdout')
    .option('--quiet', 'print only what was asked for, and nothing of what was done')
  for (const command of commands) program.addCommand(command)
  settle(program)
  return program
}

/** The settings that commands do not inherit when they are added: the same everywhere. */
function settle(command: Command): void {
  command.exitOverride()
  command.configureOutput({ outputError: () => undefined })
  command.configureHelp({ showGlobalOptions: true })
  command.helpOption('-h, --help', 'show this help')
  if (command.commands.length > 0) command.helpCommand('help [command]', 'show the help of a command')
  for (const each of command.commands) settle(each)
}

/** What commander refuses is a usage error; its help for a command without a subcommand is printed already. */
function misunderstood(error: unknown, words: readonly string[]): unknown {
  if (!(error instanceof CommanderError)) return error
  if (error.code === 'commander.help') {
    const named = words.filter((word) => !word.startsWith('-')).join(' ')
    return new AshlarError('usage', named === '' ? 'A command is missing.' : `“${named}” needs a command of its group.`)
  }
  return new AshlarError('usage', error.message.replace(/^error: /, '').replace(/\n/g, ' '), { cause: error })
}

function version(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof description === 'object' && description !== null && 'version' in description
    ? String(description.version)
    : 'unknown'
}
