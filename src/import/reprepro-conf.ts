/** reprepro's conf/distributions and conf/options (reprepro(1)), as far as they mean something here. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { AshlarError, naming } from '../common/errors.ts'
import { type Paragraph, parseParagraphs } from '../debian/deb822.ts'
import { isArchitecture, isComponentName, isSuiteName } from '../debian/names.ts'
import type { OldSettings } from './old-repository.ts'
import { requireFolder } from './require-folder.ts'

/** Where things lie. */
export interface Directories {
  readonly base: string
  /** With pool/ below it. */
  readonly out: string
  readonly database: string
  readonly dists: string
}

export interface Distribution {
  readonly codename: string
  readonly suite: string | undefined
  readonly settings: OldSettings
  /** Fields that mean nothing here. */
  readonly other: readonly string[]
}

/** @throws AshlarError import-not-found if this is no reprepro */
export async function directoriesOf(base: string): Promise<Directories> {
  const options = await optionsOf(join(base, 'conf'))
  const out = place(options.get('outdir'), { base, out: base }) ?? base
  const directories = {
    base,
    out,
    database: place(options.get('dbdir'), { base, out }) ?? join(base, 'db'),
    dists: place(options.get('distdir'), { base, out }) ?? join(out, 'dists'),
  }
  const present = await stat(join(directories.database, 'packages.db')).catch(() => undefined)
  if (present !== undefined) return directories
  await requireFolder(base)
  throw new AshlarError(
    'import-not-found',
    `${base} is not the base directory of a reprepro: there is no ${join(directories.database, 'packages.db')}.`,
  )
}

/** One option a line, with its value after a blank. */
async function optionsOf(conf: string): Promise<Map<string, string>> {
  const text = await readFile(join(conf, 'options'), 'utf8').catch(() => '')
  const lines = text.split('\n').map((line) => line.trim())
  const options = lines.flatMap((line) => {
    const [, name, value] = /^(?:--)?([a-z]+)[ =\t]+(.*)$/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [[name, value.trim()] as const]
  })
  return new Map(options)
}

/** `+b/…` is below the base directory, `+o/…` below the output directory, `+c/…` below conf. */
function place(value: string | undefined, { base, out }: { base: string; out: string }): string | undefined {
  if (value === undefined) return undefined
  const [, root, rest = ''] = /^\+([boc])\/?(.*)$/.exec(value) ?? []
  if (root === 'b') return join(base, rest)
  if (root === 'o') return join(out, rest)
  if (root === 'c') return join(base, 'conf', rest)
  return isAbsolute(value) ? value : join(base, value)
}

/** @throws AshlarError import-unreadable, control-invalid naming the file and the line */
export async function readDistributions({ base }: Directories): Promise<Distribution[]> {
  const path = join(base, 'conf/distributions')
  const found: Distribution[] = []
  for (const file of await filesOf(path)) {
    const text = await readFile(file, 'utf8')
    try {
      for (const paragraph of parseParagraphs(text, { comments: 'skip', origin: file })) {
        found.push(distributionOf(paragraph))
      }
    } catch (error) {
      throw naming(file, error)
    }
  }
  return found
}

/** The file, or those that end in .conf if it is a folder. */
async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new AshlarError('import-unreadable', `${path} cannot be read (${error.code}).`, { cause: error })
  })
  if (!found.isDirectory()) return [path]
  return (await readdir(path))
    .filter((name) => name.endsWith('.conf'))
    .map((name) => join(path, name))
    .toSorted()
}

/** Those that are taken over, or are seen in what reprepro has made of them. */
const known = new Set(
  ['Codename', 'Suite', 'Origin', 'Label', 'Description', 'Architectures', 'Components', 'UDebComponents']
    .concat(['DDebComponents', 'NotAutomatic', 'ButAutomaticUpgrades', 'ValidFor', 'Limit', 'Contents'])
    .map((name) => name.toLowerCase()),
)

function distributionOf(paragraph: Paragraph): Distribution {
  const codename = paragraph.require('Codename')
  if (!isSuiteName(codename)) {
    throw new AshlarError('import-unreadable', `${JSON.stringify(codename)} cannot be the name of a suite.`)
  }
  const suite = paragraph.get('Suite')
  const components = words(paragraph.get('Components') ?? 'main').filter(isComponentName)
  const notAutomatic = isYes(paragraph.get('NotAutomatic'))
  const validUntilDays = daysOf(paragraph.get('ValidFor'))
  return {
    codename,
    suite: suite === undefined || suite === '' || suite === codename ? undefined : suite,
    settings: {
      codename,
      ...(suite === undefined || suite === '' ? {} : { suite }),
      // What reprepro left out stays out: apt asks its user before it follows a change of these.
      origin: firstLine(paragraph.get('Origin')),
      label: firstLine(paragraph.get('Label')),
      description: firstLine(paragraph.get('Description')),
      components,
      architectures: words(paragraph.require('Architectures')).filter((word) => isArchitecture(word) && word !== 'all'),
      versions: keepsAll(paragraph.get('Limit')) ? 'all' : 'newest',
      notAutomatic,
      butAutomaticUpgrades: notAutomatic && isYes(paragraph.get('ButAutomaticUpgrades')),
      ...(validUntilDays === undefined ? {} : { validUntilDays }),
      contents: paragraph.has('Contents'),
    },
    other: paragraph.fields.map(([name]) => name).filter((name) => !known.has(name.toLowerCase())),
  }
}

function words(text: string): string[] {
  return [...new Set(text.split(/\s+/).filter((word) => word !== ''))]
}

function firstLine(text: string | undefined): string {
  return text?.split('\n')[0] ?? ''
}

function isYes(text: string | undefined): boolean {
  return text?.toLowerCase() === 'yes'
}

/** Since reprepro 5.4 a distribution may keep several versions; without a limit it keeps one. */
function keepsAll(limit: string | undefined): boolean {
  return limit !== undefined && limit.trim() !== '1'
}

/** `30`, `30d`, `4w`, `1m`, `1y`, as reprepro counts them: a month has 31 days, a year 365. */
function daysOf(text: string | undefined): number | undefined {
  const [, count, unit = 'd'] = /^(\d+)\s*([dmy]?)$/.exec(text?.trim() ?? '') ?? []
  if (count === undefined || Number(count) === 0) return undefined
  const days = { d: 1, m: 31, y: 365 }[unit === '' ? 'd' : unit] ?? 1
  return Math.min(Number(count) * days, 3650)
}
