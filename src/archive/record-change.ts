/**
 * Recording a change: what is asked, with the items that it would add, all of them invisible until it is sealed.
 *
 * A small change is recorded in one transaction. A large one is written in batches while it is `preparing`, and waits
 * for its seal only when it is whole; one that a crash left half-written is refused by `giveUpAbandoned`.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import { parseSha256 } from '../common/digest.ts'
import type { Database } from '../database/database.ts'
import type { ChangeTable, PackageTable, SuiteItemTable, Tables } from '../database/schema.ts'
import { canonicalDebName, isComponentName, isSuiteName } from '../debian/names.ts'
import { type Archive, resolveSnapshot } from './archive-table.ts'
import type { ChangeRequest, PackagePlacement, PoolConflict } from './change-request.ts'
import { entryKey, poolDirectory, secondPoolDirectory } from './entry-key.ts'
import { claimPaths, ClaimUndecided, type PoolClaim, poolNameTaken } from './pool-claims.ts'
import { matchesAny } from './selector.ts'
import { defaultSettings, type SuiteSettings, withSettings } from './settings.ts'
import { itemsAt, type MapKind } from './suite-items.ts'
import { type Suite, type Suites, suitesAt } from './suite-table.ts'

export interface RecordOptions {
  readonly userId: number | null
  readonly idempotencyKey?: string | undefined
  /** Waits until a change that claims the same pool path is decided. */
  readonly waitFor: (changeId: number) => Promise<void>
  readonly signal?: AbortSignal | undefined
}

/** An item that a change would add, with the pool paths that it needs. */
interface NewItem {
  readonly row: Omit<SuiteItemTable, 'id' | 'added_by' | 'removed_by'>
  readonly claims: readonly PoolClaim[]
  /** Where it goes if its ordinary paths have meant other bytes. */
  readonly second: { readonly directory: string; readonly claims: readonly PoolClaim[] }
}

const BATCH = 500
/** How long a change that is being written may show no sign of life. */
export const ABANDONED_AFTER_MS = 120_000

/**
 * Records a change; it is then `pending`.
 *
 * @returns its id, or that of the change recorded before under the same idempotency key for the same request
 * @throws AshlarError suite-unknown, component-unknown, suite-setting-invalid, pool-name-taken, idempotency-key-reused …
 */
export async function recordChange(
  database: Database,
  archive: Archive,
  request: ChangeRequest,
  options: RecordOptions,
): Promise<number> {
  const before = await sameRequestBefore(database.read, archive.id, request, options.idempotencyKey)
  if (before !== undefined) return before
  const suites = await suitesAt(database.read, archive.id, archive.head)
  const items = newItems(database, archive, suites, request)
  const recorder = new Recorder(database, archive, request, options)
  return recorder.record(items)
}

