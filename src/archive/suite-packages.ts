/** The packages of a suite, a page at a time, all of them or those that a filter chooses. */
import { setImmediate } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import { boundsOf } from '../debian/package-query-bounds.ts'
import { stanzaSubject } from '../debian/package-query-subject.ts'
import { type PackageQuery, parsePackageQuery } from '../debian/package-query.ts'
import type { PackageLine } from './change-request.ts'
import {
  headItems,
  inListingOrder,
  type ItemPosition,
  type ItemsQuery,
  itemsAt,
  itemsNamed,
  type MapKind,
} from './suite-items.ts'
import type { Suite } from './suite-table.ts'

export interface SuitePackage extends PackageLine {
  readonly kind: MapKind
  readonly section: string | null
  readonly priority: string | null
  readonly source: string
  readonly sourceVersion: string
  readonly sha256: string
  readonly sizeBytes: number
  /** Below the archive's root; the directory of a source package. */
  readonly directory: string
  readonly packageId: number
}

export interface PackagesWish {
  readonly name?: string | undefined
  /** A package query; see debian/package-query.ts. */
  readonly filter?: string | undefined
  /** The `next` of the page before. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface PackagesPage {
  readonly items: SuitePackage[]
  /** Where the next page begins; absent at the end. A page of a filter may have fewer packages than asked for. */
  readonly next?: string
}

/** Items that are read at once for a filter. */
const SEARCHED = 500
/** A page ends after so long, however few it found; then others are asked between two pages. */
const SEARCH_MS = 1500
/** More names than this are looked for among all packages. */
const NAMES = 200

/**
 * A page of a suite's packages, by component, kind, architecture, name and version.
 *
 * @throws AshlarError `query-invalid`, `request-invalid`
 */
export async function listPackages(
  db: Kysely<Tables>,
  suite: Suite,
  revision: number | 'head',
  wish: PackagesWish,
): Promise<PackagesPage> {
  const query = wish.filter === undefined ? undefined : parsePackageQuery(wish.filter)
  const after = wish.after === undefined ? undefined : parseCursor(wish.after)
  const named = await idsOfNames(db, suite, wish.name, query)
  if (named?.length === 0) return { items: [] }
  const items = (position: ItemPosition | undefined): ItemsQuery => {
    const all = inListingOrder(revision === 'head' ? headItems(db) : itemsAt(db, revision), suite.id, position)
    return named === undefined ? all : all.where('item.id', 'in', named)
  }
  if (query !== undefined) return search(items, query, after, wish.limit)
  const found = await listedRows(items(after))
    .limit(wish.limit + 1)
    .execute()
  const page = found.slice(0, wish.limit)
  const last = page.at(-1)
  if (found.length <= wish.limit || last === undefined) return { items: page.map(listed) }
  return { items: page.map(listed), next: formatCursor(positionOf(last)) }
}

/** The items that can be meant if only packages of some names can; undefined if any can. */
async function idsOfNames(
  db: Kysely<Tables>,
  suite: Suite,
  name: string | undefined,
  query: PackageQuery | undefined,
): Promise<number[] | undefined> {
  const bound = query === undefined ? null : boundsOf(query.term).names
  const wanted = name === undefined ? bound : new Set(bound === null || bound.has(name) ? [name] : [])
  if (wanted === null || wanted.size > NAMES) return undefined
  return wanted.size === 0 ? [] : itemsNamed(db, suite.id, [...wanted])
}

async function search(
  items: (position: ItemPosition | undefined) => ItemsQuery,
  query: PackageQuery,
  after: ItemPosition | undefined,
  limit: number,
): Promise<PackagesPage> {
  const { architectures } = boundsOf(query.term)
  const found: SuitePackage[] = []
  const end = performance.now() + SEARCH_MS
  for (let position = after; ;) {
    let rows = listedRows(items(position)).select(['package.kind', 'package.stanza']).limit(SEARCHED)
    if (architectures !== null) rows = rows.where('package.architecture', 'in', [...architectures])
    const page = await rows.execute()
    for (const row of page) {
      position = positionOf(row)
      if (query.matches(subjectOf(row))) found.push(listed(row))
      const isLast = row === page.at(-1) && page.length < SEARCHED
      if (!isLast && (found.length === limit || performance.now() > end)) {
        return { items: found, next: formatCursor(position) }
      }
    }
    if (page.length < SEARCHED) return { items: found }
    await setImmediate()
  }
}

/** What a query sees is what the index says: overrides count. */
function subjectOf(row: ListedRow & { readonly kind: 'deb' | 'udeb' | 'dsc'; readonly stanza: string }) {
  const subject = stanzaSubject(row)
  const overrides = new Map([
    ['section', row.section],
    ['priority', row.priority],
  ])
  return { ...subject, field: (name: string) => overrides.get(name.toLowerCase()) ?? subject.field(name) }
}

function listedRows(items: ItemsQuery) {
  return items
    .innerJoin('file', 'file.id', 'package.file_id')
    .select(['item.id', 'item.component', 'item.map_kind', 'item.architecture', 'item.entry_key', 'item.directory'])
    .select(['item.section', 'item.priority', 'item.package_id', 'package.name', 'package.version', 'file.sha256'])
    .select(['package.source_name', 'package.source_version', 'file.size', 'package.section as ownSection'])
    .select('package.priority as ownPriority')
}

type ListedRow = Awaited<ReturnType<ReturnType<typeof listedRows>['execute']>>[number]

function listed(row: ListedRow): SuitePackage {
  return {
    name: row.name,
    version: row.version,
    architecture: row.architecture,
    component: row.component,
    kind: row.map_kind,
    section: row.section ?? row.ownSection,
    priority: row.priority ?? row.ownPriority,
    source: row.source_name,
    sourceVersion: row.source_version,
    sha256: row.sha256,
    sizeBytes: row.size,
    directory: row.directory,
    packageId: row.package_id,
  }
}

function positionOf(row: ListedRow): ItemPosition {
  const { component, map_kind: kind, architecture, entry_key: key, id } = row
  return { component, kind, architecture, key, id }
}

function formatCursor({ component, kind, architecture, key, id }: ItemPosition): string {
  return Buffer.from(JSON.stringify([component, kind, architecture, key, id])).toString('base64url')
}

/** @throws AshlarError request-invalid */
function parseCursor(text: string): ItemPosition {
  const parts = parseJson(Buffer.from(text, 'base64url').toString())
  if (!Array.isArray(parts) || parts.length !== 5 || !Number.isSafeInteger(parts[4])) {
    throw new AshlarError('request-invalid', "The parameter 'after' is not the 'next' of another page.")
  }
  const [component = '', kind = '', architecture = '', key = ''] = parts.map(String)
  return { component, kind: kind as MapKind, architecture, key, id: Number(parts[4]) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
