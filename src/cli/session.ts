import type { Command } from 'commander'
import type { AshlarClient, WorkspaceClient } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { printOutcome } from './outcome.ts'
import type { Outcome } from './outcome.ts'

export const defaultWorkspace = 'local/main'

/** The options that every command takes. */
export interface GlobalOptions {
  readonly server?: string
  readonly token?: string
  readonly workspace: string
  readonly json?: true
  readonly quiet?: true
}

/** One run of a command: the server it speaks to, and how it speaks to its user. */
export interface Session {
  readonly client: AshlarClient
  readonly workspace: WorkspaceClient
  /** True if stderr is a terminal whose reader wants to see how far the work is. */
  readonly showsProgress: boolean
  /** True if the outcome is to be one JSON document, with all that there is to say. */
  readonly json: boolean
  /** A line on stderr that matters but does not end the command. */
  warn(sentence: string): void
}

/** Runs one command against the server that the options name, prints its outcome, and closes the connections. */
export async function inSession(command: Command, perform: (session: Session) => Promise<Outcome>): Promise<void> {
  const options: GlobalOptions = command.optsWithGlobals()
  const mode = { json: options.json === true, quiet: options.quiet === true }
  const { scope, name } = parseWorkspace(options.workspace)
  const warn = (sentence: string): void => {
    if (!mode.quiet) process.stderr.write(`ashlar: ${sentence}\n`)
  }
  const { findServer } = await import('./connection.ts')
  const { AshlarClient } = await import('../client/client.ts')
  const client = new AshlarClient(await findServer(options, warn))
  try {
    const workspace = client.workspace(scope, name)
    const showsProgress = process.stderr.isTTY && !mode.quiet && !mode.json
    printOutcome(await perform({ client, workspace, showsProgress, json: mode.json, warn }), mode)
  } finally {
    client.close()
  }
}

/** The parts of `scope/name`. */
export function parseWorkspace(text: string): { scope: string; name: string } {
  const [scope, name, ...more] = text.split('/')
  if (scope === undefined || scope === '' || name === undefined || name === '' || more.length > 0) {
    throw new AshlarError('usage', `“${text}” does not name a workspace; it looks like ${defaultWorkspace}.`)
  }
  return { scope, name }
}
