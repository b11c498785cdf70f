/**
 * An archive as one would write it down first: whole states, no history, no chunks, every text made from scratch.
 * A state never changes; what is done to it gives another, or the code of the refusal.
 */
import type {
  ChangeRequest,
  PackagePlacement,
  PackageSelector,
  StepRequest,
  SuiteSettings,
} from '../../src/archive/archives.ts'
import { createHash } from 'node:crypto'
import { defaultSettings, withSettings } from '../../src/archive/settings.ts'
import type { ErrorCode } from '../../src/common/errors.ts'
import { compareVersions } from '../../src/debian/version.ts'
import type { ModelPackage } from './universe.ts'

export interface Item {
  readonly pkg: ModelPackage
  readonly map: ModelPackage['map']
  readonly component: string
  readonly section: string | null
  readonly priority: string | null
  readonly directory: string
}

export interface NaiveSuite {
  readonly settings: SuiteSettings
  readonly items: readonly Item[]
}

export interface NaiveState {
  readonly suites: ReadonlyMap<string, NaiveSuite>
  /** Alias -> suite. */
  readonly aliases: ReadonlyMap<string, string>
  /** Path -> digest, for ever. */
  readonly pool: ReadonlyMap<string, string>
}

export const emptyState: NaiveState = { suites: new Map(), aliases: new Map(), pool: new Map() }

class Refusal extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode) {
    super(code)
    this.code = code
  }
}

/** What packages there are, and what the states before were. */
export interface Past {
  readonly packages: ReadonlyMap<number, ModelPackage>
  /** By revision. */
  readonly states: readonly NaiveState[]
}

/** Why a change is refused; of a batch, with the step that is to blame, from 1. */
export interface Refused {
  readonly code: ErrorCode
  readonly step: number | undefined
}

/** The state after a change. */
export function apply(past: Past, state: NaiveState, request: ChangeRequest): NaiveState | Refused {
  let step = 0
  try {
    if (request.kind !== 'batch') return applied(past, state, request, 'single')
    let next = state
    for (const one of request.steps) {
      step += 1
      next = applied(past, next, one, 'step')
    }
    return next
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, step: request.kind === 'batch' ? step : undefined }
    throw error
  }
}

