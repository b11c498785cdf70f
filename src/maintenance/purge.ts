/**
 * Purging: a file that must not be there (a leaked secret, a takedown) goes at once, from every store, whatever holds it,
 * and its tombstone keeps it from ever coming back. What lists it goes on listing it, and answers that it is gone: the
 * one exception to "what is listed is servable".
 *
 * First, in one transaction, nobody may read it any more; then its bytes go. What a store that cannot be reached still
 * has stays recorded as `deleting`, and a later vacuum goes on with it, as it does after a crash.
 */
import type { Transaction } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { beginDeletion, type CopyKey, forgetCopies, lockFiles } from '../storage/copy-states.ts'
import type { ParkedPart } from '../storage/parked-uploads.ts'
import { recordEvent } from '../storage/events.ts'
import { archivesIndexedIn } from './indexed-in.ts'
import { type Context, reach } from './context.ts'
import { type HeldItem, itemsHolding } from './why-items.ts'
import { mostListed } from './why-holders.ts'

export interface PurgeWish {
  readonly sha256: Sha256
  /** Told to whoever may read a workspace that had the file. */
  readonly reason: string
  readonly userId: number | null
}

/** `pending`: the store cannot be reached now; the vacuum of a server that does deletes it there. */
export interface PurgedCopy {
  readonly store: string
  readonly outcome: 'deleted' | 'pending'
}

/** What a purge did. */
export interface Purged {
  readonly sha256: Sha256
  /** When it was purged first. */
  readonly purgedAt: Micros
  readonly copies: readonly PurgedCopy[]
  /** How many files of artifacts it was. */
  readonly artifacts: number
  /** Where suites list it now, at most `mostListed`, and in how many places in all. */
  readonly listedIn: readonly Omit<HeldItem, 'retainedFrom'>[]
  readonly listedInTotal: number
}

type Parts = Pick<Context, 'database' | 'storage' | 'faults'>

/** Purges a file, also one that is not here yet. Idempotent. @throws AshlarError conflict for a pack of indexes */
export async function purgeFile(parts: Parts, wish: PurgeWish): Promise<Purged> {
  const { database, storage } = parts
  const { copies, uploads, ...told } = await database.write(async (trx) => bury(trx, wish, await database.now(trx)))
  storage.forget(wish.sha256)
  storage.stores.forget()
  // What came of it so far; another server's spool gives it up when it is swept.
  for (const { id } of uploads) await storage.spool.remove(id).catch(() => {})
  const outcomes = await removePieces(parts, uploads)
  for (const copy of copies) outcomes.push(await deleteCopy(parts, wish.sha256, copy))
  storage.stores.forget()
  return { sha256: wish.sha256, copies: outcomes, ...told }
}

interface BuriedCopy extends CopyKey {
  readonly store: string
  readonly sizeBytes: number
}

interface Buried extends Omit<Purged, 'sha256' | 'copies'> {
  readonly copies: readonly BuriedCopy[]
  readonly uploads: readonly EndedUpload[]
}

/** From the commit on nobody reads the file, and nobody can put it. */
async function bury(trx: Transaction<Tables>, wish: PurgeWish, now: Micros): Promise<Buried> {
  const { sha256, reason, userId } = wish
  const file = await lockedFile(trx, sha256, now)
  await refusePack(trx, file.id, sha256)
  const copies = await condemnedForGood(trx, file.id, file.size, now)
  const uploads = await endUploads(trx, sha256)
  const { items, total } = await itemsHolding(
    trx,
    { fileIds: [file.id], workspaceId: undefined },
    { limit: mostListed, nowOnly: true },
  )
  const { artifacts } = await trx
    .selectFrom('artifact_file')
    .select((eb) => eb.fn.countAll<number>().as('artifacts'))
    .where('file_id', '=', file.id)
    .executeTakeFirstOrThrow()
  const listedIn = items.map(({ retainedFrom: _, ...item }) => item)
  const told = { copies, uploads, artifacts, listedIn, listedInTotal: total }
  if (file.gone_reason === 'purged') return { ...told, purgedAt: file.gone_at ?? now }
  await trx.updateTable('file').set({ gone_at: now, gone_reason: 'purged' }).where('id', '=', file.id).execute()
  const stores = [...new Set(copies.map((copy) => copy.store))]
  const suites = [...new Set(items.map((item) => `${item.workspace} ${item.suite}`))]
  const data = { reason, sizeBytes: file.size, stores, artifacts, suites }
  await recordEvent(trx, { at: now, userId, kind: 'file.purge', subject: sha256, data })
  return { ...told, purgedAt: now }
}

