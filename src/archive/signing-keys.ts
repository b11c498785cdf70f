/** The keys that sign an archive's Releases; made with its first revision. The private part never leaves the server. */
import { LRUCache } from 'lru-cache'
import type { Database } from '../database/database.ts'
import { generateArchiveKey, loadSigner, type ReleaseSigner } from '../debian/openpgp.ts'

export interface PublicKeys {
  readonly armored: string
  readonly fingerprint: string
}

export class SigningKeys {
  readonly #database: Database
  readonly #signers = new LRUCache<string, ReleaseSigner>({ max: 100 })

  constructor(database: Database) {
    this.#database = database
  }

  /** The signer of an archive; several keys sign while one takes over from another. */
  async signer(archiveId: number): Promise<ReleaseSigner> {
    const rows = await this.#rows(archiveId)
    const keys = rows.length > 0 ? rows : [await this.#create(archiveId)]
    // Known under its fingerprints, since another process may add a key.
    const name = `${archiveId} ${keys.map((key) => key.fingerprint).join(' ')}`
    const known = this.#signers.get(name)
    if (known !== undefined) return known
    const signer = await loadSigner(keys.map((key) => key.private_key))
    this.#signers.set(name, signer)
    return signer
  }

  /** What clients trust; undefined before the first revision. */
  async publicKeys(archiveId: number): Promise<PublicKeys[]> {
    const rows = await this.#rows(archiveId)
    return rows.map((row) => ({ armored: row.public_key, fingerprint: row.fingerprint }))
  }

  async #rows(archiveId: number) {
    return this.#database.read
      .selectFrom('archive_key')
      .selectAll()
      .where('archive_id', '=', archiveId)
      .orderBy('id')
      .execute()
  }

  async #create(archiveId: number) {
    const workspace = await this.#database.read
      .selectFrom('archive')
      .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
      .innerJoin('scope', 'scope.id', 'workspace.scope_id')
      .select(['scope.name as scope', 'workspace.name'])
      .where('archive.id', '=', archiveId)
      .executeTakeFirstOrThrow()
    const now = await this.#database.now()
    const key = await generateArchiveKey({
      name: `Ashlar archive ${workspace.scope}/${workspace.name}`,
      date: new Date(now / 1000),
    })
    await this.#database.write(async (trx) => {
      // Locks the archive, so that of two processes that make a key one finds the other's.
      await trx
        .updateTable('archive')
        .set((eb) => ({ head: eb.ref('head') }))
        .where('id', '=', archiveId)
        .execute()
      const existing = await trx.selectFrom('archive_key').select('id').where('archive_id', '=', archiveId).execute()
      if (existing.length > 0) return
      await trx
        .insertInto('archive_key')
        .values({
          archive_id: archiveId,
          fingerprint: key.fingerprint,
          public_key: key.publicKey,
          private_key: key.privateKey,
          created_at: now,
        })
        .execute()
    })
    const [first] = await this.#rows(archiveId)
    if (first === undefined) throw new Error('The new archive key was not recorded')
    return first
  }
}
