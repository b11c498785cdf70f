import { Command } from 'commander'
import { inSession } from './session.ts'

/** `ashlar scope`: tenants. */
export function scopeCommand(): Command {
  const scope = new Command('scope').description('tenants, each with workspaces of its own')
  return scope.addCommand(create()).addCommand(list())
}

function create(): Command {
  return new Command('create')
    .description('make a scope')
    .argument('<scope>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const created = await client.createScope(name)
        return {
          document: created,
          text: `Made the scope ${name}. Make a workspace in it with \`ashlar workspace create ${name}/NAME\`.`,
        }
      }),
    )
}

const noScopes = 'There is no scope that your token may read.'

function list(): Command {
  return new Command('list').description('the scopes').action(async (_options: object, command: Command) =>
    inSession(command, async ({ client }) => {
      const scopes = await client.scopes()
      const text = scopes.map((each) => each.name).join('\n')
      return { document: { scopes }, text: text === '' ? noScopes : text, brief: text }
    }),
  )
}
