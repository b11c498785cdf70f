/** Users that another program knew, kept under `name~origin` until they are attached to an account. schema.ts explains the columns. */
import type { Kysely } from 'kysely'
import type { ColumnTypes } from '../column-types.ts'
import { addColumns, idOf, orNull } from './layout.ts'

export async function up(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await addColumns(db, types, 'user', { attached_to: orNull(idOf('user')) })
}
