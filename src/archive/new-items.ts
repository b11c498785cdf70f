/** The items that a change would add: what is asked for, checked as far as it can be before the change's turn. */
import type { Kysely } from 'kysely'
import { parseSha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { PackageTable, SuiteItemTable, Tables } from '../database/schema.ts'
import { canonicalDebName, isComponentName, isPriority, isSection, isSuiteName } from '../debian/names.ts'
import type { Archive } from './archive-table.ts'
import { namingStep } from './batch-steps.ts'
import type { ChangeRequest, PackagePlacement, StepRequest } from './change-request.ts'
import { copiedItems } from './choice/copied-items.ts'
import { debugSuiteOf, isDebugSuite } from './debug-suites.ts'
import { entryKey, poolDirectory, secondPoolDirectory } from './entry-key.ts'
import { asksOfSuite, PlannedSuites } from './plan/plan-suites.ts'
import type { PoolClaim } from './pool-claims.ts'
import { refusePurged } from './purged-packages.ts'
import { reserveSuiteId } from './reserved-suites.ts'
import { defaultSettings, type SuiteSettings, withSettings } from './settings.ts'
import { itemsAt, type MapKind } from './suite-items.ts'
import { type Suite, type Suites, suitesAt } from './suite-table.ts'

/** An item that a change would add, with the pool paths that it needs. */
export interface NewItem {
  /** Of which step of a batch it is, from 0; 0 for a change of its own. */
  readonly step: number
  readonly row: Omit<SuiteItemTable, 'id' | 'added_by' | 'removed_by'>
  readonly claims: readonly PoolClaim[]
  /** Where it goes if its ordinary paths have meant other bytes. */
  readonly second: { readonly directory: string; readonly claims: readonly PoolClaim[] }
}

const BATCH = 500

/** In groups; `copiedFrom` is the revision that a copy reads. @throws AshlarError suite-unknown, component-unknown, suite-setting-invalid, not-found … */
export function newItems(
  database: Database,
  archive: Archive,
  suites: Suites,
  request: ChangeRequest,
  copiedFrom: number,
): AsyncGenerator<NewItem[], void, undefined> {
  if (request.kind === 'batch') return itemsOfSteps(database, archive, suites, request.steps)
  return itemsOf(database, archive, suites, request, copiedFrom)
}

/** Of each step on top of what those before it make of the suites; what a step copies is found when its turn comes. */
async function* itemsOfSteps(
  database: Database,
  archive: Archive,
  suites: Suites,
  steps: readonly StepRequest[],
): AsyncGenerator<NewItem[], void, undefined> {
  const planned = new PlannedSuites(suites)
  for (const [i, request] of steps.entries()) {
    try {
      if (request.kind === 'copy') {
        planned.now.get(request.suite)
        continue
      }
      for await (const items of itemsOf(database, archive, planned.now, request, archive.head)) {
        yield items.map((item) => ({ ...item, step: i }))
      }
      if (!asksOfSuite(request)) continue
      const isNew = request.kind === 'suite-create'
      planned.take(0, request, isNew ? await reserveSuiteId(database, archive.id, request.suite) : 0)
    } catch (error) {
      throw namingStep(i + 1, request, error)
    }
  }
}

async function* itemsOf(
  database: Database,
  archive: Archive,
  suites: Suites,
  request: StepRequest,
  copiedFrom: number,
): AsyncGenerator<NewItem[], void, undefined> {
  switch (request.kind) {
    case 'suite-create':
      requireDistinctNames([request.suite, ...(request.aliases ?? [])])
      withSettings(defaultSettings(request.suite), request.settings)
      return
    case 'suite-update':
      withSettings(suites.get(request.suite).settings, request.settings)
      return
    case 'alias':
      requireSuiteName(request.name)
      if (request.suite !== null) suites.get(request.suite)
      return
    case 'mirror':
      // Its items come with it.
      return
    case 'remove':
    case 'rollback':
      suites.get(request.suite)
      return
    case 'add':
      yield* placedItems(database.read, suites, debugApart(suites, request.suite), request.packages)
      return
    case 'edit':
      yield* placedItems(database.read, suites, () => suites.get(request.suite), request.add)
      return
    case 'copy':
      if (isCopiedLater(request)) suites.get(request.suite)
      else yield* itemsToCopy(database, archive, suites, request, copiedFrom)
      return
  }
}

/** Whether a copy finds its items only when it has its turn, be it a step of a batch or not. */
export function isCopiedLater({ withDeps }: Extract<StepRequest, { kind: 'copy' }>): boolean {
  return withDeps === true
}

/** Their paths are claimed already. */
async function* itemsToCopy(
  database: Database,
  archive: Archive,
  suites: Suites,
  request: Extract<StepRequest, { kind: 'copy' }>,
  revision: number,
): AsyncGenerator<NewItem[], void, undefined> {
  const target = suites.get(request.suite)
  const { at } = request.from
  const then = at === undefined ? suites : await suitesAt(database.read, archive.id, revision)
  const source = { suite: then.get(request.from.suite), suites: then, items: itemsAt(database.read, revision) }
  for await (const rows of copiedItems(database.read, source, { suite: target, suites }, request)) {
    yield rows.map((row) => ({ row, step: 0, claims: [], second: { directory: row.directory, claims: [] } }))
  }
}

function requireDistinctNames(names: readonly string[]): void {
  for (const name of names) requireSuiteName(name)
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw new AshlarError('conflict', `The name '${twice}' is given twice.`)
}

function requireSuiteName(name: string): void {
  if (!isSuiteName(name)) throw new AshlarError('suite-setting-invalid', `'${name}' cannot be the name of a suite.`)
}

/** Debug symbols that an upload brings go into the suite that its suite names for them. */
function debugApart(suites: Suites, name: string): (found: PackageRow) => Suite {
  const suite = suites.get(name)
  return (found) => (isDebugSymbols(found) ? (debugSuiteOf(suites, suite) ?? suite) : suite)
}

async function* placedItems(
  db: Kysely<Tables>,
  suites: Suites,
  suiteFor: (found: PackageRow) => Suite,
  placements: readonly PackagePlacement[],
): AsyncGenerator<NewItem[], void, undefined> {
  for (let start = 0; start < placements.length; start += BATCH) {
    const batch = placements.slice(start, start + BATCH)
    const ids = batch.map((placement) => placement.packageId)
    await refusePurged(db, ids)
    const packages = new Map((await packagesWithFiles(db, ids)).map((row) => [row.id, row]))
    yield batch.map((placement) => {
      const found = packages.get(placement.packageId)
      if (found === undefined) throw new AshlarError('not-found', `There is no package ${placement.packageId}.`)
      const suite = suiteFor(found)
      const component = componentOf(suite.settings, suite.name, found, placement.component)
      requireOverrides(found, placement)
      const kind = mapKindOf(found, isDebugSuite(suites, suite))
      return newItem({ suiteId: suite.id, component, kind }, found, placement)
    })
  }
}

/** Overrides become lines of a signed index: whatever asks for them, they are one word each. */
function requireOverrides(found: PackageRow, { section, priority }: PackagePlacement): void {
  if (section !== undefined && !isSection(section)) refuseOverride(found, 'Section', section)
  if (priority !== undefined && !isPriority(priority)) refuseOverride(found, 'Priority', priority)
}

function refuseOverride(found: PackageRow, field: string, value: string): never {
  throw new AshlarError('request-invalid', `${JSON.stringify(value)} cannot be the ${field} of ${found.name}.`)
}

type PackageRow = Pick<
  PackageTable,
  | 'kind'
  | 'name'
  | 'version'
  | 'version_key'
  | 'architecture'
  | 'source_name'
  | 'section'
  | 'debug_symbols'
  | 'claimed_in'
> & { readonly id: number; readonly sha256: string; readonly files: readonly { name: string; fileId: number }[] }

/** @throws AshlarError gone for one whose bytes are in no store any more */
async function packagesWithFiles(db: Kysely<Tables>, ids: readonly number[]): Promise<PackageRow[]> {
  if (ids.length === 0) return []
  const packages = await db
    .selectFrom('package')
    .innerJoin('file', 'file.id', 'package.file_id')
    .select(['package.id', 'kind', 'name', 'version', 'version_key', 'architecture', 'source_name', 'section'])
    .select(['debug_symbols', 'claimed_in', 'file.sha256'])
    .where('package.id', 'in', [...ids])
    .execute()
  const files = await db
    .selectFrom('package_file')
    .innerJoin('file', 'file.id', 'package_file.file_id')
    .select(['package_id', 'name', 'file_id', 'file.gone_at'])
    .where('package_id', 'in', [...ids])
    .execute()
  const filesOf = Map.groupBy(files, (file) => file.package_id)
  const lost = packages.find((row) => filesOf.get(row.id)?.some((file) => file.gone_at !== null))
  if (lost !== undefined) {
    throw new AshlarError('gone', `${lost.name} ${lost.version} has expired, and its bytes are gone; send it again.`)
  }
  return packages.map((row) => ({
    ...row,
    files: (filesOf.get(row.id) ?? []).map((file) => ({ name: file.name, fileId: file.file_id })),
  }))
}

/** The component asked for, or the one that the Section names (`contrib/net`, Debian Policy 2.4), or the suite's first. */
function componentOf(settings: SuiteSettings, suite: string, row: PackageRow, asked: string | undefined): string {
  if (asked !== undefined) {
    if (!isComponentName(asked) || !settings.components.includes(asked)) {
      throw new AshlarError(
        'component-unknown',
        `The suite '${suite}' has no component '${asked}', where ${row.name} ${row.version} is to be.`,
      )
    }
    return asked
  }
  const named = row.section?.includes('/') ? row.section.slice(0, row.section.indexOf('/')) : undefined
  return settings.components.find((component) => component === named) ?? settings.components[0] ?? 'main'
}

function newItem(
  { suiteId, component, kind }: { readonly suiteId: number; readonly component: string; readonly kind: MapKind },
  found: PackageRow,
  { section = null, priority = null }: { readonly section?: string | null; readonly priority?: string | null },
): NewItem {
  const digest = parseSha256(found.sha256)
  if (digest === undefined) throw new Error(`Package ${found.id} has the digest '${found.sha256}'`)
  const directory = poolDirectory(component, found.source_name)
  const secondDirectory = secondPoolDirectory(component, found.source_name, digest)
  return {
    step: 0,
    row: {
      suite_id: suiteId,
      package_id: found.id,
      name: found.name,
      source_name: found.source_name,
      component,
      section,
      priority,
      map_kind: kind,
      architecture: found.kind === 'dsc' ? 'source' : found.architecture,
      entry_key: entryKey(found.source_name, found.name, found.version_key),
      directory,
    },
    claims: claimsIn(directory, found),
    second: { directory: secondDirectory, claims: claimsIn(secondDirectory, found) },
  }
}

function mapKindOf(found: PackageRow, isForDebug: boolean): MapKind {
  if (found.kind === 'dsc') return 'sources'
  if (found.kind === 'udeb') return 'udeb'
  return isDebugSymbols(found) && !isForDebug ? 'debug' : 'packages'
}

function isDebugSymbols(found: PackageRow): boolean {
  return found.debug_symbols === 1 && found.kind === 'deb'
}

function claimsIn(directory: string, found: PackageRow): PoolClaim[] {
  // Whoever asks for it: that an index lists a file gives nobody the bytes that lie here under its digest.
  const claimed = found.claimed_in === 0 ? {} : { claimed: true as const }
  if (found.kind === 'dsc') {
    return found.files.map(({ name, fileId }) => ({ path: `${directory}/${name}`, fileId, ...claimed }))
  }
  const name = canonicalDebName(found.name, found.version, found.architecture, found.kind)
  return found.files.map(({ fileId }) => ({ path: `${directory}/${name}`, fileId, ...claimed }))
}