function applied(past: Past, state: NaiveState, request: StepRequest, as: 'single' | 'step'): NaiveState {
  switch (request.kind) {
    case 'suite-create': {
      const names = [request.suite, ...(request.aliases ?? [])]
      const isTaken = (name: string): boolean => state.suites.has(name) || state.aliases.has(name)
      if (names.some(isTaken) || new Set(names).size < names.length) throw new Refusal('conflict')
      const settings = withSettings(defaultSettings(request.suite), request.settings)
      const aliases = new Map([...state.aliases, ...names.slice(1).map((name) => [name, request.suite] as const)])
      return { ...state, aliases, suites: new Map([...state.suites, [request.suite, { settings, items: [] }]]) }
    }
    case 'suite-update': {
      const { name, suite } = find(state, request.suite)
      return withSuite(state, name, { ...suite, settings: withSettings(suite.settings, request.settings) })
    }
    case 'alias': {
      const target = request.suite === null ? undefined : find(state, request.suite).name
      if (state.suites.has(request.name)) throw new Refusal('conflict')
      if (target === undefined && !state.aliases.has(request.name)) throw new Refusal('not-found')
      const others = [...state.aliases].filter(([name]) => name !== request.name)
      return { ...state, aliases: new Map(target === undefined ? others : [...others, [request.name, target]]) }
    }
    case 'mirror':
      throw new Error('What upstream has is no part of the model')
    case 'add': {
      const { name, suite } = find(state, request.suite)
      const secondPath = request.onPoolConflict === 'second-path'
      const forDebug = (): string =>
        suite.settings.debugSuite === null ? name : find(state, suite.settings.debugSuite).name
      const suiteFor = (pkg: ModelPackage): string => (pkg.map === 'debug' ? forDebug() : name)
      const coming = placed(past, state, suiteFor, request.packages, secondPath)
      const into = (before: NaiveState, target: string): NaiveState => {
        const own = coming.items.filter((item) => suiteFor(item.pkg) === target)
        const now = find(before, target).suite
        requireThawed(now)
        return withItems(before, target, now, added(now, now.items, own, secondPath), now.items, own)
      }
      const others = new Set(coming.items.map((item) => suiteFor(item.pkg)).filter((target) => target !== name))
      return { ...[...others].reduce(into, into(state, name)), pool: coming.pool }
    }
    case 'edit': {
      const { name, suite } = find(state, request.suite)
      const coming = placed(past, state, () => name, request.add, request.onPoolConflict === 'second-path')
      requireThawed(suite)
      const left = suite.items.filter((item) => !request.remove.includes(item.pkg.id))
      const next = added(suite, left, coming.items, request.onPoolConflict === 'second-path')
      return { ...withItems(state, name, suite, next, suite.items, coming.items), pool: coming.pool }
    }
    case 'remove': {
      const { name, suite } = find(state, request.suite)
      requireThawed(suite)
      if (!request.packages.every((one) => suite.items.some((item) => selects(one, item))))
        throw new Refusal('not-found')
      const left = suite.items.filter((item) => !request.packages.some((one) => selects(one, item)))
      return withItems(state, name, suite, left, suite.items, [])
    }
    case 'copy': {
      const thenOf = (): NaiveState => (request.from.at === undefined ? state : stateAt(past, request.from.at))
      // What a change of its own copies is found before its turn comes.
      if (as === 'single') thenOf()
      const { name, suite } = find(state, request.suite)
      if (as === 'step') requireThawed(suite)
      const then = thenOf()
      const from = find(then, request.from.suite).suite.items
      const place = (item: Item): { target: string; map: Item['map'] } => {
        if (item.pkg.map !== 'debug') return { target: name, map: item.map }
        const target = suite.settings.debugSuite === null ? name : find(state, suite.settings.debugSuite).name
        return { target, map: isDebugSuite(state, target) ? 'packages' : 'debug' }
      }
      const { packages: wanted = [], sources = [] } = request
      const isAll = request.packages === undefined && request.sources === undefined
      const isChosen = (item: Item): boolean =>
        wanted.some((one) => selects(one, item)) || sources.some((one) => isBuilt(one, item))
      const chosen = isAll ? from : from.filter(isChosen)
      const requireRoom = (items: readonly Item[]): void => {
        for (const item of items) place(item)
        const hasRoom = (item: Item): boolean =>
          find(state, place(item).target).suite.settings.components.includes(item.component)
        if (!items.every(hasRoom)) throw new Refusal('component-unknown')
      }
      requireRoom(chosen)
      if (wanted.some((one) => !from.some((item) => selects(one, item)))) throw new Refusal('not-found')
      if (sources.some((one) => !from.some((item) => isBuilt(one, item)))) throw new Refusal('not-found')
      const beside = isAll || request.sources !== undefined ? symbolsBeside(then, request.from.suite) : []
      const symbols = beside.filter((item) => isAll || sources.some((one) => isBuilt(one, item)))
      requireRoom(symbols)
      const coming = [...chosen, ...symbols].map((item) => ({
        ...item,
        map: place(item).map,
        target: place(item).target,
      }))
      const into = (before: NaiveState, target: string): NaiveState => {
        const own = coming.filter((item) => item.target === target).map(({ target: _, ...item }) => item)
        const now = find(before, target).suite
        requireThawed(now)
        return withItems(before, target, now, added(now, now.items, own, false), now.items, own)
      }
      const others = new Set(coming.map((item) => item.target).filter((target) => target !== name))
      return [...others].reduce(into, into(state, name))
    }
    case 'rollback': {
      const { name, suite } = find(state, request.suite)
      requireThawed(suite)
      const then = stateAt(past, request.to).suites.get(name)
      if (then === undefined) throw new Refusal('snapshot-unknown')
      return withSuite(state, name, { ...suite, items: then.items })
    }
  }
}

/** The debug symbols in the suite that a suite names for them. */
function symbolsBeside(state: NaiveState, suite: string): readonly Item[] {
  const { name, suite: from } = find(state, suite)
  const named = from.settings.debugSuite ?? ''
  const debug = state.suites.has(named) ? named : (state.aliases.get(named) ?? '')
  return debug === name ? [] : (state.suites.get(debug)?.items ?? []).filter((item) => item.pkg.map === 'debug')
}

