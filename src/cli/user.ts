import { Command } from 'commander'
import { inSession } from './session.ts'
import { listing, table } from './table.ts'
import { rolesText, userRoleCommands } from './user-roles.ts'
import { counted, localTime } from './wording.ts'

/** `ashlar user`: accounts and their roles, and people whom another program knew. */
export function userCommand(): Command {
  const user = new Command('user').description('accounts and their roles, and people whom another program knew')
  user.addCommand(create()).addCommand(list()).addCommand(show())
  for (const command of userRoleCommands()) user.addCommand(command)
  return user.addCommand(attach())
}

function create(): Command {
  return new Command('create')
    .description('make an account; for admins')
    .argument('<name>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const created = await client.createUser(name)
        const text = [
          `Made the account ${name}. It may do nothing yet but read what everybody may read.`,
          `A role:   ashlar user grant ${name} --role contributor`,
          `A token:  ashlar token create NAME --user ${name}`,
        ].join('\n')
        return { document: created, text }
      }),
    )
}

function list(): Command {
  return new Command('list')
    .description('the accounts with their roles, and under NAME~ORIGIN people whom another program knew; for admins')
    .action(async (_options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const users = await client.users()
        const rows = users.map((each) => [
          each.name,
          localTime(each.createdAt),
          each.attachedTo === null ? rolesText(each.grants) : `is ${each.attachedTo}`,
        ])
        return {
          document: { users },
          text: table(['USER', 'SINCE', 'ROLES'], rows),
          brief: users.map((each) => each.name).join('\n'),
        }
      }),
    )
}

function show(): Command {
  return new Command('show')
    .description('the roles of a user')
    .argument('[name]', 'default: you; others are shown to admins')
    .action(async (name: string | undefined, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const user = await client.user(name)
        const [first, ...others] = user.grants.map((grant) => rolesText([grant]))
        const text = listing([
          ['User', user.name],
          ['Since', localTime(user.createdAt)],
          ['Is', user.attachedTo ?? ''],
          ['Roles', first ?? 'none: reads what everybody may read'],
          ...others.map((each): [string, string] => [' ', each]),
        ])
        return { document: user, text, brief: user.name }
      }),
    )
}

function attach(): Command {
  return new Command('attach')
    .description('make all records of somebody whom another program knew those of an account, for good; for admins')
    .argument('<name~origin>', 'as `ashlar user list` shows it, such as jane@example.org~aptly')
    .argument('<account>')
    .action(async (name: string, account: string, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const attached = await client.attachUser(name, account)
        const moved = counted(attached.records, 'record')
        return { document: attached, text: `${name} is ${account} now: ${moved} moved, and later ones follow.` }
      }),
    )
}
