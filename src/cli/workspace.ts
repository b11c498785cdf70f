import { Command, Option } from 'commander'
import type { WorkspaceInfo, WorkspaceSettings } from '../client/client.ts'
import { durationText } from '../common/duration.ts'
import { AshlarError } from '../common/errors.ts'
import { durationOr, endOf, type NoEnd } from './duration.ts'
import { inSession, parseWorkspace } from './session.ts'
import { listing, table } from './table.ts'

/** `ashlar workspace`: the units of access, expiry and publishing. */
export function workspaceCommand(): Command {
  const workspace = new Command('workspace').description('workspaces, each with one archive, artifacts, and readers')
  return workspace.addCommand(create()).addCommand(list()).addCommand(show()).addCommand(set())
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

function show(): Command {
  return new Command('show')
    .description('who may read a workspace, and how long what it has stays')
    .argument('<scope/name>')
    .action(async (text: string, _options: object, command: Command) =>
      inSession(command, async ({ client }) => {
        const { scope, name } = parseWorkspace(text)
        const settings = await client.workspaceSettings(scope, name)
        return { document: settings, text: settingsText(settings) }
      }),
    )
}

function settingsText(settings: WorkspaceInfo & WorkspaceSettings): string {
  const time = (seconds: number | null): string => (seconds === null ? 'for ever' : durationText(seconds))
  return listing([
    ['Workspace', `${settings.scope}/${settings.name}`],
    ['Read by', settings.public ? 'everybody' : 'tokens'],
    ['Artifacts stay', time(settings.expireAfterSeconds)],
    ['Revisions stay', time(settings.keepRevisionsSeconds)],
    ['History stays', time(settings.keepHistorySeconds)],
  ])
}

interface SetOptions {
  readonly expireAfter?: number | NoEnd
  readonly keepRevisions?: number | NoEnd
  readonly keepHistory?: number | NoEnd
  readonly public?: true
  readonly private?: true
}

function set(): Command {
  return new Command('set')
    .description('change who may read a workspace, and how long what it has stays; for its owners')
    .argument('<scope/name>')
    .option(
      '--expire-after <duration>',
      'artifacts that nothing holds go so long after they were complete, such as 30d; or never',
      durationOr('never'),
    )
    .option(
      '--keep-revisions <duration>',
      'a revision stays so long after the next one, 3d at least; or forever',
      durationOr('forever'),
    )
    .option(
      '--keep-history <duration>',
      'what an expired revision held is known for so long; or forever',
      durationOr('forever'),
    )
    .option('--public', 'everybody may read it')
    .addOption(new Option('--private', 'only tokens with a right to it may read it').conflicts('public'))
    .action(async (text: string, options: SetOptions, command: Command) =>
      inSession(command, async ({ client }) => {
        const { scope, name } = parseWorkspace(text)
        const changes = changesOf(options)
        if (Object.keys(changes).length === 0) throw new AshlarError('usage', 'Say what to change.')
        const settings = await client.changeWorkspace(scope, name, changes)
        return { document: settings, text: settingsText(settings) }
      }),
    )
}

function changesOf(options: SetOptions): Partial<WorkspaceSettings> {
  const { expireAfter, keepRevisions, keepHistory } = options
  return {
    ...(expireAfter !== undefined && { expireAfterSeconds: endOf(expireAfter) }),
    ...(keepRevisions !== undefined && { keepRevisionsSeconds: endOf(keepRevisions) }),
    ...(keepHistory !== undefined && { keepHistorySeconds: endOf(keepHistory) }),
    ...(options.public === true && { public: true }),
    ...(options.private === true && { public: false }),
  }
}
