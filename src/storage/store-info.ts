/** What there is to say of the stores: where they are, how they are used, how full they are, what is wrong with them. */
import type { Kysely } from 'kysely'
import type { Database } from '../database/database.ts'
import type { MaintenanceTable, Micros, Tables } from '../database/schema.ts'
import type { Sums } from './figures.ts'
import { requireStore, type StoreRooms } from './store-change.ts'
import { type PlaceWish, placeOf } from './store-place.ts'
import type { PolicyRecord, StoreMap, StorePolicy, StoreRecord } from './store-policy.ts'
import { loadStores } from './store-rows.ts'
import { type Trouble, troubleIn } from './troubled-copies.ts'

/** A policy by names. */
export interface NamedPolicy extends Omit<StorePolicy, 'drainTo'> {
  /** Null: for every scope without one of its own. */
  readonly scope: string | null
  readonly drainTo: string | null
}

/** In bytes; null where no figure of then is recorded. */
export interface Growth {
  readonly day: number | null
  readonly week: number | null
}

/** Background work in a store as it was last done. */
export interface LastWork {
  readonly state: MaintenanceTable['state']
  readonly startedAt: Micros
  readonly finishedAt: Micros | null
  readonly summary: unknown
}

export interface StoreInfo extends Trouble {
  readonly name: string
  /** Never with a secret. */
  readonly place: PlaceWish
  readonly ownCredentials: boolean
  readonly scope: string | null
  readonly softMaxBytes: number | null
  readonly hardMaxBytes: number | null
  readonly holdsUploads: boolean
  readonly createdAt: Micros
  /** Why this server cannot use it. */
  readonly unreachable: string | null
  readonly policies: readonly NamedPolicy[]
  /** Now. */
  readonly files: number
  readonly bytes: number
  /** As figures were last taken. */
  readonly figures: (Sums & { readonly takenAt: Micros }) | null
  readonly growth: Growth
  readonly lastVacuum: LastWork | null
  readonly lastScrub: LastWork | null
}

/** What a scope has in a store, as figures were last taken. */
export interface ScopeFigures extends Sums {
  readonly scope: string
  readonly growth: Growth
}

/** All stores, in the order in which they were made. */
export async function listStores(rooms: StoreRooms): Promise<StoreInfo[]> {
  const map = await loadStores(rooms.database.read)
  const scopes = await scopeNames(rooms.database.read)
  return await Promise.all(map.all.map((store) => infoOf(rooms, map, scopes, store)))
}

/** @throws AshlarError not-found */
export async function showStore(
  rooms: StoreRooms,
  name: string,
): Promise<{ readonly store: StoreInfo; readonly scopes: readonly ScopeFigures[] }> {
  const db = rooms.database.read
  const map = await loadStores(db)
  const record = requireStore(map, name)
  const scopes = await scopeNames(db)
  return {
    store: await infoOf(rooms, map, scopes, record),
    scopes: await figuresByScope(db, record.id, scopes),
  }
}

/** The policies of a store, that for every scope first. */
export async function policiesOf(database: Database, name: string): Promise<NamedPolicy[]> {
  const map = await loadStores(database.read)
  return policiesIn(map, await scopeNames(database.read), requireStore(map, name))
}

async function infoOf(
  { database, stores }: StoreRooms,
  map: StoreMap,
  scopes: ReadonlyMap<number, string>,
  store: StoreRecord,
): Promise<StoreInfo> {
  const db = database.read
  const [taken, trouble, row, lastVacuum, lastScrub] = await Promise.all([
    recentFigures(db, store.id),
    troubleIn(db, store.id),
    db.selectFrom('file_store').select('created_at').where('id', '=', store.id).executeTakeFirst(),
    lastWork(db, `vacuum:${store.id}`),
    lastWork(db, `scrub:${store.id}`),
  ])
  const unreachable = await stores.open(store).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  return {
    name: store.name,
    place: placeOf(store.kind, store.locationJson),
    ownCredentials: store.secretJson !== null,
    scope: store.scopeId === null ? null : (scopes.get(store.scopeId) ?? null),
    softMaxBytes: store.softMaxBytes,
    hardMaxBytes: store.hardMaxBytes,
    holdsUploads: store.holdsUploads,
    createdAt: row?.created_at ?? 0,
    unreachable,
    policies: policiesIn(map, scopes, store),
    files: store.usedFiles,
    bytes: store.usedBytes,
    figures: taken.now ?? null,
    growth: growthOf(store.usedBytes, taken.dayBefore, taken.weekBefore),
    ...trouble,
    lastVacuum,
    lastScrub,
  }
}

