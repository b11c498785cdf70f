/**
 * Files that wait in the incoming area of a suite until their .changes comes.
 *
 * A file has its room before its first byte is read, so that what comes at the same time cannot take more than there is;
 * who has no token shares a small area with all others who have none. Files of one name with different bytes wait side by
 * side: nobody takes another's away, and the .changes tells by its digests which one it means.
 */
import type { ExpressionBuilder } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { forUpdate } from '../database/row-lock.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { storageError } from '../storage/storage-error.ts'
import type { SpooledFile, Storage, StoredFile } from '../storage/storage.ts'
import type { FoundFile } from './submission.ts'
import type { SentFile, Target } from './target.ts'

interface AreaLimit {
  readonly bytes: number
  readonly files: number
}

/** What may wait in one suite at a time. */
export interface IncomingLimits {
  /** Of those who may upload with their token. */
  readonly known: AreaLimit
  /** Of all others together. */
  readonly unknown: AreaLimit
  /** How many refused uploads of each of the two a suite remembers; of strangers also how many of a day. */
  readonly refused: number
}

export const defaultLimits: IncomingLimits = {
  known: { bytes: 64 * 2 ** 30, files: 10_000 },
  unknown: { bytes: 2 ** 30, files: 500 },
  refused: 100,
}

/** How long a file waits for its .changes. */
export const waitSeconds = 86_400
/** Of one on its way: for how long nothing may come. Its connection is ended before. */
const silenceSeconds = 3600
const touchEveryMs = 60_000

/** A file that waits. */
export interface WaitingFile {
  readonly suite: string
  readonly name: string
  readonly size: number
  readonly sha256: string
  /** Null: somebody without a token. */
  readonly user: string | null
  readonly receivedAt: Micros
  readonly expiresAt: Micros
}

interface Options {
  readonly database: Database
  readonly storage: Storage
  readonly faults: Faults
  readonly limits: IncomingLimits
}

export class WaitingFiles {
  readonly #options: Options
  readonly #database: Database

  constructor(options: Options) {
    this.#options = options
    this.#database = options.database
  }

