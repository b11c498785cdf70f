/**
 * Changes to stores and policies, one at a time: each is judged by what would hold after it, for every scope, and is
 * kept only if it breaks no rule (policy-rules.ts) that was not broken before.
 */
import type { Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { forUpdate } from '../database/row-lock.ts'
import type { Micros, Tables } from '../database/schema.ts'
import type { FileStore } from './file-store.ts'
import { breachesOf, newScopes, type ScopeName } from './policy-rules.ts'
import type { BucketClaims } from './store-bucket.ts'
import type { StoreMap, StoreRecord } from './store-policy.ts'
import { loadStores } from './store-rows.ts'

/** What a change of stores needs of the server: of an `OpenStores`. */
export interface StoreRooms {
  readonly database: Database
  readonly stores: {
    readonly dataDirectory: string
    tryOpen(record: StoreRecord): Promise<FileStore>
    open(record: StoreRecord): Promise<FileStore>
    forget(): void
  }
  /** How places in buckets are taken and left; tests have none. */
  readonly buckets?: BucketClaims
}

export interface ChangeContext {
  readonly trx: Transaction<Tables>
  /** As it is before the change; nobody else changes it, nor begins to refer to a store, until the change is kept. */
  readonly map: StoreMap
  readonly now: Micros
}

/**
 * Makes a change in one transaction.
 * @throws AshlarError policy-impossible, and whatever the deed throws
 */
export async function changeStores(
  { database, stores }: StoreRooms,
  deed: (context: ChangeContext) => Promise<void>,
): Promise<void> {
  await database.write(async (trx) => {
    await forUpdate(trx, trx.selectFrom('file_store').select('id').orderBy('id')).execute()
    const map = await loadStores(trx)
    const namedBefore = await namedScopes(trx)
    await deed({ trx, map, now: await database.now(trx) })
    const scopes = unique([...namedBefore, ...(await namedScopes(trx)), ...(await anotherScope(trx)), newScopes])
    refuseNewBreaches(map, await loadStores(trx), scopes)
  })
  stores.forget()
}

/** The store of that name. @throws AshlarError not-found */
export function requireStore(map: StoreMap, name: string): StoreRecord {
  const store = map.named(name)
  if (store === undefined) throw new AshlarError('not-found', `There is no store ${JSON.stringify(name.slice(0, 80))}.`)
  return store
}

/** @throws AshlarError not-found */
export async function requireScope(db: Kysely<Tables>, name: string): Promise<number> {
  const row = await db.selectFrom('scope').select('id').where('name', '=', name).executeTakeFirst()
  if (row === undefined) throw new AshlarError('not-found', `There is no scope ${JSON.stringify(name.slice(0, 80))}.`)
  return row.id
}

function refuseNewBreaches(before: StoreMap, after: StoreMap, scopes: readonly ScopeName[]): void {
  const known = new Set(breachesOf(before, scopes).map(({ key }) => key))
  const breach = breachesOf(after, scopes).find(({ key }) => !known.has(key))
  if (breach === undefined) return
  throw new AshlarError('policy-impossible', breach.sentence, { extra: { rule: breach.rule } })
}

/** The scopes that a store or a policy is for. */
async function namedScopes(trx: Transaction<Tables>): Promise<ScopeName[]> {
  return await trx
    .selectFrom('scope')
    .select(['id', 'name'])
    .where((eb) =>
      eb.or([
        eb('id', 'in', eb.selectFrom('store_policy').select('scope_id').where('scope_id', 'is not', null)),
        eb('id', 'in', eb.selectFrom('file_store').select('scope_id').where('scope_id', 'is not', null)),
      ]),
    )
    .orderBy('id')
    .execute()
}

/** One that nothing is said of: what holds for it holds for all of its kind, however many there are. */
async function anotherScope(trx: Transaction<Tables>): Promise<ScopeName[]> {
  return await trx
    .selectFrom('scope')
    .select(['id', 'name'])
    .where('id', 'not in', (eb) =>
      eb
        .selectFrom('store_policy')
        .select('scope_id')
        .where('scope_id', 'is not', null)
        .$castTo<{ scope_id: number }>(),
    )
    .where('id', 'not in', (eb) =>
      eb.selectFrom('file_store').select('scope_id').where('scope_id', 'is not', null).$castTo<{ scope_id: number }>(),
    )
    .orderBy('id')
    .limit(1)
    .execute()
}

function unique(scopes: readonly ScopeName[]): ScopeName[] {
  return [...new Map(scopes.map((scope) => [scope.id, scope])).values()]
}
