/** Which indexes a suite has, and of which maps each is made. */
import { contentsIndexes } from './contents/contents-places.ts'
import { translationPlace } from './long-descriptions.ts'
import type { SuiteSettings } from './settings.ts'
import { isItemPlace, type MapKind, type Place } from './suite-items.ts'

/** An index below a suite's directory, without the ending of its form. */
export interface IndexPath {
  readonly path: string
  /** In order: what all architectures share comes first, so that they share its chunks. */
  readonly places: readonly [Place, ...Place[]]
  /** For packages and sources: as which component and architecture its directory counts. */
  readonly directory?: { readonly component: string; readonly architecture: string }
}

/** What the places of a suite's packages, together with its settings, make of it. */
export interface SuiteLayout {
  readonly components: readonly string[]
  readonly architectures: readonly string[]
  readonly indexes: readonly IndexPath[]
}

/** Below the directory of the component, where each kind of binary package is listed. */
const directories: Readonly<Record<Exclude<MapKind, 'sources'>, string>> = {
  packages: '',
  udeb: 'debian-installer/',
  // As reprepro lays out its .ddebs: `main/debug` can be named as a component of its own in a client's sources.
  debug: 'debug/',
}

/** @param filled the places of the suite's maps that are not empty */
export function layoutOf(settings: SuiteSettings, filled: readonly Place[]): SuiteLayout {
  const used = filled.filter(isItemPlace)
  const components = withOthers(
    settings.components,
    used.map((place) => place.component),
  )
  const machines = used.map((place) => place.architecture).filter((name) => name !== 'all' && name !== 'source')
  const named = settings.architectureAll === 'separate' ? ['all', ...settings.architectures] : settings.architectures
  const architectures = withOthers(named, machines)
  const kindsOf = (component: string): Set<MapKind> =>
    new Set<MapKind>(['packages', ...used.filter((place) => place.component === component).map((place) => place.kind)])
  const binaryKindsOf = (component: string) => [...kindsOf(component)].filter((kind) => kind !== 'sources').toSorted()

  const indexes = components.flatMap((component): IndexPath[] => [
    ...binaryKindsOf(component).flatMap((kind) =>
      architectures.map((architecture): IndexPath => ({
        path: `${component}/${directories[kind]}binary-${architecture}/Packages`,
        places: [
          { component, kind, architecture: 'all' },
          ...(architecture === 'all' ? [] : [{ component, kind, architecture }]),
        ],
        directory: { component: kind === 'debug' ? `${component}/debug` : component, architecture },
      })),
    ),
    {
      path: `${component}/source/Sources`,
      places: [{ component, kind: 'sources', architecture: 'source' }],
      directory: { component, architecture: 'source' },
    },
    ...(settings.translations
      ? [{ path: `${component}/i18n/Translation-en`, places: [translationPlace(component)] as const }]
      : []),
    ...(settings.contents ? contentsIndexes(component, binaryKindsOf(component), architectures) : []),
  ])
  const debug = components.filter((component) => kindsOf(component).has('debug')).map((name) => `${name}/debug`)
  return { components: [...components, ...debug], architectures, indexes }
}

/** The named ones in their order, then the others sorted. */
function withOthers(named: readonly string[], others: readonly string[]): string[] {
  return [...named, ...[...new Set(others)].filter((name) => !named.includes(name)).toSorted()]
}
