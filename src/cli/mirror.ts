import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError } from 'commander'
import type { MirrorWish } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { duration } from './duration.ts'
import { names, paths } from './list-option.ts'
import { unreadable } from './local-file.ts'
import { completenessText, mirrorListing, mirrorTable } from './mirror-text.ts'
import { followWork } from './mirror-work.ts'
import { inSession } from './session.ts'

/** `ashlar mirror`: suites that follow a suite of another repository. */
export function mirrorCommand(): Command {
  const mirror = new Command('mirror').description('suites that follow a suite of another repository')
  mirror.addCommand(create()).addCommand(update()).addCommand(list()).addCommand(show()).addCommand(fill())
  return mirror.addCommand(remove())
}

const indexKinds = ['translations', 'contents', 'dep11', 'cnf'] as const
type Index = (typeof indexKinds)[number]

interface CreateOptions {
  readonly keyring: readonly string[]
  readonly into?: string
  readonly expect?: string
  readonly component?: readonly string[]
  readonly architecture?: readonly string[]
  readonly sources?: true
  readonly udebs?: true
  readonly filter?: string
  readonly withDeps?: true
  readonly lazy?: true
  readonly index?: readonly Index[]
  readonly language?: readonly string[]
  readonly ignoreValidUntil?: true
  readonly every?: number
}

function create(): Command {
  return new Command('create')
    .description('say what is mirrored; `mirror update` takes it over')
    .argument('<name>', 'what to call it')
    .argument('<url>', 'the archive, as in a source of apt')
    .argument('<suite>', 'its suite')
    .requiredOption('--keyring <file>', 'the public keys that sign its Release; may be repeated', paths)
    .option('--into <suite>', 'the suite here; default: the same name')
    .option('--component <names>', 'only these components, such as main,contrib', names)
    .option('--architecture <names>', 'only these architectures', names)
    .option('--sources', 'source packages too')
    .option('--udebs', 'packages of the Debian installer too')
    .option('--filter <query>', "only packages that match, such as 'Priority (required) | nginx'")
    .option('--with-deps', 'with a filter: what the matching packages depend on too')
    .option('--lazy', 'fetch a file only when it is first asked for')
    .option(
      '--index <kinds>',
      `what to take as it is beside the lists of packages: ${indexKinds.join(', ')}, or none (default: all)`,
      indexes,
    )
    .option('--language <codes>', 'of the translated descriptions (default: en)', names)
    .option('--ignore-valid-until', 'take a Release over that upstream does not renew any more')
    .option('--expect <name>', 'what its Release calls itself, if that is neither the suite nor the codename')
    .option('--every <duration>', 'update by itself, such as every 6h', duration)
    .action(async (name: string, url: string, suite: string, options: CreateOptions, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const mirror = await workspace.mirrors.create(await wishFrom(name, url, suite, options))
        const text = `Made the mirror ${name} of ${mirror.url} ${mirror.upstreamSuite}.\nTake it over with: ashlar mirror update ${name}`
        return { document: mirror, text }
      }),
    )
}

async function wishFrom(name: string, url: string, suite: string, options: CreateOptions): Promise<MirrorWish> {
  const { into, expect, component, architecture, filter, language, every } = options
  return {
    name,
    url,
    suite,
    keyring: await keyringText(options.keyring),
    ...(into !== undefined && { into }),
    ...(expect !== undefined && { expects: expect }),
    ...(component !== undefined && { components: component }),
    ...(architecture !== undefined && { architectures: architecture }),
    ...(options.sources === true && { sources: true }),
    ...(options.udebs === true && { udebs: true }),
    ...(filter !== undefined && { filter }),
    ...(options.withDeps === true && { withDeps: true }),
    ...(options.lazy === true && { lazy: true }),
    ...(options.index !== undefined && { indexes: options.index }),
    ...(language !== undefined && { languages: language }),
    ...(options.ignoreValidUntil === true && { ignoreValidUntil: true }),
    ...(every !== undefined && { everySeconds: every }),
  }
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

function indexes(text: string, before: readonly Index[] = []): Index[] {
  const words = names(text).filter((word) => word !== 'none')
  const kinds = indexKinds.filter((kind) => words.includes(kind))
  if (kinds.length < new Set(words).size) throw new InvalidArgumentError(`It is of ${indexKinds.join(', ')}; or none.`)
  return [...before, ...kinds]
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
