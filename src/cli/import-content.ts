/** What a suite of an old repository held, and how a suite here differs from it. */
import type { PackageAddition, PackageSelector } from '../client/client.ts'
import type { OldGroup, OldPackage } from '../import/old-repository.ts'

/** A package in a suite, wherever it comes from. */
export interface Held {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly component: string
  /** Undefined: its own. */
  readonly section?: string | undefined
  readonly priority?: string | undefined
}

/** A package that an old suite held, by its index. */
interface Wanted extends Held {
  readonly index: number
}

/** What a suite holds, by the SHA-256 of the .deb or the .dsc. */
export type Content<T extends Held = Held> = ReadonlyMap<string, T>

export interface Difference {
  readonly remove: readonly PackageSelector[]
  /** Indexes of packages, by their places. */
  readonly add: readonly (Omit<PackageAddition, 'artifacts'> & { readonly packages: readonly number[] })[]
}

/**
 * The packages of a suite, each once: here a package has one place in a suite, and of a name, version and architecture
 * there is one.
 *
 * @param digests of the first file of each package
 * @param onLoss told what had to stay away
 */
export function contentOf(
  packages: readonly OldPackage[],
  groups: readonly OldGroup[],
  digests: readonly string[],
  onLoss: (sentence: string) => void = () => {},
): Content<Wanted> {
  const content = new Map<string, Wanted>()
  const digestOf = new Map<string, string>()
  for (const { packages: indexes, ...place } of groups) {
    for (const index of indexes) {
      const { name, version, architecture } = packages[index] ?? missing(index)
      const digest = digests[index] ?? missing(index)
      const identity = `${name} ${version} ${architecture}`
      const other = digestOf.get(identity)
      if (other === undefined) {
        digestOf.set(identity, digest)
        content.set(digest, { index, name, version, architecture, ...place })
      } else {
        const stays = content.get(other)?.component
        if (other !== digest) onLoss(`${identity} was there twice with different bytes; the first one stays.`)
        else if (stays !== place.component)
          onLoss(`${identity} was in ${stays} and ${place.component}; it stays in ${stays}.`)
      }
    }
  }
  return content
}

/** Whether a name and architecture has several versions at once. */
export function hasSeveralVersions(content: Content): boolean {
  const seen = new Set<string>()
  for (const { name, architecture } of content.values()) {
    const series = `${name} ${architecture}`
    if (seen.has(series)) return true
    seen.add(series)
  }
  return false
}

/** What turns a suite into what is wanted. */
export function differenceOf(held: Content, wanted: Content<Wanted>): Difference {
  const places = new Map<string, { place: Omit<PackageAddition, 'artifacts'>; packages: number[] }>()
  for (const [digest, each] of wanted) {
    if (isPlacedSo(held.get(digest), each)) continue
    const { component, section, priority } = each
    const place = { component, ...(section !== undefined && { section }), ...(priority !== undefined && { priority }) }
    const key = JSON.stringify(place)
    const group = places.get(key) ?? { place, packages: [] }
    group.packages.push(each.index)
    places.set(key, group)
  }
  return {
    remove: selectors(held, wanted),
    add: [...places.values()].map(({ place, packages }) => ({ ...place, packages })),
  }
}

export function isNothing({ remove, add }: Difference): boolean {
  return remove.length === 0 && add.length === 0
}

function isPlacedSo(held: Held | undefined, wanted: Held): boolean {
  return (
    held !== undefined &&
    held.component === wanted.component &&
    (wanted.section === undefined || held.section === wanted.section) &&
    (wanted.priority === undefined || held.priority === wanted.priority)
  )
}

/** A name alone where all that has it goes, so that the request stays small. */
function selectors(held: Content, wanted: Content): PackageSelector[] {
  const staying = new Set<string>()
  for (const [digest, { name }] of held) if (wanted.has(digest)) staying.add(name)
  const whole = new Set<string>()
  const single: PackageSelector[] = []
  for (const [digest, { name, version, architecture }] of held) {
    if (wanted.has(digest)) continue
    if (staying.has(name)) single.push({ name, version, architecture })
    else whole.add(name)
  }
  return [...[...whole].map((name) => ({ name })), ...single]
}

function missing(index: number): never {
  throw new Error(`there is no package ${index}`)
}