  /** Receives a file and lets it wait. @throws AshlarError incoming-full, too-large, digest-mismatch, storage-full … */
  async take(
    { workspace, suite, userId }: Target,
    sent: SentFile,
    /** Looks at the bytes before they are kept; what it throws refuses them. */
    examine: (spooled: SpooledFile) => Promise<void> = async () => {},
  ): Promise<{ file: StoredFile; waitingId: number }> {
    const { storage } = this.#options
    const waitingId = await this.#reserve(suite.id, userId, sent)
    try {
      const writer = await storage.spool.create()
      try {
        const options = { limitBytes: sent.sizeBytes, ...(sent.signal === undefined ? {} : { signal: sent.signal }) }
        await writer.append(this.#alive(waitingId, sent.bytes), options)
        if (writer.offset !== sent.sizeBytes) {
          throw new AshlarError(
            'digest-mismatch',
            `${sent.name} was announced with ${sent.sizeBytes} bytes, not ${writer.offset}.`,
          )
        }
        const spooled = await writer.finish()
        await examine(spooled)
        const file = await storage.keep(spooled, workspace.scopeId, sent.signal)
        await this.#record(waitingId, suite.id, sent.name, { file, md5: spooled.md5 ?? null })
        return { file, waitingId }
      } catch (error) {
        // What cannot be tidied up now is left to the sweep; the first error is the one to tell.
        await writer.discard().catch(() => {})
        throw error
      }
    } catch (error) {
      await this.#giveUp(waitingId).catch(() => {})
      throw error
    }
  }

  /** What waits in the suite under this name. */
  async named(suiteId: number, name: string): Promise<FoundFile[]> {
    const rows = await this.#database.read
      .selectFrom('incoming_file')
      .innerJoin('file', 'file.id', 'incoming_file.file_id')
      .select(['incoming_file.id as waitingId', 'incoming_file.md5', 'file.id', 'file.sha256', 'file.size'])
      .where('incoming_file.suite_id', '=', suiteId)
      .where('incoming_file.name', '=', name)
      .where('incoming_file.upload_id', 'is', null)
      .where('file.gone_at', 'is', null)
      .orderBy('incoming_file.id', 'desc')
      .execute()
    return rows.map(({ waitingId, md5, id, sha256, size }) => ({
      waitingId,
      md5,
      file: { id, sha256: sha256 as Sha256, sizeBytes: size },
    }))
  }

  async list(workspaceId: number): Promise<WaitingFile[]> {
    const rows = await this.#database.read
      .selectFrom('incoming_file')
      .innerJoin('file', 'file.id', 'incoming_file.file_id')
      .innerJoin('suite', 'suite.id', 'incoming_file.suite_id')
      .innerJoin('archive', 'archive.id', 'suite.archive_id')
      .leftJoin('user', 'user.id', 'incoming_file.user_id')
      .select(['suite.name as suite', 'incoming_file.name', 'file.size', 'file.sha256', 'user.name as user'])
      .select('incoming_file.touched_at as receivedAt')
      .where('archive.workspace_id', '=', workspaceId)
      .where('incoming_file.upload_id', 'is', null)
      .orderBy('incoming_file.id')
      .limit(1000)
      .execute()
    return rows.map((row) => ({ ...row, expiresAt: row.receivedAt + waitSeconds * 1_000_000 }))
  }

  async #reserve(suiteId: number, userId: number | null, { name, sizeBytes }: SentFile): Promise<number> {
    const { faults, limits } = this.#options
    const limit = userId === null ? limits.unknown : limits.known
    await reached(faults, 'incoming.reserve')
    return await this.#database.write(async (trx) => {
      const now = await this.#database.now(trx)
      // Whoever else makes room in this suite waits, so that the sum below holds until the row is there.
      const suite = trx.selectFrom('suite').select('id').where('id', '=', suiteId)
      await forUpdate(trx, suite).executeTakeFirstOrThrow()
      await trx.deleteFrom('incoming_file').where('suite_id', '=', suiteId).where(isOverdue(now)).execute()
      const used = await trx
        .selectFrom('incoming_file')
        .select((eb) => [eb.fn.countAll<number>().as('files'), eb.fn.sum<number | string | null>('size').as('bytes')])
        .where('suite_id', '=', suiteId)
        .where('user_id', userId === null ? 'is' : 'is not', null)
        .executeTakeFirstOrThrow()
      if (sizeBytes > limit.bytes) throw new AshlarError('too-large', `${name} is larger than ${limit.bytes} bytes.`)
      if (Number(used.bytes ?? 0) + sizeBytes > limit.bytes || used.files >= limit.files) {
        const what = userId === null ? 'without a token' : 'with a token'
        throw new AshlarError(
          'incoming-full',
          `There is no room for ${name}: ${used.files} files of ${used.bytes ?? 0} bytes, sent ${what}, wait for their .changes.`,
        )
      }
      const row = await trx
        .insertInto('incoming_file')
        .values({ suite_id: suiteId, name, size: sizeBytes, user_id: userId, touched_at: now })
        .returning('id')
        .executeTakeFirstOrThrow()
      return row.id
    })
  }

  /** The bytes; while they come the room is kept. */
  async *#alive(waitingId: number, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let touchedMs = Date.now()
    for await (const chunk of bytes) {
      yield chunk
      if (Date.now() - touchedMs < touchEveryMs) continue
      touchedMs = Date.now()
      await this.#database.write(async (trx) =>
        trx
          .updateTable('incoming_file')
          .set({ touched_at: await this.#database.now(trx) })
          .where('id', '=', waitingId)
          .execute(),
      )
    }
  }

  async #record(
    waitingId: number,
    suiteId: number,
    name: string,
    { file, md5 }: { file: StoredFile; md5: string | null },
  ): Promise<void> {
    await reached(this.#options.faults, 'incoming.record')
    await this.#database.write(async (trx) => {
      // The same file sent again waits once.
      await trx
        .deleteFrom('incoming_file')
        .where('suite_id', '=', suiteId)
        .where('name', '=', name)
        .where('file_id', '=', file.id)
        .where('upload_id', 'is', null)
        .execute()
      const row = await trx
        .updateTable('incoming_file')
        .set({ file_id: file.id, md5, size: file.sizeBytes, touched_at: await this.#database.now(trx) })
        .where('id', '=', waitingId)
        .returning('id')
        .executeTakeFirst()
      if (row === undefined) throw new AshlarError('busy', `The room for ${name} was given up; send it again.`)
    })
  }

  async #giveUp(waitingId: number): Promise<void> {
    await this.#database.write((trx) =>
      trx.deleteFrom('incoming_file').where('id', '=', waitingId).where('file_id', 'is', null).execute(),
    )
  }
}

/** Files that waited too long, the oldest first; at most a few thousand. */
export async function overdue(
  database: Database,
): Promise<{ readonly id: number; readonly name: string; readonly suite: string; readonly bytes: number }[]> {
  const now = await database.now()
  return await database.read
    .selectFrom('incoming_file')
    .innerJoin('suite', 'suite.id', 'incoming_file.suite_id')
    .select(['incoming_file.id', 'incoming_file.name', 'suite.name as suite', 'incoming_file.size as bytes'])
    .where(isOverdue(now))
    .orderBy('incoming_file.id')
    .limit(5000)
    .execute()
}

/** @returns false if it waits no more, or not for too long */
export async function endWait(database: Database, id: number): Promise<boolean> {
  return await database.write(async (trx) => {
    const now = await database.now(trx)
    const ended = await trx.deleteFrom('incoming_file').where('id', '=', id).where(isOverdue(now)).executeTakeFirst()
    return ended.numDeletedRows > 0n
  })
}

/** What waits too long, or came no further. What an upload has taken waits no more. */
function isOverdue(now: Micros) {
  return (eb: ExpressionBuilder<Tables, 'incoming_file'>) =>
    eb.and([
      eb('incoming_file.upload_id', 'is', null),
      eb.or([
        eb('incoming_file.touched_at', '<=', now - waitSeconds * 1_000_000),
        eb.and([
          eb('incoming_file.file_id', 'is', null),
          eb('incoming_file.touched_at', '<=', now - silenceSeconds * 1_000_000),
        ]),
      ]),
    ])
}

async function reached(faults: Faults, point: Parameters<Faults['reach']>[0]): Promise<void> {
  try {
    await faults.reach(point)
  } catch (error) {
    throw storageError(error, 'an upload')
  }
}
