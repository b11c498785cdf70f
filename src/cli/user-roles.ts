import { Command, Option } from 'commander'
import type { GrantInfo, GrantPlace, Role } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { type GlobalOptions, inSession, parseWorkspace } from './session.ts'
import { table } from './table.ts'
import { localTime } from './wording.ts'

/** The commands of `ashlar user` about who may do what, where. */
export function userRoleCommands(): Command[] {
  return [grant(), revoke(), roles()]
}

/** Where a role holds: in the workspace, as for other commands, unless a wider place is named. */
interface PlaceOptions {
  readonly scope?: string
  readonly instance?: true
}

function atPlace(command: Command): Command {
  return command
    .option('--scope <scope>', 'in all workspaces of the scope, and over the scope itself')
    .addOption(new Option('--instance', 'everywhere').conflicts('scope'))
}

function grant(): Command {
  const command = new Command('grant')
    .description('give a user a role in the workspace, instead of the one that they have there; for its owners')
    .argument('<name>', 'an account, as `ashlar user create` makes it')
    .addOption(
      new Option('--role <role>', 'reader: read; contributor: publish too; owner: all in it; admin: the instance')
        .choices(['reader', 'contributor', 'owner', 'admin'])
        .makeOptionMandatory(),
    )
  return atPlace(command).action(async (name: string, options: PlaceOptions & { role: Role }, self: Command) =>
    inSession(self, async ({ client }) => {
      const place = placeOf(options, self)
      if (options.role === 'admin' && place.scope !== undefined) {
        throw new AshlarError('usage', 'admin is a role on the whole instance; give it with --instance.')
      }
      await client.grant(name, options.role, place)
      const document = {
        user: name,
        role: options.role,
        scope: place.scope ?? null,
        workspace: place.workspace ?? null,
      }
      return { document, text: `${name} is ${options.role} ${placeText(document)} now.` }
    }),
  )
}

function revoke(): Command {
  const command = new Command('revoke')
    .description('take away the role that a user has in the workspace; for its owners')
    .argument('<name>')
  return atPlace(command).action(async (name: string, options: PlaceOptions, self: Command) =>
    inSession(self, async ({ client }) => {
      const place = placeOf(options, self)
      const revoked = await client.revokeGrant(name, place)
      const where = placeText({ scope: place.scope ?? null, workspace: place.workspace ?? null })
      const done =
        revoked.role === null ? `${name} had no role ${where}.` : `${name} is not ${revoked.role} ${where} any more.`
      const left = revoked.left.length === 0 ? '' : `\n${name} still is ${rolesText(revoked.left)}.`
      return { document: revoked, text: done + left }
    }),
  )
}

function roles(): Command {
  const command = new Command('roles').description(
    'who has which role in the workspace, given there or more widely; for its owners',
  )
  return atPlace(command).action(async (options: PlaceOptions, self: Command) =>
    inSession(self, async ({ client }) => {
      const grants = await client.grants(placeOf(options, self))
      const rows = grants.map((each) => [each.user, each.role, placeText(each), localTime(each.createdAt)])
      return {
        document: { grants },
        text: table(['USER', 'ROLE', 'WHERE', 'SINCE'], rows),
        brief: [...new Set(grants.map(({ user }) => user))].join('\n'),
      }
    }),
  )
}

/** @throws AshlarError usage if a workspace is named beside a wider place */
function placeOf({ scope, instance }: PlaceOptions, command: Command): GrantPlace {
  const options: GlobalOptions = command.optsWithGlobals()
  if (scope === undefined && instance === undefined) {
    const workspace = parseWorkspace(options.workspace)
    return { scope: workspace.scope, workspace: workspace.name }
  }
  if (command.getOptionValueSourceWithGlobals('workspace') === 'cli') {
    const other = scope === undefined ? '--instance' : '--scope'
    throw new AshlarError('usage', `Name one place: --workspace or ${other}, not both.`)
  }
  return { scope }
}

/** `contributor in local/main, owner in the scope team`. */
export function rolesText(grants: readonly GrantInfo[]): string {
  return grants.map((grant) => `${grant.role} ${placeText(grant)}`).join(', ')
}

function placeText({ scope, workspace }: Pick<GrantInfo, 'scope' | 'workspace'>): string {
  if (scope === null) return 'everywhere'
  return workspace === null ? `in the scope ${scope}` : `in ${scope}/${workspace}`
}