async function sameRequestBefore(
  db: Kysely<Tables>,
  archiveId: number,
  request: ChangeRequest,
  key: string | undefined,
): Promise<number | undefined> {
  if (key === undefined) return undefined
  const change = await db
    .selectFrom('change')
    .select(['id', 'request_json', 'state'])
    .where('archive_id', '=', archiveId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst()
  if (change === undefined) return undefined
  if (!isDeepStrictEqual(JSON.parse(change.request_json), JSON.parse(JSON.stringify(request)))) {
    throw new AshlarError(
      'idempotency-key-reused',
      `The key '${key}' belongs to another request (change ${change.id}).`,
    )
  }
  return change.id
}

/** Checks a request as far as it can be before its turn, and gives the items it would add, in batches. */
async function* newItems(
  database: Database,
  archive: Archive,
  suites: Suites,
  request: ChangeRequest,
): AsyncGenerator<NewItem[], void, undefined> {
  switch (request.kind) {
    case 'suite-create':
      for (const name of [request.suite, ...(request.aliases ?? [])]) requireSuiteName(name)
      withSettings(defaultSettings(request.suite), request.settings)
      return
    case 'suite-update':
      withSettings(suites.get(request.suite).settings, request.settings)
      return
    case 'alias':
      requireSuiteName(request.name)
      if (request.suite !== null) suites.get(request.suite)
      return
    case 'remove':
    case 'rollback':
      suites.get(request.suite)
      return
    case 'add':
      yield* placedItems(database.read, suites.get(request.suite), request.packages)
      return
    case 'edit':
      yield* placedItems(database.read, suites.get(request.suite), request.add)
      return
    case 'copy':
      yield* copiedItems(database, archive, suites, request)
      return
  }
}

function requireSuiteName(name: string): void {
  if (!isSuiteName(name)) throw new AshlarError('suite-setting-invalid', `'${name}' cannot be the name of a suite.`)
}

async function* placedItems(
  db: Kysely<Tables>,
  suite: Suite,
  placements: readonly PackagePlacement[],
): AsyncGenerator<NewItem[], void, undefined> {
  for (let start = 0; start < placements.length; start += BATCH) {
    const batch = placements.slice(start, start + BATCH)
    const ids = batch.map((placement) => placement.packageId)
    const packages = new Map((await packagesWithFiles(db, ids)).map((row) => [row.id, row]))
    yield batch.map((placement) => {
      const found = packages.get(placement.packageId)
      if (found === undefined) throw new AshlarError('not-found', `There is no package ${placement.packageId}.`)
      const component = componentOf(suite.settings, suite.name, found, placement.component)
      return newItem(suite.id, found, component, placement.section ?? null, placement.priority ?? null)
    })
  }
}

type PackageRow = Pick<
  PackageTable,
  'kind' | 'name' | 'version' | 'version_key' | 'architecture' | 'source_name' | 'section' | 'debug_symbols'
> & { readonly id: number; readonly sha256: string; readonly files: readonly { name: string; fileId: number }[] }

async function packagesWithFiles(db: Kysely<Tables>, ids: readonly number[]): Promise<PackageRow[]> {
  if (ids.length === 0) return []
  const packages = await db
    .selectFrom('package')
    .innerJoin('file', 'file.id', 'package.file_id')
    .select(['package.id', 'kind', 'name', 'version', 'version_key', 'architecture', 'source_name', 'section'])
    .select(['debug_symbols', 'file.sha256'])
    .where('package.id', 'in', [...ids])
    .execute()
  const files = await db
    .selectFrom('package_file')
    .select(['package_id', 'name', 'file_id'])
    .where('package_id', 'in', [...ids])
    .execute()
  const filesOf = Map.groupBy(files, (file) => file.package_id)
  return packages.map((row) => ({
    ...row,
    files: (filesOf.get(row.id) ?? []).map((file) => ({ name: file.name, fileId: file.file_id })),
  }))
}

/** The component asked for, or the one that the Section names (`contrib/net`, Debian Policy 2.4), or the suite's first. */
function componentOf(settings: SuiteSettings, suite: string, row: PackageRow, asked: string | undefined): string {
  if (asked !== undefined) {
    if (!isComponentName(asked) || !settings.components.includes(asked)) {
      throw new AshlarError('component-unknown', `The suite '${suite}' has no component '${asked}'.`)
    }
    return asked
  }
  const named = row.section?.includes('/') ? row.section.slice(0, row.section.indexOf('/')) : undefined
  return settings.components.find((component) => component === named) ?? settings.components[0] ?? 'main'
}

function newItem(
  suiteId: number,
  found: PackageRow,
  component: string,
  section: string | null,
  priority: string | null,
): NewItem {
  const digest = parseSha256(found.sha256)
  if (digest === undefined) throw new Error(`Package ${found.id} has the digest '${found.sha256}'`)
  const directory = poolDirectory(component, found.source_name)
  const secondDirectory = secondPoolDirectory(component, found.source_name, digest)
  return {
    row: {
      suite_id: suiteId,
      package_id: found.id,
      name: found.name,
      source_name: found.source_name,
      component,
      section,
      priority,
      map_kind: mapKindOf(found),
      architecture: found.kind === 'dsc' ? 'source' : found.architecture,
      entry_key: entryKey(found.source_name, found.name, found.version_key),
      directory,
    },
    claims: claimsIn(directory, found),
    second: { directory: secondDirectory, claims: claimsIn(secondDirectory, found) },
  }
}

function mapKindOf(found: PackageRow): MapKind {
  if (found.kind === 'dsc') return 'sources'
  if (found.kind === 'udeb') return 'udeb'
  return found.debug_symbols === 1 ? 'debug' : 'packages'
}

function claimsIn(directory: string, found: PackageRow): PoolClaim[] {
  if (found.kind === 'dsc') return found.files.map(({ name, fileId }) => ({ path: `${directory}/${name}`, fileId }))
  const name = canonicalDebName(found.name, found.version, found.architecture, found.kind)
  return found.files.map(({ fileId }) => ({ path: `${directory}/${name}`, fileId }))
}

/** Items of another suite of the archive: they keep component and place in the pool, whose paths are claimed already. */
async function* copiedItems(
  database: Database,
  archive: Archive,
  suites: Suites,
  request: Extract<ChangeRequest, { kind: 'copy' }>,
): AsyncGenerator<NewItem[], void, undefined> {
  const target = suites.get(request.suite)
  const { at } = request.from
  const revision = at === undefined ? archive.head : await resolveSnapshot(database, archive, at)
  const from = (at === undefined ? suites : await suitesAt(database.read, archive.id, revision)).get(request.from.suite)
  const selected = new Set<unknown>()
  for (let last = 0; ;) {
    const rows = await itemsAt(database.read, revision)
      .select(['item.id', 'item.package_id', 'item.name', 'item.source_name', 'item.component', 'item.section'])
      .select(['item.priority', 'item.map_kind', 'item.architecture', 'item.entry_key', 'item.directory'])
      .select('package.version')
      .where('item.suite_id', '=', from.id)
      .where('item.id', '>', last)
      .orderBy('item.id')
      .limit(BATCH)
      .execute()
    const chosen = rows.filter((row) => matchesAny(request.packages, row, selected))
    for (const row of chosen) {
      if (!target.settings.components.includes(row.component)) {
        throw new AshlarError(
          'component-unknown',
          `${row.name} ${row.version} is in the component '${row.component}', which '${target.name}' does not have.`,
        )
      }
    }
    yield chosen.map(({ id: _id, version: _version, ...row }) => ({
      row: { ...row, suite_id: target.id },
      claims: [],
      second: { directory: row.directory, claims: [] },
    }))
    last = rows.at(-1)?.id ?? last
    if (rows.length < BATCH) break
  }
  const missing = request.packages?.find((selector) => !selected.has(selector))
  if (missing !== undefined) {
    throw new AshlarError('not-found', `The suite '${from.name}' has no package '${missing.name}' that matches.`)
  }
}

class Recorder {
  readonly #database: Database
  readonly #archive: Archive
  readonly #request: ChangeRequest
  readonly #options: RecordOptions
  readonly #onPoolConflict: PoolConflict
  #changeId: number | undefined

  constructor(database: Database, archive: Archive, request: ChangeRequest, options: RecordOptions) {
    this.#database = database
    this.#archive = archive
    this.#request = request
    this.#options = options
    this.#onPoolConflict = 'onPoolConflict' in request ? (request.onPoolConflict ?? 'refuse') : 'refuse'
  }

  /** Writes one batch behind, so that the last one is known as such. */
  async record(batches: AsyncIterable<NewItem[]>): Promise<number> {
    let held: NewItem[] = []
    try {
      for await (const batch of batches) {
        this.#options.signal?.throwIfAborted()
        if (held.length > 0) await this.#write(held, 'preparing')
        held = batch
      }
      return await this.#write(held, 'pending')
    } catch (error) {
      if (this.#changeId !== undefined) {
        await refuseChange(this.#database, this.#changeId, asAshlarError(error))
      }
      throw error
    }
  }

  async #write(items: readonly NewItem[], state: 'preparing' | 'pending'): Promise<number> {
    for (;;) {
      try {
        this.#changeId = await this.#database.write((trx) => this.#writeIn(trx, items, state))
        return this.#changeId
      } catch (error) {
        if (!(error instanceof ClaimUndecided)) throw error
        await this.#options.waitFor(error.changeId)
      }
    }
  }

  async #writeIn(trx: Transaction<Tables>, items: readonly NewItem[], state: 'preparing' | 'pending'): Promise<number> {
    const changeId = await this.#writeChange(trx, state)
    const taken = await claimPaths(
      trx,
      this.#archive.id,
      changeId,
      items.flatMap((item) => item.claims),
    )
    const second = await this.#claimSecond(trx, changeId, items, taken)
    for (let start = 0; start < items.length; start += 200) {
      const rows = items.slice(start, start + 200).map((item) => {
        const directory = second.has(item) ? item.second.directory : item.row.directory
        return { ...item.row, directory, added_by: changeId, removed_by: null }
      })
      await trx.insertInto('suite_item').values(rows).execute()
    }
    return changeId
  }

  async #writeChange(trx: Transaction<Tables>, state: 'preparing' | 'pending'): Promise<number> {
    const now = await this.#database.now(trx)
    if (this.#changeId !== undefined) {
      const still = await trx
        .updateTable('change')
        .set({ state, touched_at: now })
        .where('id', '=', this.#changeId)
        .where('state', '=', 'preparing')
        .returning('id')
        .executeTakeFirst()
      if (still === undefined) throw new AshlarError('busy', `Change ${this.#changeId} was given up as abandoned.`)
      return this.#changeId
    }
    const { id } = await trx
      .insertInto('change')
      .values({
        archive_id: this.#archive.id,
        kind: this.#request.kind,
        request_json: JSON.stringify(this.#request),
        user_id: this.#options.userId,
        idempotency_key: this.#options.idempotencyKey ?? null,
        state,
        revision: null,
        refusal_json: null,
        created_at: now,
        touched_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    return id
  }

  /** Lays the packages whose ordinary paths are taken at their second ones, if the request allows it. */
  async #claimSecond(
    trx: Transaction<Tables>,
    changeId: number,
    items: readonly NewItem[],
    taken: readonly PoolClaim[],
  ): Promise<Set<NewItem>> {
    if (taken.length === 0) return new Set()
    if (this.#onPoolConflict === 'refuse') throw poolNameTaken(taken[0]?.path ?? '')
    const lost = new Set(taken)
    const moving = items.filter((item) => item.claims.some((claim) => lost.has(claim)))
    const again = await claimPaths(
      trx,
      this.#archive.id,
      changeId,
      moving.flatMap((item) => item.second.claims),
    )
    if (again[0] !== undefined) throw poolNameTaken(again[0].path)
    return new Set(moving)
  }
}

/** Marks a change as refused and takes back what it had written. */
export async function refuseChange(database: Database, changeId: number, error: AshlarError): Promise<void> {
  await database.write(async (trx) => {
    const refused = await trx
      .updateTable('change')
      .set({ state: 'refused', refusal_json: JSON.stringify({ code: error.code, detail: error.message }) })
      .where('id', '=', changeId)
      .where('state', 'in', ['preparing', 'pending'])
      .returning('id')
      .executeTakeFirst()
    if (refused === undefined) return
    await trx.deleteFrom('suite_item').where('added_by', '=', changeId).execute()
    await trx.deleteFrom('pool_name').where('change_id', '=', changeId).execute()
  })
}

/** Refuses the changes of an archive that stopped being written: their process died. */
export async function giveUpAbandoned(database: Database, archiveId: number, afterMs: number): Promise<void> {
  const before = (await database.now()) - afterMs * 1000
  const abandoned = await database.read
    .selectFrom('change')
    .select('id')
    .where('archive_id', '=', archiveId)
    .where('state', '=', 'preparing' satisfies ChangeTable['state'])
    .where('touched_at', '<=', before)
    .execute()
  for (const { id } of abandoned) {
    await refuseChange(database, id, new AshlarError('busy', `Change ${id} was interrupted before it was whole.`))
  }
}

function asAshlarError(error: unknown): AshlarError {
  return error instanceof AshlarError ? error : new AshlarError('internal', String(error), { cause: error })
}
