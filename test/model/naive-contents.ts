/** The Contents indexes of a suite, as one would write them down: every path of every package, sorted. */
import { renderContentsLine } from '../../src/debian/contents.ts'
import type { Item, NaiveSuite } from './naive-archive.ts'
import { layout } from './naive-archive.ts'

export interface NaiveContents {
  /** Below the suite's directory. */
  readonly path: string
  readonly component: string
  /** How the archive calls the map, and the architectures that it lists. */
  readonly kind: string
  readonly architecture: string
  /** The lines with their paths, in order. */
  readonly lines: readonly { readonly key: string; readonly text: string }[]
}

export function contentsOf(suite: NaiveSuite): NaiveContents[] {
  if (!suite.settings.contents) return []
  const { components, architectures } = layout(suite)
  return components.flatMap((component) =>
    (
      [
        ['packages', 'contents', 'Contents-'],
        ['udeb', 'contents-udeb', 'Contents-udeb-'],
        ['debug', 'contents-debug', 'debug/Contents-'],
      ] as const
    ).flatMap(([map, kind, prefix]) => {
      const own = suite.items.filter((item) => item.component === component && item.map === map)
      if (map !== 'packages' && own.length === 0) return []
      return architectures.map((architecture) => {
        const listed = architectures.includes('all') ? [architecture] : ['all', architecture]
        const items = own.filter((item) => listed.includes(item.pkg.architecture))
        const path = `${component}/${prefix}${architecture}`
        return { path, component, kind, architecture: listed.join('+'), lines: linesOf(items) }
      })
    }),
  )
}

function linesOf(items: readonly Item[]): NaiveContents['lines'] {
  const labels = new Map<string, Set<string>>()
  for (const { pkg, section } of items) {
    const shown = section ?? pkg.section
    for (const path of pkg.paths) {
      const own = labels.get(path) ?? new Set()
      labels.set(path, own.add(shown === null ? pkg.name : `${shown}/${pkg.name}`))
    }
  }
  return [...labels.keys()]
    .toSorted()
    .map((key) => ({ key, text: renderContentsLine(key, [...(labels.get(key) ?? [])].toSorted()) }))
}
