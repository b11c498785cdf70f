/** Starts the `ashlar` command. What it can do is listed in cli/commands.ts. */
import { everyCommand } from './cli/commands.ts'
import { endWithLauncher } from './cli/launched.ts'
import { runProgram } from './cli/program.ts'

endWithLauncher()
await runProgram(process.argv.slice(2), everyCommand())
