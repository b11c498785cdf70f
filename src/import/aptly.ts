/**
 * An aptly root as suites and states.
 *
 * A published distribution becomes a suite under its name, or `PREFIX/NAME`; a local repo becomes `repo/NAME`, a mirror
 * `mirror/NAME`. Their states are the snapshots of their lines (aptly-lines.ts) in the order of time, and what is there
 * now. A snapshot that belongs to none of them becomes the suite `snapshot/NAME`.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AshlarError } from '../common/errors.ts'
import { isArchitecture, isSuiteName } from '../debian/names.ts'
import { addressIn } from './address.ts'
import {
  localRepos,
  maintainers,
  mirrors,
  packageFiles,
  packageLists,
  type Published,
  published,
  type Snapshot,
  snapshots,
} from './aptly-database.ts'
import { lineOf } from './aptly-lines.ts'
import { type LevelDatabase, openLevelDatabase } from './leveldb.ts'
import type { OldFile, OldGroup, OldPackage, OldRepository, OldState, OldSuite } from './old-repository.ts'
import { requireFolder } from './require-folder.ts'

export interface AptlyOptions {
  /** The pool, if it is not below the root. */
  readonly pool?: string | undefined
}

/** A suite, and where what it holds comes from. */
interface Origin {
  readonly suite: OldSuite
  readonly kind: 'published' | 'local' | 'repo' | 'snapshot'
  /** Of each component the list of packages of now, and the snapshots that led to it, oldest first. */
  readonly parts: readonly { readonly component: string; readonly list: string; readonly line: readonly Snapshot[] }[]
}

/** @throws AshlarError import-not-found, import-unreadable naming what is missing or damaged */
export async function readAptly(root: string, options: AptlyOptions = {}): Promise<OldRepository> {
  const directory = join(root, 'db')
  const present = await stat(join(directory, 'CURRENT')).catch(() => undefined)
  if (present === undefined) {
    await requireFolder(root)
    throw new AshlarError(
      'import-not-found',
      `${root} is not the root of an aptly: it has no db/CURRENT. \`aptly config show\` tells the rootDir.`,
    )
  }
  const database = await openLevelDatabase(directory)
  const notes: string[] = []
  const found = await findOrigins(database, notes)
  const lists = await Lists.read(database, neededLists(found))
  const origins = found.filter((origin) => !isShown(origin, found, lists, notes))
  const pool = options.pool ?? join(root, 'pool')
  const packages = await readPackages(database, { lists, mirrored: mirroredBy(origins, lists), pool, notes })
  await database.requireUnchanged()
  const groups = (list: string, component: string): OldGroup => ({
    component,
    packages: packages.good(lists.get(list)),
  })
  return {
    packages: packages.all,
    suites: origins.map(({ suite, parts }) => withArchitectures(suite, parts, lists, packages)),
    past: statesOf(origins, groups),
    present: new Map(
      origins.map(({ suite, parts }) => [suite.name, parts.map(({ list, component }) => groups(list, component))]),
    ),
    notes,
  }
}

async function findOrigins(database: LevelDatabase, notes: string[]): Promise<Origin[]> {
  const all = await snapshots(database)
  const byId = new Map(all.map((snapshot) => [snapshot.id, snapshot]))
  const lines = Map.groupBy(all, (snapshot) => lineOf(snapshot, byId))
  const lineOfSources = (kind: string, id: string): Snapshot[] => lines.get(`${kind} ${id}`) ?? []
  const names = new Names(notes)
  const origins: Origin[] = []
  const origin = (kind: Origin['kind'], name: string, was: string, part: Origin['parts'][number]): Origin => {
    const settings = { components: [part.component], architectures: [], versions: 'all' } as const
    return { kind, suite: { name: names.free(name, was), aliases: [], settings, was }, parts: [part] }
  }
  for (const each of await published(database)) {
    const parts = [...each.sources]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([component, id]) => {
        if (each.sourceKind === 'local') return { component, list: each.id + component, line: [] }
        const snapshot = byId.get(id)
        if (snapshot === undefined) throw lost(`the snapshot that ${each.distribution} shows`, id)
        const line = lines.get(lineOf(snapshot, byId)) ?? []
        return { component, list: id, line: line.slice(0, line.indexOf(snapshot) + 1) }
      })
    origins.push({ kind: 'published', suite: publishedSuite(each, names, notes), parts })
  }
  for (const { id, name, component } of await localRepos(database)) {
    const line = lineOfSources('local', id)
    origins.push(origin('local', `repo/${name}`, `local repo ${name}`, { component, list: id, line }))
  }
  for (const { id, name, url, distribution } of await mirrors(database)) {
    const line = lineOfSources('repo', id)
    origins.push(origin('repo', `mirror/${name}`, `mirror ${name}`, { component: 'main', list: id, line }))
    notes.push(`The mirror ${name} came with its packages as they are; it followed ${url} ${distribution}.`)
  }
  const held = new Set(origins.flatMap(({ parts }) => parts.flatMap(({ line }) => line)))
  for (const snapshot of all.filter((each) => !held.has(each))) {
    const part = { component: 'main', list: snapshot.id, line: [snapshot] }
    origins.push(origin('snapshot', `snapshot/${snapshot.name}`, `snapshot ${snapshot.name}`, part))
  }
  return origins
}

