import { Command, InvalidArgumentError } from 'commander'
import type { Artifact } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import { durationOr, endOf, type NoEnd } from './duration.ts'
import { inSession } from './session.ts'
import { wholeNumber } from './suite-settings.ts'
import { listing, table } from './table.ts'
import { counted, localTime, sizeText } from './wording.ts'

/** `ashlar artifact`: files with names, a category, and data that fits it. */
export function artifactCommand(): Command {
  const artifact = new Command('artifact').description('files with names, a category, and data that fits it')
  return artifact.addCommand(create()).addCommand(show()).addCommand(list()).addCommand(download()).addCommand(remove())
}

interface CreateOptions {
  readonly category: string
  readonly data?: Record<string, unknown>
  readonly expireAfter?: number | NoEnd
  readonly relation?: { type: 'extends' | 'relates-to' | 'built-using'; target: number }[]
}

function create(): Command {
  return new Command('create')
    .description('make an artifact of files')
    .argument('[file...]', 'a file; its name in the artifact is its base name')
    .requiredOption('--category <name>', 'what it is, such as debian:package-build-log')
    .option('--data <json>', 'what its category wants to know, as a JSON object', jsonObject)
    .option(
      '--expire-after <duration>',
      'when it goes unless something holds it, such as 30d; or never',
      durationOr('never'),
    )
    .option('--relation <type:id>', 'extends, relates-to or built-using another artifact; may be repeated', relation)
    .action(async (files: string[], options: CreateOptions, command: Command) =>
      inSession(command, async (session) => {
        const { basename } = await import('node:path')
        const { readLocalFile } = await import('./local-file.ts')
        const { createArtifacts } = await import('./create-artifacts.ts')
        const { category, data, expireAfter, relation: relations } = options
        const locals = await Promise.all(files.map((file) => readLocalFile(file, basename(file))))
        const wish = {
          category,
          files: locals,
          ...(data && { data }),
          ...(relations && { relations }),
          // For the server null is what the workspace says, and 0 is never.
          ...(expireAfter !== undefined && { expireAfterSeconds: endOf(expireAfter) ?? 0 }),
        }
        const { artifacts, sentFiles } = await createArtifacts(session, [wish])
        const id = artifacts[0]?.id
        if (id === undefined) throw new Error('the server made no artifact')
        const made = await session.workspace.artifact(id)
        const text = `Made artifact ${id} of ${counted(files.length, 'file')}, ${sentFiles} of them sent.\nSee it with \`ashlar artifact show ${id}\`.`
        return { document: made, text, brief: String(id) }
      }),
    )
}

function show(): Command {
  return new Command('show')
    .description('what an artifact is and holds')
    .argument('<id>', 'its number', wholeNumber)
    .action(async (id: number, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const artifact = await workspace.artifact(id)
        return { document: artifact, text: artifactText(artifact), brief: String(id) }
      }),
    )
}

function artifactText(artifact: Artifact): string {
  const facts = listing([
    ['Artifact', String(artifact.id)],
    ['Category', artifact.category],
    ['Created', localTime(artifact.createdAt)],
    ['Complete', artifact.complete ? localTime(artifact.completedAt) : 'no, files are missing'],
    ['Expires', expiryText(artifact)],
    ['Data', Object.keys(artifact.data).length === 0 ? '' : JSON.stringify(artifact.data)],
    ['Relations', artifact.relations.map((each) => `${each.type} ${each.target}`).join(', ')],
  ])
  const rows = artifact.files.map((each) => [
    each.path,
    sizeText(each.size),
    each.sha256,
    each.complete ? (each.gone ?? '') : 'missing',
  ])
  return rows.length === 0 ? facts : `${facts}\n\n${table(['FILE', '>SIZE', 'SHA256', ''], rows)}`
}

function expiryText({ complete, expiresAt }: Artifact): string {
  if (expiresAt !== null) return `${localTime(expiresAt)}, unless something holds it`
  return complete ? 'never' : ''
}

function list(): Command {
  return new Command('list')
    .description('the artifacts of the workspace')
    .option('--category <name>', 'only these')
    .option('--name <package>', 'only those of this package')
    .option('--limit <count>', 'at most so many', wholeNumber, 100)
    .option('--after <position>', 'what follows a page that ended with this')
    .action(async (options: { category?: string; name?: string; after?: string; limit: number }, command: Command) =>
      inSession(command, async ({ workspace }) => {
        const page = await workspace.artifacts(options)
        const rows = page.artifacts.map((each) => [
          String(each.id),
          each.category,
          localTime(each.createdAt),
          each.complete ? '' : 'incomplete',
          each.files[0] === undefined ? '' : each.files[0].path,
        ])
        const more = page.next === undefined ? '' : `\nThere are more: add --after ${page.next}`
        return {
          document: page,
          text:
            rows.length === 0
              ? 'There is no such artifact.'
              : table(['>ID', 'CATEGORY', 'CREATED', '', 'FILE'], rows) + more,
          brief: page.artifacts.map((each) => String(each.id)).join('\n'),
        }
      }),
    )
}

function download(): Command {
  return new Command('download')
    .description('fetch the files of an artifact and check their digests')
    .argument('<id>', 'its number', wholeNumber)
    .argument('[path...]', 'only these files')
    .option('--output <folder>', 'where to put them', '.')
    .option('--force', 'replace files that are there and differ')
    .action(async (id: number, paths: string[], options: { output: string; force?: true }, command: Command) =>
      inSession(command, async (session) => {
        const { downloadFile } = await import('./download-file.ts')
        const artifact = await session.workspace.artifact(id)
        const unknown = paths.find((path) => !artifact.files.some((each) => each.path === path))
        if (unknown !== undefined) throw new AshlarError('not-found', `Artifact ${id} has no file ${unknown}.`)
        const wanted = artifact.files.filter((each) => paths.length === 0 || paths.includes(each.path))
        const written: string[] = []
        for (const file of wanted) {
          written.push(await downloadFile(session.workspace, id, file, { ...options, force: options.force === true }))
        }
        return {
          document: { artifact: id, files: written },
          text: `Fetched ${counted(written.length, 'file')} of artifact ${id} to ${options.output}.`,
          brief: written.join('\n'),
        }
      }),
    )
}

function remove(): Command {
  return new Command('delete')
    .description('delete an artifact that no suite, past or present, and no other artifact needs')
    .argument('<id>', 'its number', wholeNumber)
    .action(async (id: number, _options: object, command: Command) =>
      inSession(command, async ({ workspace }) => {
        await workspace.deleteArtifact(id)
        return { document: { deleted: id }, text: `Deleted artifact ${id}.` }
      }),
    )
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Refused below like any other text.
  }
  throw new InvalidArgumentError('It has to be a JSON object, such as {"source": "hello"}.')
}

function relation(text: string, before: NonNullable<CreateOptions['relation']> = []): typeof before {
  const [, type, target] = /^(extends|relates-to|built-using):(\d{1,15})$/.exec(text) ?? []
  if (type === 'extends' || type === 'relates-to' || type === 'built-using') {
    return [...before, { type, target: Number(target) }]
  }
  throw new InvalidArgumentError('It looks like extends:17.')
}
