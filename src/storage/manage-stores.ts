/** Making stores, changing them, and taking them away again. How scopes use them is said in manage-policies.ts. */
import type { Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Tables } from '../database/schema.ts'
import { recordEvent } from './events.ts'
import { policyFrom, type PolicyWish, writePolicy } from './manage-policies.ts'
import { localRoot, type LocalLocation } from './store-drivers.ts'
import { type Prepared, prepareStore } from './prepare-store.ts'
import { parseS3Location, parseS3Secret, type S3Location, type S3Secret } from './s3-location.ts'
import { realBuckets } from './store-bucket.ts'
import { changeStores, requireScope, requireStore, type StoreRooms } from './store-change.ts'
import { unmarkDirectory } from './store-marker.ts'
import { checkPlace, type PlaceWish, placeOf } from './store-place.ts'
import type { StoreMap, StoreRecord } from './store-policy.ts'
import { loadStores } from './store-rows.ts'

export interface StoreLimits {
  /** A vacuum moves files out above this size; null: none. */
  readonly softMaxBytes?: number | null
  /** An upload that would pass this size goes elsewhere; null: none. */
  readonly hardMaxBytes?: number | null
}

export interface StoreWish extends StoreLimits {
  readonly name: string
  readonly place: PlaceWish
  /** The only scope that may use it; else every scope may. */
  readonly scope?: string
  /** Uploads in progress are kept there; for a bucket. */
  readonly holdsUploads?: boolean
  /** How every scope that may use it does; without one nothing is put there. */
  readonly policy?: PolicyWish
}

/** What is not given stays. */
export interface StoreChange extends StoreLimits {
  readonly holdsUploads?: boolean
  readonly directory?: string
  readonly url?: string
  /** Null: as if it had never been given. */
  readonly s3?: { readonly [Key in keyof S3Location]?: S3Location[Key] | null }
  /** Null: the credentials of the server's environment. */
  readonly secret?: S3Secret | null
}

/**
 * Makes a store.
 * @throws AshlarError request-invalid, conflict, not-found, store-unusable, policy-impossible
 */
export async function createStore(rooms: StoreRooms, wish: StoreWish, userId: number | null): Promise<void> {
  checkName(wish.name)
  const limits = { softMaxBytes: wish.softMaxBytes ?? null, hardMaxBytes: wish.hardMaxBytes ?? null }
  checkLimits(limits)
  const place = checkPlace(wish.place)
  const holdsUploads = wish.holdsUploads === true
  if (holdsUploads) requireHolder(place.kind, wish.scope !== undefined)
  const known = await loadStores(rooms.database.read)
  if (known.named(wish.name) !== undefined) throw nameTaken(wish.name)

  const prepared = await prepareStore(rooms, known, { name: wish.name, place })
  try {
    await changeStores(rooms, async ({ trx, map, now }) => {
      const scopeId = wish.scope === undefined ? null : await requireScope(trx, wish.scope)
      if (holdsUploads) refuseSecondHolder(map, undefined)
      const row = await trx
        .insertInto('file_store')
        .values({
          name: wish.name,
          kind: place.kind,
          scope_id: scopeId,
          location_json: prepared.locationJson,
          secret_json: prepared.secretJson,
          soft_max_bytes: limits.softMaxBytes,
          hard_max_bytes: limits.hardMaxBytes,
          next_generation: 0,
          used_files: 0,
          used_bytes: 0,
          holds_uploads: holdsUploads ? 1 : 0,
          created_at: now,
        })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .returning('id')
        .executeTakeFirst()
      if (row === undefined) throw nameTaken(wish.name)
      if (wish.policy !== undefined) {
        const policy = policyFrom(await loadStores(trx), wish.policy)
        await writePolicy(trx, { storeId: row.id, scopeId: null }, policy)
      }
      const { scope = null, policy = null } = wish
      const credentials = prepared.secretJson === null ? {} : { secret: 'given' }
      const data = { scope, ...publicPart(place), ...credentials, ...limits, holdsUploads, policy }
      await recordEvent(trx, { at: now, userId, kind: 'store.create', subject: wish.name, data })
    })
  } catch (error) {
    await undo(prepared, error)
    throw error
  }
}

/**
 * Changes a store. It stays where its files are: another directory is taken if it has the store's own mark, and
 * another bucket, prefix or URL while the store has no files.
 * @throws AshlarError request-invalid, conflict, not-found, store-unusable, policy-impossible
 */
