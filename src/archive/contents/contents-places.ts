/** Which Contents indexes a suite has, and which packages each lists. */
import type { MapKind, Place } from '../suite-items.ts'

type BinaryKind = Exclude<MapKind, 'sources'>

const kinds = { packages: 'contents', udeb: 'contents-udeb', debug: 'contents-debug' } as const
const prefixes: Readonly<Record<BinaryKind, string>> = {
  packages: 'Contents-',
  udeb: 'Contents-udeb-',
  // Where the suite's `main/debug` can be named as a component of its own.
  debug: 'debug/Contents-',
}

/** Joins the architectures that a place lists; no architecture has it in its name. */
const JOINT = '+'

/** An index below the suite's directory. */
interface ContentsIndex {
  readonly path: string
  readonly places: readonly [Place]
}

/**
 * The Contents indexes of a component, for each kind of packages that it has.
 *
 * @param architectures if `all` is one of them, packages for all architectures are listed there, and nowhere else
 */
export function contentsIndexes(
  component: string,
  binaryKinds: readonly BinaryKind[],
  architectures: readonly string[],
): ContentsIndex[] {
  const hasOwn = architectures.includes('all')
  return binaryKinds.flatMap((kind) =>
    architectures.map((architecture): ContentsIndex => ({
      path: `${component}/${prefixes[kind]}${architecture}`,
      // One map where both are listed, since a path has one line, whatever packages have it. It is another place than
      // that of one alone, so that it is made anew where the setting changes.
      places: [{ component, kind: kinds[kind], architecture: hasOwn ? architecture : `all${JOINT}${architecture}` }],
    })),
  )
}

/** Of a place in which a Contents index is kept, which packages it lists; undefined for any other place. */
export function listedIn(
  place: Place,
): { readonly component: string; readonly kind: BinaryKind; readonly architectures: readonly string[] } | undefined {
  for (const kind of ['packages', 'udeb', 'debug'] as const) {
    if (place.kind === kinds[kind]) {
      return { component: place.component, kind, architectures: place.architecture.split(JOINT) }
    }
  }
  return undefined
}
