/** Which of the files that a Release lists a mirror takes. Pure. */
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Compression } from '../debian/compression.ts'
import type { ListedIndexFile, UpstreamRelease } from '../debian/upstream-release.ts'
import { ANY_MACHINE, directoryOf, flatComponent, isFlat } from './flat-archive.ts'
import type { MirrorSettings } from './mirror-settings.ts'

/** A file that a Release lists. */
export interface ListedFile extends ListedIndexFile {
  /** Below the suite's directory. */
  readonly path: string
}

/** An index of packages, in the form in which it is fetched. */
export interface PackageIndex extends ListedFile {
  readonly compression: Compression
  /** Of the machine whose packages it lists; `all`; `source`; ANY_MACHINE of a flat archive. */
  readonly architecture: string
}

/** The indexes that together say what one kind of packages of a component is: each lists what is `Architecture: all`. */
export interface IndexGroup {
  readonly component: string
  readonly kind: 'packages' | 'udeb' | 'sources'
  readonly indexes: readonly PackageIndex[]
  /** Equal only as long as they say the same. */
  readonly identity: string
}

/** An index that is taken as it is. */
export interface ExtraFile {
  /** Without the ending of its form: `main/i18n/Translation-en`. */
  readonly name: string
  /** What is fetched. */
  readonly stored: ListedFile
  /** What the Release says of its text; clients want to know it, and fetch another form. */
  readonly plain: ListedIndexFile | undefined
}

export interface WantedIndexes {
  readonly components: readonly string[]
  readonly architectures: readonly string[]
  readonly groups: readonly IndexGroup[]
  readonly extras: readonly ExtraFile[]
}

/** In the order in which they are preferred. */
const readForms = [
  ['.xz', 'xz'],
  ['.zst', 'zst'],
  ['.gz', 'gz'],
  ['', 'none'],
] as const
const storedForms = ['.xz', '.gz', '.zst', ''] as const
const unreadForms = ['.bz2', '.lzma', '.lz4']

/** @throws AshlarError upstream-lacks if upstream does not have what the mirror is to take */
export function wantedIndexes(release: UpstreamRelease, settings: MirrorSettings, origin: string): WantedIndexes {
  if (isFlat(settings.upstreamSuite)) return flatIndexes(release, settings, origin)
  const components = chosen(settings.components, release.components, 'component', origin)
  const architectures = chosen(settings.architectures, release.architectures, 'architecture', origin)
  const machines = release.hasIndexOfAll ? ['all', ...architectures] : architectures
  const groups = components.flatMap((component): IndexGroup[] => [
    groupOf(release, component, 'packages', (name) => `${component}/binary-${name}/Packages`, machines, origin),
    ...(settings.udebs
      ? [
          groupOf(
            release,
            component,
            'udeb',
            (name) => `${component}/debian-installer/binary-${name}/Packages`,
            machines,
            origin,
          ),
        ]
      : []),
    ...(settings.sources
      ? [groupOf(release, component, 'sources', () => `${component}/source/Sources`, ['source'], origin)]
      : []),
  ])
  if (groups.every((group) => group.indexes.length === 0)) {
    throw new AshlarError('upstream-lacks', `${origin} lists no index of the packages that the mirror is to take.`)
  }
  return { components, architectures, groups, extras: extraFiles(release, settings, components, architectures) }
}

/** One index for all machines, or for those that are wanted of them; what is beside it is not taken. */
function flatIndexes(release: UpstreamRelease, settings: MirrorSettings, origin: string): WantedIndexes {
  const component = flatComponent
  const groups = [
    groupOf(release, component, 'packages', () => 'Packages', [ANY_MACHINE], origin),
    ...(settings.sources ? [groupOf(release, component, 'sources', () => 'Sources', ['source'], origin)] : []),
  ]
  if (groups[0]?.indexes.length === 0) {
    throw new AshlarError('upstream-lacks', `${origin} lists no Packages beside itself, as a flat archive does.`)
  }
  const architectures = settings.architectures ?? release.architectures
  return { components: [component], architectures, groups, extras: [] }
}

function chosen(
  wish: readonly string[] | null,
  offered: readonly string[],
  what: string,
  origin: string,
): readonly string[] {
  const missing = wish?.find((name) => !offered.includes(name))
  if (missing !== undefined) {
    const offer = offered.length === 0 ? 'names none' : `has ${offered.join(', ')}`
    throw new AshlarError('upstream-lacks', `${origin} has no ${what} ${missing}; it ${offer}.`)
  }
  return wish ?? offered
}

