/** Saying how a scope, or every scope, uses a store. */
import type { Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Flag, Tables } from '../database/schema.ts'
import { recordEvent } from './events.ts'
import { newScopes } from './policy-rules.ts'
import { changeStores, requireScope, requireStore, type StoreRooms } from './store-change.ts'
import { StoreMap, type StorePolicy, type StoreRecord, unusedPolicy } from './store-policy.ts'
import { loadStores } from './store-rows.ts'
import { firstUnreadable } from './unreadable-files.ts'

/** What is not given is as nothing were said: no uploads, no populating, nothing moved or forbidden. */
export interface PolicyWish extends Partial<Omit<StorePolicy, 'drainTo'>> {
  /** Name of a store; null: where uploads go. */
  readonly drainTo?: string | null
}

/** The policy of which store, and for which scope; null: for every scope without one of its own. */
export interface PolicyPlace {
  readonly store: string
  readonly scope: string | null
}

const highestPriority = 1_000_000

/**
 * Sets the whole policy.
 * @throws AshlarError not-found, request-invalid, policy-impossible
 */
export async function setPolicy(
  rooms: StoreRooms,
  place: PolicyPlace,
  wish: PolicyWish,
  userId: number | null,
): Promise<void> {
  await refuseIfUnreadable(rooms, place, wish)
  await changeStores(rooms, async ({ trx, map, now }) => {
    const store = requireStore(map, place.store)
    const scopeId = place.scope === null ? null : await requireScope(trx, place.scope)
    await writePolicy(trx, { storeId: store.id, scopeId }, policyFrom(map, wish))
    await recordEvent(trx, {
      at: now,
      userId,
      kind: 'policy.set',
      subject: store.name,
      data: { scope: place.scope, ...wish },
    })
  })
}

/**
 * Refuses a policy, or without a wish taking it back, if a scope could not read any more what it could read before. A
 * walk through the store, so it is done before the transaction; what comes there meanwhile, a vacuum copies.
 */
async function refuseIfUnreadable({ database }: StoreRooms, place: PolicyPlace, wish?: PolicyWish): Promise<void> {
  const map = await loadStores(database.read)
  const store = requireStore(map, place.store)
  const scopeId = place.scope === null ? null : await requireScope(database.read, place.scope)
  const others = map.policies.filter((policy) => policy.storeId !== store.id || policy.scopeId !== scopeId)
  const own = wish === undefined ? [] : [{ ...policyFrom(map, wish), storeId: store.id, scopeId }]
  const after = new StoreMap(map.all, [...others, ...own])
  if (!losesReaders(map, after, store)) return
  const unreadable = await firstUnreadable(database.read, { before: map, after, storeId: store.id })
  if (unreadable === undefined) return
  throw new AshlarError(
    'policy-impossible',
    `The scope ${unreadable.scope} could not read what only ${store.name} has, such as ${unreadable.sha256}. ` +
      'Populate or drain to another store first, and wait for a vacuum.',
    { extra: { rule: 'write-only-home' } },
  )
}

/** Whether some scope could read the store before, and could not after. */
function losesReaders(before: StoreMap, after: StoreMap, { id, scopeId }: StoreRecord): boolean {
  const named = before.policies.filter((policy) => policy.storeId === id).map((policy) => policy.scopeId)
  const changed = after.policies.filter((policy) => policy.storeId === id).map((policy) => policy.scopeId)
  // Scopes that no policy names are all alike.
  const scopes = new Set([...named, ...changed, scopeId, newScopes.id].filter((each) => each !== null))
  return [...scopes].some((each) => before.isReadable(each, id) && !after.isReadable(each, id))
}

/** Takes a policy back. @throws AshlarError not-found, policy-impossible */
export async function unsetPolicy(rooms: StoreRooms, place: PolicyPlace, userId: number | null): Promise<void> {
  await refuseIfUnreadable(rooms, place)
  await changeStores(rooms, async ({ trx, map, now }) => {
    const store = requireStore(map, place.store)
    const scopeId = place.scope === null ? null : await requireScope(trx, place.scope)
    const { numDeletedRows } = await deletePolicy(trx, { storeId: store.id, scopeId })
    if (numDeletedRows === 0n) throw noPolicy(place)
    await recordEvent(trx, {
      at: now,
      userId,
      kind: 'policy.unset',
      subject: store.name,
      data: { scope: place.scope },
    })
  })
}

export function noPolicy({ store, scope }: PolicyPlace): AshlarError {
  const whose = scope === null ? 'every scope' : `the scope ${scope}`
  return new AshlarError('not-found', `The store ${store} has no policy for ${whose}.`)
}

/** @throws AshlarError not-found if there is no store to drain to, request-invalid */
export function policyFrom(map: StoreMap, { drainTo, ...wish }: PolicyWish): StorePolicy {
  const policy: StorePolicy = {
    ...unusedPolicy,
    ...wish,
    drainTo: drainTo === undefined || drainTo === null ? null : requireStore(map, drainTo).id,
  }
  for (const priority of [policy.uploadPriority, policy.downloadPriority]) {
    if (priority === null || (Number.isInteger(priority) && priority >= 0 && priority <= highestPriority)) continue
    throw new AshlarError('request-invalid', `A priority is a whole number from 0 to ${highestPriority}.`)
  }
  if (policy.softMaxBytes !== null && !(Number.isSafeInteger(policy.softMaxBytes) && policy.softMaxBytes > 0)) {
    throw new AshlarError('request-invalid', 'A soft maximum is at least one byte.')
  }
  return policy
}

interface PolicyKey {
  readonly storeId: number
  readonly scopeId: number | null
}

/** Writes a policy in the place of the one that is there. The stores are locked, so it stays the only one. */
export async function writePolicy(trx: Transaction<Tables>, key: PolicyKey, policy: StorePolicy): Promise<void> {
  await deletePolicy(trx, key)
  await trx
    .insertInto('store_policy')
    .values({
      store_id: key.storeId,
      scope_id: key.scopeId,
      upload_priority: policy.uploadPriority,
      download_priority: policy.downloadPriority,
      populate: flag(policy.populate),
      drain: flag(policy.drain),
      drain_to: policy.drainTo,
      read_only: flag(policy.readOnly),
      write_only: flag(policy.writeOnly),
      soft_max_bytes: policy.softMaxBytes,
    })
    .execute()
}

async function deletePolicy(
  trx: Transaction<Tables>,
  { storeId, scopeId }: PolicyKey,
): Promise<{ readonly numDeletedRows: bigint }> {
  return await trx
    .deleteFrom('store_policy')
    .where('store_id', '=', storeId)
    .where('scope_id', 'is not distinct from', scopeId)
    .executeTakeFirstOrThrow()
}

function flag(value: boolean): Flag {
  return value ? 1 : 0
}
