import { Command } from 'commander'
import { inSession } from './session.ts'
import { table } from './table.ts'
import { counted, localTime } from './wording.ts'

/** `ashlar user`: accounts, and people whom another program knew. */
export function userCommand(): Command {
  const user = new Command('user').description('accounts, and people whom another program knew; for admins')
  return user.addCommand(create()).addCommand(list()).addCommand(attach())
}

function create(): Command {
  return new Command('create')
    .description('make an account')
    .argument('<name>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const created = await client.createUser(name)
        const text = `Made the account ${name}. Give it a token with \`ashlar token create NAME --user ${name}\`.`
        return { document: created, text }
      }),
    )
}

function list(): Command {
  return new Command('list')
    .description('the accounts, and under NAME~ORIGIN people whom another program knew')
    .action(async (_options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const users = await client.users()
        const rows = users.map((each) => [
          each.name,
          localTime(each.createdAt),
          each.attachedTo === null ? '' : `is ${each.attachedTo}`,
        ])
        return {
          document: { users },
          text: table(['USER', 'SINCE', ''], rows),
          brief: users.map((each) => each.name).join('\n'),
        }
      }),
    )
}

function attach(): Command {
  return new Command('attach')
    .description('make all records of somebody whom another program knew those of an account, for good')
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