function policiesIn(map: StoreMap, scopes: ReadonlyMap<number, string>, store: StoreRecord): NamedPolicy[] {
  const named = ({ storeId: _store, scopeId, drainTo, ...rest }: PolicyRecord): NamedPolicy => ({
    ...rest,
    scope: scopeId === null ? null : (scopes.get(scopeId) ?? null),
    drainTo: drainTo === null ? null : (map.byId(drainTo)?.name ?? null),
  })
  return map.policies
    .filter((policy) => policy.storeId === store.id)
    .map((policy) => named(policy))
    .sort((a, b) => Number(a.scope !== null) - Number(b.scope !== null) || compare(a.scope ?? '', b.scope ?? ''))
}

async function lastWork(db: Kysely<Tables>, name: string): Promise<LastWork | null> {
  const row = await db.selectFrom('maintenance').selectAll().where('name', '=', name).executeTakeFirst()
  if (row === undefined) return null
  const { state, started_at: startedAt, finished_at: finishedAt } = row
  return { state, startedAt, finishedAt, summary: JSON.parse(row.summary_json) }
}

type Figures = Sums & { readonly takenAt: Micros }

interface RecentFigures {
  readonly now: Figures | undefined
  readonly dayBefore: Figures | undefined
  readonly weekBefore: Figures | undefined
}

const hourMicros = 60 * 60 * 1_000_000
const dayMicros = 24 * hourMicros

/** The figures of a store as they were last taken, and about a day and a week before. */
async function recentFigures(db: Kysely<Tables>, storeId: number): Promise<RecentFigures> {
  const rows = await db
    .selectFrom('store_figure')
    .select(['taken_at as takenAt', 'files', 'bytes', 'logical_bytes as logicalBytes'])
    .where('store_id', '=', storeId)
    .where('scope_id', 'is', null)
    .where('taken_at', '>=', (eb) =>
      eb
        .selectFrom('store_figure as newest')
        .select((inner) => inner(inner.fn.max<number>('newest.taken_at'), '-', 10 * dayMicros).as('since'))
        .where('newest.store_id', '=', storeId),
    )
    .orderBy('taken_at', 'desc')
    .execute()
  const [now] = rows
  if (now === undefined) return { now: undefined, dayBefore: undefined, weekBefore: undefined }
  const about = (agoMicros: number, toleranceMicros: number): Figures | undefined => {
    const distance = (row: Figures): number => Math.abs(row.takenAt - (now.takenAt - agoMicros))
    const [nearest] = rows.toSorted((a, b) => distance(a) - distance(b))
    return nearest !== undefined && distance(nearest) <= toleranceMicros ? nearest : undefined
  }
  return { now, dayBefore: about(dayMicros, 13 * hourMicros), weekBefore: about(7 * dayMicros, 2 * dayMicros) }
}

async function figuresByScope(
  db: Kysely<Tables>,
  storeId: number,
  scopes: ReadonlyMap<number, string>,
): Promise<ScopeFigures[]> {
  const { now, dayBefore, weekBefore } = await recentFigures(db, storeId)
  if (now === undefined) return []
  const taken = async (at: Micros | undefined): Promise<Map<number | null, Figures>> => {
    if (at === undefined) return new Map()
    const rows = await db
      .selectFrom('store_figure')
      .select(['scope_id', 'taken_at as takenAt', 'files', 'bytes', 'logical_bytes as logicalBytes'])
      .where('store_id', '=', storeId)
      .where('taken_at', '=', at)
      .where('scope_id', 'is not', null)
      .execute()
    return new Map(rows.map(({ scope_id: scopeId, ...figures }) => [scopeId, figures]))
  }
  const [current, day, week] = [
    await taken(now.takenAt),
    await taken(dayBefore?.takenAt),
    await taken(weekBefore?.takenAt),
  ]
  const absent = { bytes: 0 }
  return [...current]
    .map(([scopeId, { takenAt: _at, ...sums }]) => ({
      scope: scopes.get(scopeId ?? 0) ?? '',
      ...sums,
      // A scope that had nothing there then has no row of then.
      growth: growthOf(
        sums.bytes,
        dayBefore === undefined ? undefined : (day.get(scopeId) ?? absent),
        weekBefore === undefined ? undefined : (week.get(scopeId) ?? absent),
      ),
    }))
    .sort((a, b) => b.bytes - a.bytes || compare(a.scope, b.scope))
}

function growthOf(
  bytes: number,
  day: { readonly bytes: number } | undefined,
  week: { readonly bytes: number } | undefined,
): Growth {
  return {
    day: day === undefined ? null : bytes - day.bytes,
    week: week === undefined ? null : bytes - week.bytes,
  }
}

async function scopeNames(db: Kysely<Tables>): Promise<ReadonlyMap<number, string>> {
  const rows = await db.selectFrom('scope').select(['id', 'name']).execute()
  return new Map(rows.map(({ id, name }) => [id, name]))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
