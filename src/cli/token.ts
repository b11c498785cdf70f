import { Command } from 'commander'
import { inSession } from './session.ts'
import { wholeNumber } from './suite-settings.ts'
import { table } from './table.ts'
import { localTime } from './wording.ts'

/** `ashlar token`: secrets that act for a user. */
export function tokenCommand(): Command {
  const token = new Command('token').description('secrets that act for a user')
  return token.addCommand(create()).addCommand(list()).addCommand(revoke())
}

function create(): Command {
  return new Command('create')
    .description('make a token; it is shown once')
    .argument('<name>', 'what it is for, such as ci')
    .option('--user <name>', 'the user it acts for (default: you)')
    .action(async (name: string, options: { user?: string }, command: Command) =>
      inSession(command, async ({ client }) => {
        const created = await client.createToken({ name, ...options })
        return {
          document: created,
          text: `${created.token}\nThis is token ${created.id}, “${name}”. It is not shown again; keep it secret.`,
          brief: created.token,
        }
      }),
    )
}

function list(): Command {
  return new Command('list').description('the tokens').action(async (_options: object, command: Command) =>
    inSession(command, async ({ client }) => {
      const tokens = await client.tokens()
      const rows = tokens.map((each) => [
        String(each.id),
        each.name,
        each.user,
        localTime(each.createdAt),
        each.revokedAt === null ? '' : `revoked ${localTime(each.revokedAt)}`,
      ])
      return {
        document: { tokens },
        text: tokens.length === 0 ? 'There is no token.' : table(['>ID', 'NAME', 'USER', 'CREATED', ''], rows),
        brief: tokens.map((each) => String(each.id)).join('\n'),
      }
    }),
  )
}

function revoke(): Command {
  return new Command('revoke')
    .description('end a token; it cannot come back')
    .argument('<id>', 'as `ashlar token list` shows it', wholeNumber)
    .action(async (id: number, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        await client.revokeToken(id)
        return { document: { revoked: id }, text: `Token ${id} is revoked.` }
      }),
    )
}