export async function updateStore(
  rooms: StoreRooms,
  name: string,
  change: StoreChange,
  userId: number | null,
): Promise<void> {
  const known = await loadStores(rooms.database.read)
  const before = requireStore(known, name)
  const place = changedPlace(before, change)
  const prepared = place === undefined ? undefined : await prepareStore(rooms, known, { name, place, store: before })
  try {
    await changeStores(rooms, async ({ trx, map, now }) => {
      const store = requireStore(map, name)
      const limits = {
        softMaxBytes: change.softMaxBytes === undefined ? store.softMaxBytes : change.softMaxBytes,
        hardMaxBytes: change.hardMaxBytes === undefined ? store.hardMaxBytes : change.hardMaxBytes,
      }
      checkLimits(limits)
      if (change.holdsUploads === true) {
        requireHolder(store.kind, store.scopeId !== null)
        refuseSecondHolder(map, store)
      }
      if (prepared !== undefined) {
        refuseChangedPlace(before, store)
        if (prepared.isElsewhere) await requireNoFiles(trx, store, 'cannot go elsewhere')
      }
      const holdsUploads = change.holdsUploads ?? store.holdsUploads
      await trx
        .updateTable('file_store')
        .set({
          soft_max_bytes: limits.softMaxBytes,
          hard_max_bytes: limits.hardMaxBytes,
          holds_uploads: holdsUploads ? 1 : 0,
          ...(prepared === undefined ? {} : { location_json: prepared.locationJson, secret_json: prepared.secretJson }),
        })
        .where('id', '=', store.id)
        .execute()
      const { secret, ...rest } = change
      const data = { ...rest, ...(secret === undefined ? {} : { secret: 'changed' }) }
      await recordEvent(trx, { at: now, userId, kind: 'store.update', subject: name, data })
    })
  } catch (error) {
    await undo(prepared, error)
    throw error
  }
  if (prepared?.leavesPlace === true) await leave(rooms, before)
}

/**
 * Takes a store away that has no files left. What lies in its place without a record stays there.
 * @throws AshlarError not-found, conflict if something still refers to it, policy-impossible
 */
export async function deleteStore(rooms: StoreRooms, name: string, userId: number | null): Promise<void> {
  let left: StoreRecord | undefined
  await changeStores(rooms, async ({ trx, map, now }) => {
    const store = requireStore(map, name)
    await requireNoFiles(trx, store, 'cannot be deleted')
    await requireNoUploads(trx, store)
    const draining = map.policies.find((policy) => policy.drainTo === store.id && policy.storeId !== store.id)
    if (draining !== undefined) {
      const other = map.byId(draining.storeId)?.name ?? ''
      throw new AshlarError('conflict', `The store ${other} is drained to ${name}: drain it elsewhere first.`)
    }
    await trx.deleteFrom('store_policy').where('store_id', '=', store.id).execute()
    await trx.deleteFrom('store_figure').where('store_id', '=', store.id).execute()
    await trx
      .deleteFrom('maintenance')
      .where('name', 'in', [`vacuum:${store.id}`, `scrub:${store.id}`])
      .execute()
    await trx.deleteFrom('file_store').where('id', '=', store.id).execute()
    const data = publicPart(placeOf(store.kind, store.locationJson))
    await recordEvent(trx, { at: now, userId, kind: 'store.delete', subject: name, data })
    left = store
  })
  if (left !== undefined) await leave(rooms, left)
}

/** Where a connection broke during the commit, the store may be recorded; then it keeps its mark. */
async function undo(prepared: Prepared | undefined, error: unknown): Promise<void> {
  if (error instanceof AshlarError && error.code === 'storage-failed') return
  await prepared?.release()
}

/** The place of a store as the change wants it; undefined if it does not touch that. */
function changedPlace(store: StoreRecord, change: StoreChange): PlaceWish | undefined {
  const { directory, url, s3, secret } = change
  const named = {
    local: directory !== undefined,
    remote: url !== undefined,
    s3: s3 !== undefined || secret !== undefined,
  }
  const wrong = Object.entries(named).find(([kind, isNamed]) => isNamed && kind !== store.kind)
  if (wrong !== undefined) {
    throw new AshlarError('request-invalid', `The store ${store.name} is ${store.kind}, not ${wrong[0]}.`)
  }
  if (!named[store.kind]) return undefined
  const place = placeOf(store.kind, store.locationJson)
  switch (place.kind) {
    case 'local':
      return checkPlace({ kind: 'local', directory: directory ?? place.directory })
    case 'remote':
      return checkPlace({ kind: 'remote', url: url ?? place.url })
    case 's3': {
      const kept = store.secretJson === null ? null : (JSON.parse(store.secretJson) as S3Secret)
      return checkPlace({ kind: 's3', s3: merged(place.s3, s3 ?? {}), secret: secret === undefined ? kept : secret })
    }
  }
}

