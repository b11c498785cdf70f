/**
 * People as another program knew them: `name~origin`.
 *
 * What comes with them is recorded as theirs, so that it is not said to be of whoever moved it here. They can do
 * nothing: they have no tokens and no grants. When it is known whose account such a name is, it is attached: all records
 * become the account's, those that come under the name later too.
 */
import type { Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { isOriginName } from './names.ts'

export interface Attachment {
  readonly name: string
  readonly account: string
  /** Records that became the account's. */
  readonly records: number
}

/** Where it is recorded who did something. Tokens and grants are no records: they say who may do something. */
const records = [
  ['artifact', 'created_by'],
  ['change', 'user_id'],
  ['event', 'user_id'],
  ['incoming_file', 'user_id'],
  ['keyring_key', 'added_by'],
  ['received_upload', 'user_id'],
] as const satisfies readonly (readonly [keyof Tables, string])[]

export const recordsOfUsers: readonly string[] = records.map(([table, column]) => `${table}.${column}`)

/** Whom to record for `name~origin`: that user, made if need be, or the account that they are. @throws AshlarError request-invalid */
export async function originUser(database: Database, name: string): Promise<number> {
  if (!isOriginName(name)) {
    throw new AshlarError(
      'request-invalid',
      `${JSON.stringify(name.slice(0, 200))} is nobody of another origin; that looks like jane@example.org~aptly.`,
    )
  }
  return (await findOriginUser(database, name)) ?? (await makeOriginUser(database, name))
}

async function findOriginUser(database: Database, name: string): Promise<number | undefined> {
  const row = await database.read
    .selectFrom('user')
    .select(['id', 'attached_to'])
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined ? undefined : (row.attached_to ?? row.id)
}

async function makeOriginUser(database: Database, name: string): Promise<number> {
  return await database.write(async (trx) => {
    await trx
      .insertInto('user')
      .values({ name, created_at: await database.now(trx), attached_to: null })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute()
    const { id, attached_to: account } = await trx
      .selectFrom('user')
      .select(['id', 'attached_to'])
      .where('name', '=', name)
      .executeTakeFirstOrThrow()
    return account ?? id
  })
}

/**
 * Makes all records of `name~origin` those of an account, for good. Again for the same account: moves what has come since.
 *
 * @param by who attaches
 * @throws AshlarError not-found; conflict if it is attached to another account; request-invalid if the account is none
 */
export async function attachUser(
  trx: Transaction<Tables>,
  { name, account, by }: { readonly name: string; readonly account: string; readonly by: number },
  now: Micros,
): Promise<Attachment> {
  if (!isOriginName(name)) {
    throw new AshlarError(
      'request-invalid',
      `${JSON.stringify(name)} is an account; only NAME~ORIGIN can be attached to one.`,
    )
  }
  if (isOriginName(account)) {
    throw new AshlarError('request-invalid', `${account} is no account: a name can be attached to an account only.`)
  }
  const [from, to] = [await requireUserNamed(trx, name), await requireUserNamed(trx, account)]
  if (from.attached_to !== null && from.attached_to !== to.id) {
    const other = await trx
      .selectFrom('user')
      .select('name')
      .where('id', '=', from.attached_to)
      .executeTakeFirstOrThrow()
    throw new AshlarError('conflict', `${name} is attached to ${other.name} already.`)
  }
  await trx.updateTable('user').set({ attached_to: to.id }).where('id', '=', from.id).execute()
  let moved = 0
  for (const [table, column] of records) moved += await move(trx, table, column, from.id, to.id)
  const data = { account, records: moved }
  await trx
    .insertInto('event')
    .values({ at: now, user_id: by, kind: 'user.attach', subject: name, data_json: JSON.stringify(data) })
    .execute()
  return { name, ...data }
}

async function move(
  trx: Transaction<Tables>,
  table: (typeof records)[number][0],
  column: (typeof records)[number][1],
  from: number,
  to: number,
): Promise<number> {
  const { numUpdatedRows } = await trx
    .updateTable(table)
    .set({ [column]: to })
    .where(trx.dynamic.ref(column), '=', from)
    .executeTakeFirst()
  return Number(numUpdatedRows)
}

async function requireUserNamed(
  trx: Transaction<Tables>,
  name: string,
): Promise<{ readonly id: number; readonly attached_to: number | null }> {
  const row = await trx.selectFrom('user').select(['id', 'attached_to']).where('name', '=', name).executeTakeFirst()
  if (row === undefined) throw new AshlarError('not-found', `There is no user '${name}'.`)
  return row
}