/** The file's row, locked; made if there is none, so that the file can never come in. Its size is not known then. */
async function lockedFile(trx: Transaction<Tables>, sha256: Sha256, now: Micros) {
  await trx
    .insertInto('file')
    .values({ sha256, size: 0, created_at: now })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute()
  const { id } = await trx.selectFrom('file').select('id').where('sha256', '=', sha256).executeTakeFirstOrThrow()
  await lockFiles(trx, [id])
  return await trx
    .selectFrom('file')
    .select(['id', 'size', 'gone_at', 'gone_reason'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}

async function refusePack(trx: Transaction<Tables>, fileId: number, sha256: Sha256): Promise<void> {
  const archive = await trx
    .selectFrom('archive')
    .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
    .innerJoin('scope', 'scope.id', 'workspace.scope_id')
    .select(['scope.name as scope', 'workspace.name as workspace'])
    .where('archive.id', 'in', archivesIndexedIn(trx, fileId))
    .limit(1)
    .executeTakeFirst()
  if (archive === undefined) return
  throw new AshlarError(
    'conflict',
    `${sha256} is text of the indexes of ${archive.scope}/${archive.workspace}, which many revisions share; ` +
      'remove the packages that it tells of from their suites, and let the revisions that list them expire.',
  )
}

/** All copies, on their way out without a grace time. */
async function condemnedForGood(
  trx: Transaction<Tables>,
  fileId: number,
  sizeBytes: number,
  now: Micros,
): Promise<BuriedCopy[]> {
  const rows = await trx
    .selectFrom('file_copy')
    .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
    .select(['file_copy.store_id', 'file_copy.generation', 'file_store.name'])
    .where('file_copy.file_id', '=', fileId)
    .orderBy('file_copy.store_id')
    .orderBy('file_copy.generation')
    .execute()
  const copies = rows.map((row) => ({
    fileId,
    storeId: row.store_id,
    generation: row.generation,
    store: row.name,
    sizeBytes,
  }))
  await beginDeletion(trx, copies, { from: ['present', 'damaged', 'condemned'], reason: 'it was purged', now })
  return copies
}

/** An upload that was under way, and where its pieces lie that are kept for all servers. */
interface EndedUpload {
  readonly id: string
  readonly parkedIn: number | null
  readonly pieces: readonly ParkedPart[]
}

/** What came so far of uploads of the file must go too. */
async function endUploads(trx: Transaction<Tables>, sha256: Sha256): Promise<EndedUpload[]> {
  const rows = await trx
    .deleteFrom('upload')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('artifact_file')
        .innerJoin('upload as started', (join) =>
          join
            .onRef('started.artifact_id', '=', 'artifact_file.artifact_id')
            .onRef('started.path', '=', 'artifact_file.path'),
        )
        .select('started.id')
        .where('artifact_file.sha256', '=', sha256),
    )
    .returning(['id', 'parked_in', 'parts_json'])
    .execute()
  return rows.map(({ id, parked_in: parkedIn, parts_json: json }) => ({
    id,
    parkedIn,
    pieces: json === null ? [] : (JSON.parse(json) as ParkedPart[]),
  }))
}

/** Those that cannot be removed now are found by a vacuum. */
async function removePieces({ storage }: Parts, uploads: readonly EndedUpload[]): Promise<PurgedCopy[]> {
  const outcomes: PurgedCopy[] = []
  const map = await storage.stores.map()
  for (const { parkedIn, pieces } of uploads) {
    if (parkedIn === null) continue
    const store = map.byId(parkedIn)?.name ?? ''
    try {
      const place = await storage.stores.uploadsIn(parkedIn)
      for (const from of new Set(pieces.map((piece) => piece.from))) await place?.parts.remove(from)
      outcomes.push({ store, outcome: 'deleted' })
    } catch (error) {
      if (!(error instanceof AshlarError)) throw error
      outcomes.push({ store, outcome: 'pending' })
    }
  }
  return outcomes
}

async function deleteCopy({ database, storage, faults }: Parts, sha256: Sha256, copy: BuriedCopy): Promise<PurgedCopy> {
  const { store: name, storeId, generation } = copy
  try {
    const record = (await storage.stores.map()).byId(storeId)
    if (record === undefined) return { store: name, outcome: 'pending' }
    const store = await storage.stores.open(record)
    await reach(faults, 'copy.delete')
    await store.delete({ sha256, generation })
    await reach(faults, 'copy.forget')
    await database.write(async (trx) => {
      await lockFiles(trx, [copy.fileId])
      await forgetCopies(trx, storeId, [copy])
    })
    return { store: name, outcome: 'deleted' }
  } catch (error) {
    if (error instanceof AshlarError) return { store: name, outcome: 'pending' }
    throw error
  }
}