function groupOf(
  release: UpstreamRelease,
  component: string,
  kind: IndexGroup['kind'],
  pathOf: (architecture: string) => string,
  architectures: readonly string[],
  origin: string,
): IndexGroup {
  const indexes = architectures.flatMap((architecture): PackageIndex[] => {
    const index = indexAt(release, pathOf(architecture), origin)
    return index === undefined ? [] : [{ ...index, architecture }]
  })
  const identity = indexes.map(({ path, sha256 }) => `${path} ${sha256}`).join('\n')
  return { component, kind, indexes, identity }
}

/** Undefined if it is empty, or not listed at all: not every component has packages for every machine. */
function indexAt(
  { files }: UpstreamRelease,
  path: string,
  origin: string,
): Omit<PackageIndex, 'architecture'> | undefined {
  if (files.get(path)?.sizeBytes === 0) return undefined
  for (const [ending, compression] of readForms) {
    const file = files.get(`${path}${ending}`)
    if (file !== undefined) return { ...file, path: `${path}${ending}`, compression }
  }
  const other = unreadForms.find((ending) => files.has(`${path}${ending}`))
  if (other === undefined) return undefined
  throw new AshlarError(
    'upstream-lacks',
    `${origin} lists ${path} only as ${other}; what can be read is .xz, .zst, .gz and the plain text.`,
  )
}

/** Where a filter leaves packages out, only what says nothing of those is taken. */
function extraFiles(
  release: UpstreamRelease,
  settings: MirrorSettings,
  components: readonly string[],
  architectures: readonly string[],
): ExtraFile[] {
  const wants = new Set(settings.indexes)
  const isWhole = settings.filter === null
  const machines = ['all', ...architectures, ...(settings.sources ? ['source'] : [])]
  const names = new Set<string>()
  const add = (name: string): unknown => names.add(name)
  if (wants.has('contents') && isWhole) for (const machine of machines) add(`Contents-${machine}`)
  for (const component of components) {
    if (wants.has('translations')) {
      for (const language of settings.languages) add(`${component}/i18n/Translation-${language}`)
    }
    if (!isWhole) continue
    for (const machine of machines) {
      if (wants.has('contents')) {
        add(`${component}/Contents-${machine}`)
        if (settings.udebs) add(`${component}/Contents-udeb-${machine}`)
      }
      if (wants.has('dep11')) add(`${component}/dep11/Components-${machine}.yml`)
      if (wants.has('cnf')) add(`${component}/cnf/Commands-${machine}`)
    }
    if (wants.has('dep11')) for (const name of iconsOf(release, component)) add(name)
  }
  return [...names].flatMap((name) => extraFile(release, name) ?? [])
}

function iconsOf({ files }: UpstreamRelease, component: string): string[] {
  const icons = new RegExp(`^(?<name>.*/dep11/icons-[0-9x@]+\\.tar)(?:\\.[a-z0-9]+)?$`)
  return [...files.keys()].flatMap((path) => {
    const name = path.startsWith(`${component}/dep11/`) ? icons.exec(path)?.groups?.['name'] : undefined
    return name ?? []
  })
}

function extraFile({ files }: UpstreamRelease, name: string): ExtraFile | undefined {
  for (const ending of storedForms) {
    const file = files.get(`${name}${ending}`)
    if (file === undefined || file.sizeBytes === 0) continue
    return { name, stored: { ...file, path: `${name}${ending}` }, plain: files.get(name) }
  }
  return undefined
}

/** Equal for settings with which the same Release gives the same suite. */
export function choiceOf(settings: MirrorSettings): string {
  const { upstreamSuite, expects, components, architectures, sources, udebs, filter, withDeps } = settings
  const { indexes, languages } = settings
  return JSON.stringify({
    upstreamSuite,
    expects,
    components,
    architectures,
    sources,
    udebs,
    filter,
    withDeps,
    indexes,
    languages,
  })
}

/** Where a file is asked for first, and where then. */
export function placesOf(suite: string, file: ListedFile, hasByHash: boolean): string[] {
  const plain = `${directoryOf(suite)}${file.path}`
  const directory = plain.slice(0, plain.lastIndexOf('/') + 1)
  return hasByHash ? [`${directory}by-hash/SHA256/${file.sha256 satisfies Sha256}`, plain] : [plain]
}
