/** The `ashlar` command: the list of its commands. What each does is in src/cli, one file per group. */
import { artifactCommand } from './cli/artifact.ts'
import { completionCommand } from './cli/completion.ts'
import { fsckCommand } from './cli/fsck.ts'
import { keyringCommand } from './cli/keyring.ts'
import { endWithLauncher } from './cli/launched.ts'
import { mirrorCommand } from './cli/mirror.ts'
import { runProgram } from './cli/program.ts'
import { importCommand } from './cli/import.ts'
import { purgeCommand } from './cli/purge.ts'
import { queueCommand } from './cli/queue.ts'
import { scopeCommand } from './cli/scope.ts'
import { serveCommand } from './cli/serve.ts'
import { storeCommand } from './cli/store.ts'
import { suiteCommand } from './cli/suite.ts'
import { tokenCommand } from './cli/token.ts'
import { uploadCommand } from './cli/upload.ts'
import { userCommand } from './cli/user.ts'
import { vacuumCommand } from './cli/vacuum.ts'
import { whyCommand } from './cli/why.ts'
import { workspaceCommand } from './cli/workspace.ts'

endWithLauncher()
await runProgram(process.argv.slice(2), [
  serveCommand(),
  uploadCommand(),
  importCommand(),
  suiteCommand(),
  queueCommand(),
  keyringCommand(),
  artifactCommand(),
  mirrorCommand(),
  storeCommand(),
  scopeCommand(),
  workspaceCommand(),
  tokenCommand(),
  userCommand(),
  vacuumCommand(),
  fsckCommand(),
  whyCommand(),
  purgeCommand(),
  completionCommand(),
])