function requireThawed(suite: NaiveSuite): void {
  if (suite.settings.frozen) throw new Refusal('suite-frozen')
}

function stateAt(past: Past, at: string): NaiveState {
  const state = past.states[Number(at.slice(1))]
  if (state === undefined || at === 'r0') throw new Refusal('snapshot-unknown')
  return state
}

export function find(state: NaiveState, name: string): { name: string; suite: NaiveSuite } {
  const real = state.suites.has(name) ? name : (state.aliases.get(name) ?? '')
  const suite = state.suites.get(real)
  if (suite === undefined) throw new Refusal('suite-unknown')
  return { name: real, suite }
}

function withSuite(state: NaiveState, name: string, suite: NaiveSuite): NaiveState {
  return { ...state, suites: new Map([...state.suites, [name, suite]]) }
}

function selects(selector: PackageSelector, { pkg }: Item): boolean {
  return (
    selector.name === pkg.name &&
    (selector.version === undefined || selector.version === pkg.version) &&
    (selector.architecture === undefined || selector.architecture === pkg.architecture)
  )
}

function isBuilt(source: { name: string; version?: string }, { pkg }: Item): boolean {
  return pkg.source === source.name && (source.version ?? pkg.sourceVersion) === pkg.sourceVersion
}

/** Where the packages go in the pool. */
function placed(
  past: Past,
  state: NaiveState,
  suiteFor: (pkg: ModelPackage) => string,
  placements: readonly PackagePlacement[],
  secondPath: boolean,
): { items: Item[]; pool: ReadonlyMap<string, string> } {
  const pool = new Map(state.pool)
  const wishes = placements.map((placement) => {
    const pkg = past.packages.get(placement.packageId)
    if (pkg === undefined) throw new Refusal('not-found')
    const { name, suite } = find(state, suiteFor(pkg))
    const map = pkg.map === 'debug' && isDebugSuite(state, name) ? ('packages' as const) : pkg.map
    return { pkg, placement, map, component: componentOf(suite.settings, pkg, placement.component) }
  })
  const items = wishes.map(({ pkg, placement, map, component }): Item => {
    const initial = pkg.source.startsWith('lib') ? pkg.source.slice(0, 4) : pkg.source.slice(0, 1)
    const first = `pool/${component}/${initial}/${pkg.source}`
    const second = `${first}/${pkg.sha256.slice(0, 12)}`
    const isTaken = pkg.files.some((file) => (pool.get(`${first}/${file.name}`) ?? file.sha256) !== file.sha256)
    if (isTaken && !secondPath) throw new Refusal('pool-name-taken')
    for (const file of pkg.files) {
      const path = `${first}/${file.name}`
      if (!pool.has(path)) pool.set(path, file.sha256)
      if (isTaken) pool.set(`${second}/${file.name}`, file.sha256)
    }
    const { section = null, priority = null } = placement
    return { pkg, map, component, section, priority, directory: isTaken ? second : first }
  })
  return { items, pool }
}

/** Whether some suite sends debug symbols there. */
function isDebugSuite(state: NaiveState, name: string): boolean {
  const names = [...state.suites.values()].map((suite) => suite.settings.debugSuite ?? '')
  return names.some((one) => (state.suites.has(one) ? one : state.aliases.get(one)) === name)
}

function componentOf(settings: SuiteSettings, pkg: ModelPackage, asked: string | undefined): string {
  if (asked !== undefined && !settings.components.includes(asked)) throw new Refusal('component-unknown')
  const named = pkg.section?.split('/').slice(0, -1).join('/')
  return asked ?? settings.components.find((one) => one === named) ?? settings.components[0] ?? ''
}

function sameSeries(a: Item, b: Item): boolean {
  const isSource = (item: Item): boolean => item.map === 'sources'
  return a.pkg.name === b.pkg.name && a.pkg.architecture === b.pkg.architecture && isSource(a) === isSource(b)
}

function isSame(a: Item, b: Item): boolean {
  return a.pkg === b.pkg && a.component === b.component && a.section === b.section && a.priority === b.priority
}

const older = (a: Item, b: Item): boolean => compareVersions(a.pkg.version, b.pkg.version) < 0

