/** The rows of uploads that can be continued after this process has ended. */
import type { Database } from '../database/database.ts'

export class UploadRows {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Remembers the spooled file `id`, or that it showed life. */
  async save(id: string, artifactId: number, path: string): Promise<void> {
    const database = this.#database
    await database.write(async (trx) => {
      const now = await database.now(trx)
      await trx
        .insertInto('upload')
        .values({ id, artifact_id: artifactId, path, created_at: now, touched_at: now })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ touched_at: now }))
        .execute()
    })
  }

  /** The upload of the file that showed life last. */
  async newest(artifactId: number, path: string): Promise<string | undefined> {
    const row = await this.#database.read
      .selectFrom('upload')
      .select('id')
      .where('artifact_id', '=', artifactId)
      .where('path', '=', path)
      .orderBy('touched_at', 'desc')
      .orderBy('id')
      .limit(1)
      .executeTakeFirst()
    return row?.id
  }

  /** The newest upload of each file of the artifact that has one. */
  async newestOf(artifactId: number): Promise<Map<string, string>> {
    const rows = await this.#database.read
      .selectFrom('upload')
      .select(['id', 'path'])
      .where('artifact_id', '=', artifactId)
      .orderBy('touched_at')
      .orderBy('id', 'desc')
      .execute()
    return new Map(rows.map((row) => [row.path, row.id]))
  }

  /** The upload goes on under another id. False if another server was first. */
  async rename(id: string, newId: string): Promise<boolean> {
    const database = this.#database
    return await database.write(async (trx) => {
      const row = await trx
        .updateTable('upload')
        .set({ id: newId, touched_at: await database.now(trx) })
        .where('id', '=', id)
        .returning('id')
        .executeTakeFirst()
      return row !== undefined
    })
  }

  async forget(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await this.#database.write(async (trx) => {
      await trx
        .deleteFrom('upload')
        .where('id', 'in', [...ids])
        .execute()
    })
  }
}
