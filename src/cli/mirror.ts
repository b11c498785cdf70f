import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { AshlarError } from '../common/errors.ts'
import { paths } from './list-option.ts'
import { unreadable } from './local-file.ts'
import { type MirrorOptions, settingsIn, withMirrorOptions } from './mirror-options.ts'
import { completenessText, mirrorListing, mirrorTable } from './mirror-text.ts'
import { followWork } from './mirror-work.ts'
import { inSession } from './session.ts'

/** `ashlar mirror`: suites that follow a suite of another repository. */
export function mirrorCommand(): Command {
  const mirror = new Command('mirror').description('suites that follow a suite of another repository')
  mirror
    .addCommand(create())
    .addCommand(set())
    .addCommand(update())
    .addCommand(list())
    .addCommand(show())
    .addCommand(fill())
  return mirror.addCommand(remove())
}

function create(): Command {
  const command = new Command('create')
    .description('say what is mirrored; `mirror update` takes it over')
    .argument('<name>', 'what to call it')
    .argument('<url>', 'the archive, as in a source of apt')
    .argument('<suite>', 'its suite; of a flat archive the directory, with a slash at its end, such as ./')
    .requiredOption('--keyring <file>', 'the public keys that sign its Release; may be repeated', paths)
    .option('--into <suite>', 'the suite here; default: the same name')
  return withMirrorOptions(command, 'create').action(
    async (name: string, url: string, suite: string, options: CreateOptions, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const into = options.into === undefined ? {} : { into: options.into }
        const keyring = await keyringText(options.keyring)
        const mirror = await workspace.mirrors.create({ name, url, suite, ...into, keyring, ...settingsIn(options) })
        const text = `Made the mirror ${name} of ${mirror.url} ${mirror.upstreamSuite}.\nTake it over with: ashlar mirror update ${name}`
        return { document: mirror, text }
      }),
  )
}

interface CreateOptions extends MirrorOptions {
  readonly keyring: readonly string[]
  readonly into?: string
}

function set(): Command {
  const command = new Command('set')
    .description('change what is mirrored; the next update makes the suite so, also if upstream has nothing new')
    .argument('<name>')
    .option('--url <url>', 'the archive; what is not here yet comes from there')
    .option('--suite <suite>', 'the suite of the archive')
    .option(
      '--keyring <file>',
      'the public keys that sign its Release, instead of those before; may be repeated',
      paths,
    )
  return withMirrorOptions(command, 'set').action(async (name: string, options: SetOptions, command: Command) =>
    inSession(command, async ({ workspace }) => {
      const { url, suite, keyring } = options
      const change = {
        ...(url !== undefined && { url }),
        ...(suite !== undefined && { suite }),
        ...(keyring !== undefined && { keyring: await keyringText(keyring) }),
        ...settingsIn(options),
      }
      if (Object.keys(change).length === 0) throw new AshlarError('usage', 'Say what to change.')
      const mirror = await workspace.mirrors.set(name, change)
      return { document: mirror, text: mirrorListing(mirror) }
    }),
  )
}

interface SetOptions extends MirrorOptions {
  readonly url?: string
  readonly suite?: string
  readonly keyring?: readonly string[]
}

/** The keys of all files, as the server takes them: armored, or the bytes as base64. */
async function keyringText(files: readonly string[]): Promise<string> {
  const keyrings = await Promise.all(
    files.map((file) =>
      readFile(file).catch((error: unknown) => {
        throw unreadable(file, error)
      }),
    ),
  )
  const armored = keyrings.filter((keyring) => keyring.includes('-----BEGIN PGP '))
  if (armored.length === 0) return Buffer.concat(keyrings).toString('base64')
  if (armored.length === keyrings.length) return armored.join('\n')
  throw new AshlarError('usage', 'Some keyrings are armored and some are not: give files of one kind.')
}

function update(): Command {
  return new Command('update')
    .description('take over what upstream has now, as one revision')
    .argument('<name>')
    .option('--accept-codename', 'go over to another release, if that is what the suite means now')
    .addHelpText('after', '\nThe server does the work, and goes on if this command is ended.')
    .action(async (name: string, options: { readonly acceptCodename?: true }, command: Command) =>
      inSession(command, async (session) =>
        followWork(session, session.workspace.mirrors.update(name, options), `Update of ${name}`),
      ),
    )
}

function fill(): Command {
  return new Command('fill')
    .description('fetch what the suite lists and is only upstream yet')
    .argument('<name>')
    .addHelpText('after', '\nThe server does the work, and goes on if this command is ended.')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async (session) =>
        followWork(session, session.workspace.mirrors.fill(name), `Filling of ${name}`),
      ),
    )
}

function list(): Command {
  return new Command('list')
    .description('the mirrors, and how much of what they list is here')
    .action(async (_options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const mirrors = await workspace.mirrors.list()
        return {
          document: { mirrors },
          text: mirrors.length === 0 ? noMirrors : mirrorTable(mirrors),
          brief: mirrors.map(({ name }) => name).join('\n'),
        }
      }),
    )
}

const noMirrors = 'There is no mirror yet. Make one with `ashlar mirror create NAME URL SUITE --keyring FILE`.'

function show(): Command {
  return new Command('show')
    .description('one mirror: what it takes, how it went, and how complete it is')
    .argument('<name>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const mirror = await workspace.mirrors.show(name)
        return { document: mirror, text: mirrorListing(mirror), brief: mirror.name }
      }),
    )
}

function remove(): Command {
  return new Command('remove')
    .description('follow upstream no more; the suite stays with all its revisions')
    .argument('<name>')
    .action(async (name: string, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const removed = await workspace.mirrors.remove(name)
        const { completeness } = removed
        const rest = completeness === null ? 0 : completeness.files - completeness.filesHere
        const lines = [`The mirror ${name} is gone; its suite stays as it is.`]
        if (completeness !== null && rest > 0) {
          lines.push(`Of its files ${completenessText(completeness)} are here; the others still come from upstream.`)
        }
        return { document: removed, text: lines.join('\n') }
      }),
    )
}