/** The items of a suite after others have come, whatever becomes of outdated sources. */
function added(suite: NaiveSuite, present: readonly Item[], coming: readonly Item[], replaceTwins: boolean): Item[] {
  const newest = suite.settings.versions === 'newest'
  const isRuled = (item: Item): boolean => newest && item.map !== 'sources'
  let items = [...present]
  const accepted: Item[] = []
  for (const item of coming) {
    if (isRuled(item) && coming.some((other) => sameSeries(item, other) && older(item, other))) continue
    if (items.some((other) => isSame(other, item)) || accepted.some((other) => other.pkg === item.pkg)) continue
    const twinOf = (other: Item): boolean =>
      sameSeries(item, other) && other.pkg !== item.pkg && !older(item, other) && !older(other, item)
    if ([...items, ...coming].some(twinOf) && !replaceTwins) throw new Refusal('conflict')
    if (accepted.some(twinOf)) continue
    if (isRuled(item) && items.some((other) => sameSeries(item, other) && older(item, other))) {
      throw new Refusal('conflict')
    }
    const isReplaced = (other: Item): boolean =>
      other.pkg === item.pkg || twinOf(other) || (isRuled(item) && sameSeries(item, other) && older(other, item))
    items = items.filter((other) => !isReplaced(other))
    accepted.push(item)
  }
  return [...items, ...accepted]
}

/** With the sources rule of suites that keep only the newest versions. */
function withItems(
  state: NaiveState,
  name: string,
  suite: NaiveSuite,
  next: readonly Item[],
  before: readonly Item[],
  coming: readonly Item[],
): NaiveState {
  if (suite.settings.versions === 'all') return withSuite(state, name, { ...suite, items: next })
  // Looked at: the sources of what came and went, and of what stood beside it.
  const names = new Set(coming.map((item) => item.pkg.name))
  const gone = before.filter((item) => !next.includes(item))
  const looked = new Set(
    [...coming, ...gone, ...before.filter((item) => names.has(item.pkg.name))].map((item) => item.pkg.source),
  )
  const sources = next.filter((item) => item.map === 'sources')
  const isBuiltFrom = (item: Item): boolean =>
    next.some(
      ({ pkg }) => pkg.map !== 'sources' && pkg.source === item.pkg.name && pkg.sourceVersion === item.pkg.version,
    )
  const isOutdated = (item: Item): boolean =>
    sources.includes(item) &&
    looked.has(item.pkg.name) &&
    sources.some((other) => other.pkg.name === item.pkg.name && older(item, other)) &&
    !isBuiltFrom(item)
  for (const item of next.filter((one) => isOutdated(one) && coming.includes(one))) {
    const newer = coming.filter((other) => other.pkg.map === 'sources' && other.pkg.name === item.pkg.name)
    if (!newer.some((other) => older(item, other))) throw new Refusal('conflict')
  }
  return withSuite(state, name, { ...suite, items: next.filter((item) => !isOutdated(item)) })
}

/** The text of each index of a suite, by its path. */
export function indexTexts(suite: NaiveSuite): Map<string, string> {
  const { components, architectures } = layout(suite)
  const texts = new Map<string, string>()
  for (const component of components) {
    const own = suite.items.filter((item) => item.component === component)
    const listing = (map: ModelPackage['map'], architecture: string): string =>
      own
        .filter((item) => item.map === map && item.pkg.architecture === architecture)
        .toSorted(inOrder)
        .map((item) => entryText(item, suite.settings))
        .join('')
    for (const [map, directory] of [
      ['packages', ''],
      ['udeb', 'debian-installer/'],
      ['debug', 'debug/'],
    ] as const) {
      if (map !== 'packages' && !own.some((item) => item.map === map)) continue
      for (const architecture of architectures) {
        const path = `${component}/${directory}binary-${architecture}/Packages`
        texts.set(path, listing(map, 'all') + (architecture === 'all' ? '' : listing(map, architecture)))
      }
    }
    texts.set(`${component}/source/Sources`, listing('sources', 'source'))
    if (!suite.settings.translations) continue
    const translations = translationsOf(suite, component).map((entry) => entry.text)
    texts.set(`${component}/i18n/Translation-en`, translations.join(''))
  }
  return texts
}