function merged(place: S3Location, change: NonNullable<StoreChange['s3']>): S3Location {
  const members = Object.entries({ ...place, ...change }).filter(([, value]) => value !== null && value !== undefined)
  return parseS3Location(Object.fromEntries(members))
}

/** Somebody may have changed the place while we looked into what we were told. */
function refuseChangedPlace(before: StoreRecord, now: StoreRecord): void {
  const isSame =
    before.id === now.id && before.locationJson === now.locationJson && before.secretJson === now.secretJson
  if (isSame) return
  throw new AshlarError('conflict', `The store ${now.name} was changed by somebody else meanwhile; look at it again.`)
}

async function requireNoFiles(trx: Transaction<Tables>, store: StoreRecord, what: string): Promise<void> {
  const file = await trx
    .selectFrom('file_copy')
    .select('file_id')
    .where('store_id', '=', store.id)
    .limit(1)
    .executeTakeFirst()
  if (file === undefined) return
  const files = `${store.usedFiles} file${store.usedFiles === 1 ? '' : 's'}`
  throw new AshlarError(
    'conflict',
    `The store ${store.name} ${what} while it has files (${files}). Drain it, and wait until a vacuum has moved them.`,
  )
}

async function requireNoUploads(trx: Transaction<Tables>, store: StoreRecord): Promise<void> {
  const upload = await trx
    .selectFrom('upload')
    .select('id')
    .where('parked_in', '=', store.id)
    .limit(1)
    .executeTakeFirst()
  if (upload === undefined) return
  throw new AshlarError(
    'conflict',
    `The store ${store.name} cannot be deleted while uploads in progress are kept there.`,
  )
}

/** Makes its place free for another store. What cannot be reached keeps its mark, which harms nobody. */
async function leave(rooms: StoreRooms, { name, kind, locationJson, secretJson }: StoreRecord): Promise<void> {
  const { identity, ...location } = JSON.parse(locationJson) as { readonly identity?: string }
  if (identity === undefined) return
  try {
    if (kind === 'local') {
      const root = localRoot(rooms.stores.dataDirectory, location as LocalLocation)
      await unmarkDirectory(root, identity)
    }
    if (kind === 's3') {
      const secret = secretJson === null ? null : parseS3Secret(JSON.parse(secretJson))
      const buckets = rooms.buckets ?? realBuckets
      await buckets.leave({ name, location: parseS3Location(location), secret, identity })
    }
  } catch {
    // It is not recorded any more, so nobody looks there.
  }
}

function publicPart(place: PlaceWish): Readonly<Record<string, unknown>> {
  return place.kind === 's3' ? { kind: place.kind, s3: place.s3 } : { ...place }
}

function checkName(name: string): void {
  if (name.length <= 63 && /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/.test(name)) return
  throw new AshlarError(
    'request-invalid',
    `${JSON.stringify(name.slice(0, 80))} cannot be the name of a store: use up to 63 of a-z, 0-9, '.', '_' and '-', beginning and ending with a letter or digit.`,
  )
}

function checkLimits({ softMaxBytes, hardMaxBytes }: Required<StoreLimits>): void {
  for (const limit of [softMaxBytes, hardMaxBytes]) {
    if (limit === null || (Number.isSafeInteger(limit) && limit > 0)) continue
    throw new AshlarError('request-invalid', 'A limit is at least one byte.')
  }
  if (softMaxBytes !== null && hardMaxBytes !== null && softMaxBytes > hardMaxBytes) {
    throw new AshlarError(
      'request-invalid',
      `The soft maximum (${softMaxBytes} bytes) is above the hard one (${hardMaxBytes} bytes), so nothing would be moved out.`,
    )
  }
}

function requireHolder(kind: StoreRecord['kind'], isOfOneScope: boolean): void {
  if (kind === 's3' && !isOfOneScope) return
  throw new AshlarError('request-invalid', 'Only a bucket (s3) of every scope can keep uploads in progress.')
}

function refuseSecondHolder(map: StoreMap, store: StoreRecord | undefined): void {
  const holder = map.all.find((each) => each.holdsUploads && each.id !== store?.id)
  if (holder === undefined) return
  throw new AshlarError('conflict', `The store ${holder.name} keeps the uploads in progress; take that from it first.`)
}

function nameTaken(name: string): AshlarError {
  return new AshlarError('conflict', `There is a store ${name} already.`)
}
