/** Every command, in the order of the help. What each does is in a file of its own, one per group. */
import type { Command } from 'commander'
import { artifactCommand } from './artifact.ts'
import { completionCommand } from './completion.ts'
import { fsckCommand } from './fsck.ts'
import { keyringCommand } from './keyring.ts'
import { mirrorCommand } from './mirror.ts'
import { importCommand } from './import.ts'
import { purgeCommand } from './purge.ts'
import { queueCommand } from './queue.ts'
import { scopeCommand } from './scope.ts'
import { serveCommand } from './serve.ts'
import { storeCommand } from './store.ts'
import { suiteCommand } from './suite.ts'
import { tokenCommand } from './token.ts'
import { uploadCommand } from './upload.ts'
import { userCommand } from './user.ts'
import { vacuumCommand } from './vacuum.ts'
import { whyCommand } from './why.ts'
import { workspaceCommand } from './workspace.ts'

export function everyCommand(): Command[] {
  return [
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
  ]
}
