/** The rows of uploads that can be continued after this process has ended. */
import type { Database } from '../database/database.ts'
import type { Parked, ParkedPart } from '../storage/parked-uploads.ts'

export interface RecordedUpload {
  /** Of its spooled file. */
  readonly id: string
  /** What of it other servers can read. */
  readonly parked: Parked | undefined
}

export class UploadRows {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Remembers the spooled file `id`. Done once: a row that went or has another id since is another's to write. */
  async save(id: string, artifactId: number, path: string): Promise<void> {
    const database = this.#database
    await database.write(async (trx) => {
      const now = await database.now(trx)
      await trx
        .insertInto('upload')
        .values({ id, artifact_id: artifactId, path, created_at: now, touched_at: now })
        .execute()
    })
  }

  /**
   * Notes that the upload showed life.
   * @returns false if it is no longer this one's: it was completed, deleted, or another server goes on with it
   */
  async touch(id: string): Promise<boolean> {
    const database = this.#database
    return await database.write(async (trx) => {
      const result = await trx
        .updateTable('upload')
        .set({ touched_at: await database.now(trx) })
        .where('id', '=', id)
        .executeTakeFirst()
      return result.numUpdatedRows > 0n
    })
  }

  /**
   * Writes down which of its bytes are kept where other servers reach them.
   * @returns as `touch`
   */
  async saveParked(id: string, parked: Parked): Promise<boolean> {
    const database = this.#database
    return await database.write(async (trx) => {
      const result = await trx
        .updateTable('upload')
        .set({
          parked_in: parked.storeId,
          parts_json: JSON.stringify(parked.parts),
          touched_at: await database.now(trx),
        })
        .where('id', '=', id)
        .executeTakeFirst()
      return result.numUpdatedRows > 0n
    })
  }

  /** The upload of the file that showed life last. */
  async newest(artifactId: number, path: string): Promise<RecordedUpload | undefined> {
    const row = await this.#database.read
      .selectFrom('upload')
      .select(['id', 'parked_in', 'parts_json'])
      .where('artifact_id', '=', artifactId)
      .where('path', '=', path)
      .orderBy('touched_at', 'desc')
      .orderBy('id')
      .limit(1)
      .executeTakeFirst()
    return row === undefined ? undefined : recordedUpload(row)
  }

  /** The newest upload of each file of the artifact that has one. */
  async newestOf(artifactId: number): Promise<Map<string, RecordedUpload>> {
    const rows = await this.#database.read
      .selectFrom('upload')
      .select(['id', 'path', 'parked_in', 'parts_json'])
      .where('artifact_id', '=', artifactId)
      .orderBy('touched_at')
      .orderBy('id', 'desc')
      .execute()
    return new Map(rows.map((row) => [row.path, recordedUpload(row)]))
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

  /** @returns how many were still recorded under these ids */
  async forget(ids: readonly string[]): Promise<number> {
    if (ids.length === 0) return 0
    const result = await this.#database.write((trx) =>
      trx
        .deleteFrom('upload')
        .where('id', 'in', [...ids])
        .executeTakeFirst(),
    )
    return Number(result.numDeletedRows)
  }
}

function recordedUpload(row: {
  readonly id: string
  readonly parked_in: number | null
  readonly parts_json: string | null
}): RecordedUpload {
  const { id, parked_in: storeId, parts_json: json } = row
  if (storeId === null || json === null) return { id, parked: undefined }
  return { id, parked: { storeId, parts: JSON.parse(json) as ParkedPart[] } }
}
