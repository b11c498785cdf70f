/** What a mirror takes from where, as it is kept; and what can be wrong with it. */
import { AshlarError } from '../common/errors.ts'
import { isFlat, isFlatPath } from './flat-archive.ts'
import { parsePackageQuery } from '../debian/package-query.ts'
import { isArchitecture, isComponentName, isSuiteName } from '../debian/names.ts'

/** Indexes that are taken as they are, beside those that list packages. */
export const extraIndexes = ['translations', 'contents', 'dep11', 'cnf'] as const
export type ExtraIndex = (typeof extraIndexes)[number]

/** What an update takes at most: an upstream may claim anything. */
export interface MirrorLimits {
  /** Of one index, as upstream has it. */
  readonly maxIndexBytes: number
  /** Of one file of a package. */
  readonly maxFileBytes: number
  /** Of all that one update fetches. */
  readonly maxFetchBytes: number
  /** Entries of the indexes of packages that one update reads. */
  readonly maxPackages: number
  readonly timeoutSeconds: number
}

/** Several times what Debian or Ubuntu have with all their architectures. */
export const usualLimits: MirrorLimits = {
  maxIndexBytes: 1e9,
  maxFileBytes: 20e9,
  maxFetchBytes: 2e12,
  maxPackages: 2_000_000,
  timeoutSeconds: 86_400,
}

export interface MirrorSettings extends MirrorLimits {
  /** Of the archive: `dists/` and `pool/` lie below it. With a slash at its end. */
  readonly url: string
  readonly upstreamSuite: string
  /** What its Release calls itself, if that is neither its suite nor its codename. */
  readonly expects: string | null
  /** Null: all that upstream has. */
  readonly components: readonly string[] | null
  /** Null: all that upstream has. */
  readonly architectures: readonly string[] | null
  readonly sources: boolean
  /** Packages of the Debian installer. */
  readonly udebs: boolean
  /** A query that packages have to match; null: all are taken. */
  readonly filter: string | null
  /** Whether what the matching packages depend on comes with them. */
  readonly withDeps: boolean
  /** Files are fetched when they are first asked for. */
  readonly lazy: boolean
  readonly indexes: readonly ExtraIndex[]
  /** Of the translations. */
  readonly languages: readonly string[]
  /** Whether a Release counts that upstream says not to rely on any more. */
  readonly ignoreValidUntil: boolean
  /** How often it is updated by itself; null: when it is asked for. */
  readonly everySeconds: number | null
}

/** What a mirror has of which nothing else is said. */
export const usualSettings: Omit<MirrorSettings, 'url' | 'upstreamSuite'> = {
  expects: null,
  components: null,
  architectures: null,
  sources: false,
  udebs: false,
  filter: null,
  withDeps: false,
  lazy: false,
  indexes: extraIndexes,
  languages: ['en'],
  ignoreValidUntil: false,
  everySeconds: null,
  ...usualLimits,
}

const shortestIntervalSeconds = 60
const longestTimeoutSeconds = 20 * 86_400
const longestIntervalSeconds = 366 * 86_400

/** @throws AshlarError request-invalid, query-invalid, naming what is wrong */
export function checkMirrorSettings(settings: MirrorSettings): MirrorSettings {
  if (isFlat(settings.upstreamSuite)) {
    if (settings.components !== null) throw invalid('A flat archive, whose suite ends with a slash, has no components')
    if (settings.udebs) throw invalid('A flat archive has no packages of the installer')
  }
  const isNamed = isFlat(settings.upstreamSuite)
    ? isFlatPath(settings.upstreamSuite)
    : isSuiteName(settings.upstreamSuite)
  if (!isNamed) {
    throw invalid(`${JSON.stringify(settings.upstreamSuite)} cannot be the name of a suite`)
  }
  for (const component of settings.components ?? []) {
    if (!isComponentName(component)) throw invalid(`${JSON.stringify(component)} cannot be a component`)
  }
  for (const architecture of settings.architectures ?? []) {
    if (isArchitecture(architecture) && architecture !== 'all') continue
    throw invalid(`'${architecture}' cannot be the architecture of a machine`)
  }
  if (settings.components?.length === 0 || settings.architectures?.length === 0) {
    throw invalid('At least one component and one architecture are mirrored')
  }
  for (const language of settings.languages) {
    if (!/^[A-Za-z_]{2,10}$/.test(language)) throw invalid(`${JSON.stringify(language)} cannot be a language`)
  }
  const every = settings.everySeconds
  if (every !== null && (every < shortestIntervalSeconds || every > longestIntervalSeconds)) {
    throw invalid('A mirror is updated at most once a minute, and at least once a year')
  }
  const { timeoutSeconds } = settings
  if (timeoutSeconds < shortestIntervalSeconds || timeoutSeconds > longestTimeoutSeconds) {
    throw invalid('An update may take at least a minute, and at most 20 days')
  }
  if (settings.withDeps && settings.filter === null) {
    throw invalid('Dependencies are added to what a filter chooses; without a filter everything is taken')
  }
  if (settings.filter !== null) parsePackageQuery(settings.filter)
  return { ...settings, url: checkUrl(settings.url) }
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw invalid('The URL of an archive is an http or https URL')
  }
  // Whoever may see the mirror would see them.
  if (url.username !== '' || url.password !== '') throw invalid('The URL of an archive holds no user name or password')
  if (url.search !== '' || url.hash !== '') throw invalid('The URL of an archive has no query and no fragment')
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}

function invalid(sentence: string): AshlarError {
  return new AshlarError('request-invalid', `${sentence}.`)
}