/** aptly fills in what was not set (deb/publish.go), and apt asks its user before it follows a change of that. */
function publishedSuite(each: Published, names: Names, notes: string[]): OldSuite {
  const { prefix, distribution } = each
  const was = `published distribution ${[each.storage, prefix, distribution].filter((part) => part !== '').join(' ')}`
  const path = [each.storage.replace(/^[^:]*:/, ''), prefix === '.' ? '' : prefix, distribution].filter(
    (part) => part !== '',
  )
  const name = names.free(path.join('/'), was)
  const usual = `${prefix} ${distribution}`
  const components = [...each.sources.keys()].toSorted(
    (a, b) => Number(b === 'main') - Number(a === 'main') || (a < b ? -1 : 1),
  )
  if (each.other.length > 0) notes.push(`${name}: ${each.other.join(', ')} of aptly means nothing here.`)
  return {
    name,
    aliases: [],
    was,
    settings: {
      suite: each.suite || distribution,
      codename: each.codename || distribution,
      origin: each.origin || usual,
      label: each.label || usual,
      components,
      architectures: each.architectures.filter((word) => isArchitecture(word) && word !== 'all').toSorted(),
      versions: 'all',
      notAutomatic: each.notAutomatic,
      butAutomaticUpgrades: each.notAutomatic && each.butAutomaticUpgrades,
      contents: each.contents,
    },
  }
}

/** Names of suites, each given once. */
class Names {
  readonly #notes: string[]
  readonly #taken = new Map<string, string>()

  constructor(notes: string[]) {
    this.#notes = notes
  }

  free(wanted: string, was: string): string {
    const segments = wanted.split('/').filter((segment) => segment !== '')
    const name = segments
      .map((segment) => segment.replace(/[^A-Za-z0-9_.+~-]/g, '-').replace(/^[^A-Za-z0-9_]/, '_'))
      .join('/')
    const other = this.#taken.get(name)
    if (other !== undefined || !isSuiteName(name)) {
      const reason = other === undefined ? 'no suite can have such a name' : `so would the ${other}`
      throw new AshlarError(
        'import-unreadable',
        `The ${was} would become the suite ${name}; ${reason}. Rename it in aptly.`,
      )
    }
    if (name !== wanted) this.#notes.push(`The ${was} became the suite ${name}.`)
    this.#taken.set(name, was)
    return name
  }
}

/** A local repo that is published as it is now, and has no snapshots, is that suite and needs none of its own. */
function isShown({ kind, suite, parts }: Origin, all: readonly Origin[], lists: Lists, notes: string[]): boolean {
  const [part] = parts
  if (kind !== 'local' || part === undefined || part.line.length > 0) return false
  const own = lists.get(part.list)
  const shownBy = all.find(
    (other) => other.kind === 'published' && other.parts.some(({ list }) => sameList(lists.get(list), own)),
  )
  if (shownBy === undefined) return false
  notes.push(`The ${suite.was} is what the suite ${shownBy.suite.name} has, and became no suite of its own.`)
  return true
}

function sameList(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((number, index) => number === b[index])
}

/** What came by a mirror has been brought by nobody here. */
function mirroredBy(origins: readonly Origin[], lists: Lists): Set<number> {
  const mirrored = new Set<number>()
  for (const { parts } of origins.filter(({ kind }) => kind === 'repo')) {
    for (const { list, line } of parts) {
      for (const id of [list, ...line.map((snapshot) => snapshot.id)])
        for (const number of lists.get(id)) mirrored.add(number)
    }
  }
  return mirrored
}

function neededLists(origins: readonly Origin[]): Set<string> {
  return new Set(origins.flatMap(({ parts }) => parts.flatMap(({ list, line }) => [list, ...line.map(({ id }) => id)])))
}

