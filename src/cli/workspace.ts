import { Command } from 'commander'
import { inSession, parseWorkspace } from './session.ts'
import { table } from './table.ts'

/** `ashlar workspace`: the units of access, expiry and publishing. */
export function workspaceCommand(): Command {
  const workspace = new Command('workspace').description('workspaces, each with one archive, artifacts, and readers')
  return workspace.addCommand(create()).addCommand(list())
}

function create(): Command {
  return new Command('create')
    .description('make a workspace')
    .argument('<scope/name>')
    .option('--private', 'only tokens with a right to it may read it')
    .action(async (text: string, options: { private?: true }, command: Command) =>
      inSession(command, async ({ client }) => {
        const { scope, name } = parseWorkspace(text)
        const created = await client.createWorkspace(scope, { name, public: options.private !== true })
        const kind = options.private === true ? 'private' : 'public'
        return { document: created, text: `Made the ${kind} workspace ${text}. Name it with --workspace ${text}.` }
      }),
    )
}

function list(): Command {
  return new Command('list')
    .description('the workspaces, of one scope or of all')
    .argument('[scope]')
    .action(async (scope: string | undefined, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const scopes = scope === undefined ? (await client.scopes()).map((each) => each.name) : [scope]
        const workspaces = (await Promise.all(scopes.map((each) => client.workspaces(each)))).flat()
        const rows = workspaces.map((each) => [`${each.scope}/${each.name}`, each.public ? 'everybody' : 'tokens'])
        return {
          document: { workspaces },
          text: workspaces.length === 0 ? 'There is no workspace.' : table(['WORKSPACE', 'READ BY'], rows),
          brief: workspaces.map((each) => `${each.scope}/${each.name}`).join('\n'),
        }
      }),
    )
}