/** The long descriptions of a component, each text of each package once: in the order of the names of packages. */
export function translationsOf(suite: NaiveSuite, component: string): { key: string; text: string }[] {
  if (!suite.settings.translations) return []
  const items = suite.items.filter((item) => item.component === component && item.map === 'packages')
  const texts = new Map<string, Set<string>>()
  for (const { pkg } of items) {
    const { long, md5 } = descriptionIn(pkg.stanza)
    const text = `Package: ${pkg.name}\nDescription-md5: ${md5}\nDescription-en: ${long}\n\n`
    texts.set(pkg.name, (texts.get(pkg.name) ?? new Set()).add(text))
  }
  const keys = [...texts.keys()].toSorted()
  return keys.map((key) => ({ key, text: [...(texts.get(key) ?? [])].toSorted().join('') }))
}

function descriptionIn(stanza: string): { long: string; md5: string } {
  const long = stanza.slice(stanza.indexOf('\nDescription: ') + '\nDescription: '.length).trimEnd()
  return { long, md5: createHash('md5').update(`${long}\n`).digest('hex') }
}

/** The small Release beside each Packages and Sources, by its path. */
export function rawTexts(suite: NaiveSuite): Map<string, string> {
  const { suite: archive, origin, label, notAutomatic, butAutomaticUpgrades } = suite.settings
  const paths = [...indexTexts(suite).keys()].filter((path) => !path.includes('/i18n/'))
  return new Map(
    paths.map((path) => {
      const [component = '', ...directories] = path.split('/').slice(0, -1)
      const lines = [
        `Archive: ${archive}`,
        `Origin: ${origin}`,
        `Label: ${label}`,
        ...(notAutomatic ? ['NotAutomatic: yes'] : []),
        ...(butAutomaticUpgrades ? ['ButAutomaticUpgrades: yes'] : []),
        'Acquire-By-Hash: yes',
        `Component: ${component}${directories[0] === 'debug' ? '/debug' : ''}`,
        `Architecture: ${directories.at(-1)?.replace('binary-', '') ?? ''}`,
      ]
      return [`${[component, ...directories].join('/')}/Release`, `${lines.join('\n')}\n`]
    }),
  )
}

/** Those that are set, and those that are used. */
export function layout(suite: NaiveSuite): { components: string[]; architectures: string[] } {
  const { items, settings } = suite
  const machines = items.map((item) => item.pkg.architecture).filter((name) => name !== 'all' && name !== 'source')
  return {
    components: [...new Set([...settings.components, ...items.map((item) => item.component)])],
    architectures: [
      ...new Set([...(settings.architectureAll === 'separate' ? ['all'] : []), ...settings.architectures, ...machines]),
    ],
  }
}

/** By source, then by name, then as dpkg orders versions. */
export function inOrder(a: Item, b: Item): number {
  if (a.pkg.source !== b.pkg.source) return a.pkg.source < b.pkg.source ? -1 : 1
  if (a.pkg.name !== b.pkg.name) return a.pkg.name < b.pkg.name ? -1 : 1
  return compareVersions(a.pkg.version, b.pkg.version)
}

export function entryText(
  { pkg, map, directory, section, priority }: Item,
  { translations }: Pick<SuiteSettings, 'translations'>,
): string {
  const fields = pkg.stanza.trimEnd().split(/\n(?! )/)
  if (translations && map === 'packages') {
    const { long, md5 } = descriptionIn(pkg.stanza)
    fields.splice(-1, 1, `Description: ${long.split('\n')[0]}`, `Description-md5: ${md5}`)
  }
  const override = (name: string, value: string | null): void => {
    if (value === null) return
    const at = fields.findIndex((field) => field.startsWith(`${name}: `))
    if (at === -1) fields.push(`${name}: ${value}`)
    else fields[at] = `${name}: ${value}`
  }
  override('Section', section)
  override('Priority', priority)
  if (pkg.kind === 'dsc') return `${[...fields, `Directory: ${directory}`].join('\n')}\n\n`
  const size = fields.findIndex((field) => field.startsWith('Size: '))
  fields.splice(size, 0, `Filename: ${directory}/${pkg.files[0]?.name ?? ''}`)
  return `${fields.join('\n')}\n\n`
}
