/** Keyrings: public keys that a workspace trusts, under names. A suite says which of them count for it. */
import type { Transaction } from 'kysely'
import { LRUCache } from 'lru-cache'
import type { Workspace } from '../access/access.ts'
import { isKeyringName } from '../archive/settings.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { forUpdate } from '../database/row-lock.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { describeKeys, joinKeyrings, type Keyring, readKeyring } from '../debian/keyring.ts'

export interface TrustedKey {
  readonly fingerprint: string
  readonly userIds: readonly string[]
  readonly algorithm: string
  /** Null: never. */
  readonly expiresAt: Micros | null
  readonly revoked: boolean
  readonly addedAt: Micros
  /** Null for a user who is gone. */
  readonly addedBy: string | null
}

export interface KeyringInfo {
  readonly name: string
  readonly keys: readonly TrustedKey[]
}

const maximumKeys = 1000

export class Keyrings {
  readonly #database: Database
  /** Reading a key costs milliseconds; its row never changes but for a newer copy of the key. */
  readonly #read = new LRUCache<string, Keyring>({ max: 2000 })

  constructor(database: Database) {
    this.#database = database
  }

  async list(workspace: Workspace): Promise<KeyringInfo[]> {
    const rows = await this.#database.read
      .selectFrom('keyring')
      .select(['id', 'name'])
      .where('workspace_id', '=', workspace.id)
      .orderBy('name')
      .execute()
    return await Promise.all(rows.map(({ id, name }) => this.#describe(id, name)))
  }

  /** @throws AshlarError not-found */
  async get(workspace: Workspace, name: string): Promise<KeyringInfo> {
    return await this.#describe(await this.#find(workspace, name), name)
  }

  /**
   * Adds keys, and makes the keyring if there is none. A key that it has gets what the new copy says (a later expiry, a
   * revocation), and loses nothing.
   * @throws AshlarError keyring-invalid, request-invalid, too-large
   */
  async add(workspace: Workspace, name: string, keys: string | Uint8Array, userId: number): Promise<KeyringInfo> {
    if (!isKeyringName(name)) {
      throw new AshlarError('request-invalid', `${JSON.stringify(name)} cannot be the name of a keyring.`)
    }
    const added = await describeKeys(await readKeyring(keys, 'what was sent'), new Date())
    const database = this.#database
    await database.write(async (trx) => {
      const now = await database.now(trx)
      await trx
        .insertInto('keyring')
        .values({ workspace_id: workspace.id, name, created_at: now })
        .onConflict((conflict) => conflict.columns(['workspace_id', 'name']).doNothing())
        .execute()
      // Locks it, so that of two who add copies of one key both count.
      const keyring = await trx
        .updateTable('keyring')
        .set({ name })
        .where('workspace_id', '=', workspace.id)
        .where('name', '=', name)
        .returning('id')
        .executeTakeFirstOrThrow()
      const present = await trx.selectFrom('keyring_key').selectAll().where('keyring_id', '=', keyring.id).execute()
      const known = new Map(present.map((row) => [row.fingerprint, row.public_key]))
      if (new Set([...known.keys(), ...added.map((key) => key.fingerprint)]).size > maximumKeys) {
        throw new AshlarError('too-large', `A keyring has at most ${maximumKeys} keys.`)
      }
      for (const key of added) {
        const before = known.get(key.fingerprint)
        const public_key = before === undefined ? key.armored : await merged(before, key.armored)
        await trx
          .insertInto('keyring_key')
          .values({ keyring_id: keyring.id, fingerprint: key.fingerprint, public_key, added_at: now, added_by: userId })
          .onConflict((conflict) => conflict.columns(['keyring_id', 'fingerprint']).doUpdateSet({ public_key }))
          .execute()
      }
    })
    return await this.get(workspace, name)
  }

  /** @throws AshlarError not-found */
  async removeKey(workspace: Workspace, name: string, fingerprint: string): Promise<void> {
    const id = await this.#find(workspace, name)
    const removed = await this.#database.write((trx) =>
      trx
        .deleteFrom('keyring_key')
        .where('keyring_id', '=', id)
        .where('fingerprint', '=', fingerprint.toUpperCase())
        .executeTakeFirst(),
    )
    if (removed.numDeletedRows > 0n) return
    throw new AshlarError('not-found', `The keyring '${name}' has no key ${fingerprint}.`)
  }

  /** Suites that name it trust nobody by it from then on. @throws AshlarError not-found */
  async remove(workspace: Workspace, name: string): Promise<void> {
    const id = await this.#find(workspace, name)
    await this.#database.write(async (trx) => {
      await trx.deleteFrom('keyring_key').where('keyring_id', '=', id).execute()
      await trx.deleteFrom('keyring').where('id', '=', id).execute()
    })
  }

  /** The keys of these keyrings; those that are not there have none. */
  async trusted(workspaceId: number, names: readonly string[]): Promise<Keyring> {
    if (names.length === 0) return { keys: [] }
    const rows = await this.#database.read
      .selectFrom('keyring_key')
      .innerJoin('keyring', 'keyring.id', 'keyring_key.keyring_id')
      .select('public_key')
      .where('keyring.workspace_id', '=', workspaceId)
      .where('keyring.name', 'in', [...names])
      .execute()
    return joinKeyrings(await Promise.all(rows.map((row) => this.#keyOf(row.public_key))))
  }

  async #keyOf(armored: string): Promise<Keyring> {
    const known = this.#read.get(armored)
    if (known !== undefined) return known
    const keyring = await readKeyring(armored, 'a trusted key')
    this.#read.set(armored, keyring)
    return keyring
  }

  async #find(workspace: Workspace, name: string): Promise<number> {
    const row = await this.#database.read
      .selectFrom('keyring')
      .select('id')
      .where('workspace_id', '=', workspace.id)
      .where('name', '=', name)
      .executeTakeFirst()
    if (row !== undefined) return row.id
    throw new AshlarError('not-found', `There is no keyring '${name}' in ${workspace.scope}/${workspace.name}.`)
  }

  async #describe(id: number, name: string): Promise<KeyringInfo> {
    const rows = await this.#database.read
      .selectFrom('keyring_key')
      .leftJoin('user', 'user.id', 'keyring_key.added_by')
      .select(['public_key', 'added_at', 'user.name as user'])
      .where('keyring_id', '=', id)
      .orderBy('fingerprint')
      .execute()
    const now = new Date()
    const keys = await Promise.all(
      rows.map(async ({ public_key, added_at, user }): Promise<TrustedKey[]> => {
        const facts = await describeKeys(await this.#keyOf(public_key), now)
        return facts.map(({ fingerprint, userIds, algorithm, expiresAt, revoked }) => ({
          fingerprint,
          userIds,
          algorithm,
          expiresAt: expiresAt === null ? null : expiresAt.getTime() * 1000,
          revoked,
          addedAt: added_at,
          addedBy: user,
        }))
      }),
    )
    return { name, keys: keys.flat() }
  }
}

/** Whether a key counts in the transaction, and to its end: nobody takes it away meanwhile. */
export async function isTrustedKey(
  trx: Transaction<Tables>,
  workspaceId: number,
  names: readonly string[],
  fingerprint: string,
): Promise<boolean> {
  if (names.length === 0) return false
  // The rows of keys only are locked: who removes a keyring begins with those.
  const keyrings = await trx
    .selectFrom('keyring')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .where('name', 'in', [...names])
    .execute()
  if (keyrings.length === 0) return false
  const ids = keyrings.map((row) => row.id)
  const keys = trx
    .selectFrom('keyring_key')
    .select('keyring_id')
    .where('keyring_id', 'in', ids)
    .where('fingerprint', '=', fingerprint)
    .orderBy('keyring_id')
  return (await forUpdate(trx, keys).execute()).length > 0
}

/** One copy of a key with what two of them say. */
async function merged(before: string, after: string): Promise<string> {
  const [key] = await describeKeys(await readKeyring(`${before}\n${after}`, 'a trusted key'), new Date())
  return key?.armored ?? after
}