/** Lists of packages, each package as a number, so that many lists of the same packages take little memory. */
class Lists {
  readonly keys = new Map<string, number>()
  readonly #lists = new Map<string, Uint32Array>()

  static async read(database: LevelDatabase, needed: ReadonlySet<string>): Promise<Lists> {
    const lists = new Lists()
    for await (const [id, keys] of packageLists(database)) {
      if (needed.has(id))
        lists.#lists.set(
          id,
          Uint32Array.from(keys, (key) => lists.#number(key.toString('utf8'))),
        )
    }
    return lists
  }

  #number(key: string): number {
    const known = this.keys.get(key)
    if (known !== undefined) return known
    this.keys.set(key, this.keys.size)
    return this.keys.size - 1
  }

  /** Empty if it never had any. */
  get(id: string): Uint32Array {
    return this.#lists.get(id) ?? new Uint32Array()
  }
}

interface Packages {
  readonly all: readonly OldPackage[]
  /** The packages of a list that there are. */
  good(list: Uint32Array): Iterable<number>
}

interface Reading {
  readonly lists: Lists
  readonly mirrored: ReadonlySet<number>
  readonly pool: string
  readonly notes: string[]
}

async function readPackages(database: LevelDatabase, { lists, mirrored, pool, notes }: Reading): Promise<Packages> {
  const files = new Map<string, readonly OldFile[]>()
  for await (const [key, found] of packageFiles(database, pool)) if (lists.keys.has(key)) files.set(key, found)
  const people = new Map<string, string | undefined>()
  for await (const [key, name] of maintainers(database)) if (lists.keys.has(key)) people.set(key, addressIn(name))
  const all: OldPackage[] = []
  /** Of each key its package, or -1 for what is no package here. */
  const places = new Int32Array(lists.keys.size)
  for (const [key, number] of lists.keys) {
    const found = files.get(key)
    if (found === undefined) throw lost('the files of the package', key)
    const [architecture = '', name = '', version = ''] = key.slice(1).split(' ')
    const main = found.find((file) =>
      architecture === 'source' ? file.name.endsWith('.dsc') : /\.[ud]?deb$/.test(file.name),
    )
    if (main === undefined) {
      notes.push(`${name} ${version} (${architecture}) is no package, and was left out.`)
      places[number] = -1
      continue
    }
    places[number] = all.length
    const others = found.filter((file) => file !== main)
    const uploader = mirrored.has(number) ? undefined : people.get(key)
    all.push({ name, version, architecture, files: [main, ...others], uploader })
  }
  return { all, good: (list) => Int32Array.from(list, (number) => places[number] ?? -1).filter((place) => place >= 0) }
}

/** A local repo or a mirror has no list of architectures: its packages say which. */
function withArchitectures(suite: OldSuite, parts: Origin['parts'], lists: Lists, packages: Packages): OldSuite {
  if (suite.settings.architectures.length > 0) return suite
  const found = new Set<string>()
  for (const { list } of parts) {
    for (const index of packages.good(lists.get(list))) found.add(packages.all[index]?.architecture ?? '')
  }
  const architectures = [...found].filter((word) => isArchitecture(word) && word !== 'all').toSorted()
  return { ...suite, settings: { ...suite.settings, architectures } }
}

/** One state for each snapshot that belongs to a line: of each suite whose line it is, all components as of then. */
function statesOf(origins: readonly Origin[], groups: (list: string, component: string) => OldGroup): OldState[] {
  const moments = new Set(origins.flatMap(({ parts }) => parts.flatMap(({ line }) => line)))
  const inOrder = [...moments].toSorted((a, b) => a.createdAt - b.createdAt || (a.name < b.name ? -1 : 1))
  const position = new Map(inOrder.map((snapshot, index) => [snapshot, index]))
  return inOrder.map((snapshot, index) => {
    const touched = origins.filter(({ parts }) => parts.some(({ line }) => line.includes(snapshot)))
    const suites = touched.map(({ suite, parts }) => {
      const then = parts.flatMap(({ component, line }) => {
        const last = line.findLast((each) => (position.get(each) ?? 0) <= index)
        return last === undefined ? [] : [groups(last.id, component)]
      })
      return [suite.name, then] as const
    })
    return {
      key: snapshot.id,
      name: snapshot.name,
      at: snapshot.createdAt === 0 ? undefined : snapshot.createdAt / 1000,
      suites: new Map(suites),
    }
  })
}

function lost(what: string, id: string): AshlarError {
  return new AshlarError('import-unreadable', `aptly’s database lacks ${what} (${id}); \`aptly db recover\` may help.`)
}
