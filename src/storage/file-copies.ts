/** Which files are recorded, where their copies are, and recording new ones. */
import { sql, type Kysely, type Transaction } from 'kysely'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { FileCopyTable, FileTable, Tables } from '../database/schema.ts'
import { correctClaimedSizes } from './claimed-sizes.ts'
import type { FileKey } from './file-store.ts'
import type { StoreRecord } from './store-policy.ts'

/** Bytes that exist, as table `file` has them. */
export interface StoredFile {
  readonly id: number
  readonly sha256: Sha256
  readonly sizeBytes: number
}

/** A copy as it is recorded. */
export interface FileCopy {
  readonly storeId: number
  readonly generation: number
  readonly state: FileCopyTable['state']
}

/** What is recorded of a digest. */
export interface KnownFile {
  /** Undefined if it was never recorded. */
  readonly id: number | undefined
  readonly gone: FileTable['gone_reason']
  readonly copies: readonly FileCopy[]
}

/** A copy that lies durably in its store and is to be recorded. */
export interface NewCopy {
  readonly storeId: number
  readonly key: FileKey
  readonly sizeBytes: number
  /** Its bytes have been read back. */
  readonly verified?: boolean
}

/**
 * `condemned`: the copy was condemned meanwhile, so the bytes must be put again, under another generation. `full`: the
 * store has reached its hard maximum meanwhile.
 */
export type RecordOutcome = StoredFile | Error | 'condemned' | 'full'

const unknownFile: KnownFile = { id: undefined, gone: null, copies: [] }

/** What is recorded of each digest, in their order. */
export async function knownFiles(db: Kysely<Tables>, digests: readonly Sha256[]): Promise<readonly KnownFile[]> {
  const rows = await db
    .selectFrom('file')
    .leftJoin('file_copy', 'file_copy.file_id', 'file.id')
    .select([
      'file.id',
      'file.sha256',
      'file.gone_reason',
      'file_copy.store_id',
      'file_copy.generation',
      'file_copy.state',
    ])
    .where('file.sha256', 'in', [...new Set(digests)])
    .execute()
  const known = new Map<string, KnownFile & { copies: FileCopy[] }>()
  for (const row of rows) {
    const file = known.get(row.sha256) ?? { id: row.id, gone: row.gone_reason, copies: [] }
    known.set(row.sha256, file)
    const { store_id: storeId, generation, state } = row
    if (storeId !== null && generation !== null && state !== null) file.copies.push({ storeId, generation, state })
  }
  return digests.map((digest) => known.get(digest) ?? unknownFile)
}

/** The copies of a file that may be read, and whether and why it is gone. */
export async function copiesOf(db: Kysely<Tables>, fileId: number): Promise<KnownFile> {
  const rows = await db
    .selectFrom('file')
    .leftJoin('file_copy', 'file_copy.file_id', 'file.id')
    .select(['file.gone_reason', 'file_copy.store_id', 'file_copy.generation', 'file_copy.state'])
    .where('file.id', '=', fileId)
    .execute()
  return {
    id: fileId,
    gone: rows[0]?.gone_reason ?? null,
    copies: rows.flatMap(({ store_id: storeId, generation, state }) =>
      storeId === null || generation === null || state === null ? [] : [{ storeId, generation, state }],
    ),
  }
}

/**
 * The generation to put a file under in a store: that of the present copy, if there is one; else one that no other copy
 * there has or had.
 * @param atLeast the first that is not known to be taken by something else
 */
export function generationFor(store: StoreRecord, copies: readonly FileCopy[], atLeast = 0): number {
  const here = copies.filter((copy) => copy.storeId === store.id)
  const present = here.find((copy) => copy.state === 'present')
  return present?.generation ?? Math.max(atLeast, store.nextGeneration, ...here.map((copy) => copy.generation + 1))
}

/**
 * Records files and their copies, in a number of statements that does not grow with theirs. One outcome for each, in
 * order.
 */
export async function recordCopies(
  trx: Transaction<Tables>,
  copies: readonly NewCopy[],
  now: number,
): Promise<readonly RecordOutcome[]> {
  const files = await recordFiles(trx, copies, now)
  const wanted = copies.filter(({ key, sizeBytes }) => isSound(files.get(key.sha256), sizeBytes))
  const recorded = await insertCopies(trx, wanted, files, now)
  await noteVerified(trx, wanted, files, now)
  return copies.map(({ storeId, key, sizeBytes }): RecordOutcome => {
    const file = files.get(key.sha256)
    if (file === undefined) return new Error(`File ${key.sha256} was not recorded`)
    if (file.gone === 'purged') return purged(key.sha256)
    if (file.sizeBytes !== sizeBytes) {
      return new AshlarError(
        'file-corrupt',
        `File ${key.sha256} is recorded with ${file.sizeBytes} bytes, not ${sizeBytes}.`,
      )
    }
    const outcome = recorded.get(nameOf(storeId, file.id, key.generation)) ?? 'condemned'
    return outcome === 'present' ? { id: file.id, sha256: key.sha256, sizeBytes } : outcome
  })
}

export function purged(sha256: Sha256): AshlarError {
  return new AshlarError('gone', `The file ${sha256} was purged, and is not taken again.`)
}

type RecordedFile = { readonly id: number; readonly sizeBytes: number; readonly gone: FileTable['gone_reason'] }

function isSound(file: RecordedFile | undefined, sizeBytes: number): boolean {
  return file !== undefined && file.gone !== 'purged' && file.sizeBytes === sizeBytes
}

/** The rows of the digests, locked: those of files that had gone count again, unless they were purged. */
async function recordFiles(
  trx: Transaction<Tables>,
  copies: readonly NewCopy[],
  now: number,
): Promise<Map<Sha256, RecordedFile>> {
  // In one order for everyone, so that two transactions cannot wait for each other.
  const sizes = new Map(copies.map(({ key, sizeBytes }) => [key.sha256, sizeBytes]))
  const digests = [...sizes.keys()].sort()
  const rows = await trx
    .insertInto('file')
    .values(digests.map((sha256) => ({ sha256, size: sizes.get(sha256) ?? 0, created_at: now })))
    .onConflict((conflict) =>
      conflict.column('sha256').doUpdateSet({
        gone_at: sql<number | null>`case when file.gone_reason = 'purged' then file.gone_at end`,
        gone_reason: sql<'purged' | null>`case when file.gone_reason = 'purged' then 'purged' end`,
      }),
    )
    .returning(['id', 'sha256', 'size', 'gone_reason'])
    .execute()
  const sizeOf = (row: { readonly sha256: string; readonly size: number }): number =>
    sizes.get(row.sha256 as Sha256) ?? row.size
  const corrected = await correctClaimedSizes(
    trx,
    rows.flatMap((row) =>
      sizeOf(row) === row.size || row.gone_reason === 'purged'
        ? []
        : [{ id: row.id, recorded: row.size, sizeBytes: sizeOf(row) }],
    ),
  )
  return new Map(
    rows.map((row) => {
      const sizeBytes = corrected.has(row.id) ? sizeOf(row) : row.size
      return [row.sha256 as Sha256, { id: row.id, sizeBytes, gone: row.gone_reason }]
    }),
  )
}

/** What became of each copy, by its name. */
async function insertCopies(
  trx: Transaction<Tables>,
  copies: readonly NewCopy[],
  files: ReadonlyMap<Sha256, RecordedFile>,
  now: number,
): Promise<Map<string, 'present' | 'full'>> {
  const outcomes = new Map<string, 'present' | 'full'>()
  if (copies.length === 0) return outcomes
  const rows = new Map<string, { file_id: number; store_id: number; generation: number }>()
  for (const { storeId, key } of copies) {
    const id = files.get(key.sha256)?.id ?? 0
    rows.set(nameOf(storeId, id, key.generation), { file_id: id, store_id: storeId, generation: key.generation })
  }
  const common = { state: 'present' as const, created_at: now, verified_at: null, kept_at: now, used_at: now }
  const recorded = await trx
    .insertInto('file_copy')
    .values(
      [...rows.values()]
        .sort((a, b) => a.file_id - b.file_id || a.store_id - b.store_id || a.generation - b.generation)
        .map((row) => Object.assign(row, common)),
    )
    // What was there already has just been read back and compared.
    .onConflict((conflict) =>
      conflict
        .columns(['file_id', 'store_id', 'generation'])
        .doUpdateSet({ verified_at: now, kept_at: now })
        .where('file_copy.state', '=', 'present'),
    )
    .returning(['file_id', 'store_id', 'generation', 'verified_at'])
    .execute()
  const sizes = new Map([...files.values()].map((file) => [file.id, file.sizeBytes]))
  // The rows of stores in one order for everyone, too.
  const stores = [...Map.groupBy(recorded, (row) => row.store_id)].sort(([a], [b]) => a - b)
  for (const [storeId, here] of stores) {
    const fresh = here.filter((row) => row.verified_at === null)
    for (const row of here) outcomes.set(nameOf(storeId, row.file_id, row.generation), 'present')
    for (const { row, outcome } of await admit(trx, storeId, fresh, sizes)) {
      const name = nameOf(storeId, row.file_id, row.generation)
      if (outcome === 'retired') outcomes.delete(name)
      else outcomes.set(name, outcome)
    }
  }
  return outcomes
}

async function noteVerified(
  trx: Transaction<Tables>,
  copies: readonly NewCopy[],
  files: ReadonlyMap<Sha256, RecordedFile>,
  now: number,
): Promise<void> {
  const verified = copies.filter((copy) => copy.verified === true)
  for (const here of Map.groupBy(verified, ({ storeId, key }) => `${storeId} ${key.generation}`).values()) {
    const [first] = here
    if (first === undefined) continue
    await trx
      .updateTable('file_copy')
      .set({ verified_at: now })
      .where('store_id', '=', first.storeId)
      .where('generation', '=', first.key.generation)
      .where(
        'file_id',
        'in',
        here.map(({ key }) => files.get(key.sha256)?.id ?? 0),
      )
      .where('state', '=', 'present')
      .execute()
  }
}

interface FreshCopy {
  readonly file_id: number
  readonly store_id: number
  readonly generation: number
}

/**
 * Counts fresh copies into their store, as far as its hard maximum goes. Those that it does not take, and those whose
 * generation was used by a copy that is gone (`retired`), are not recorded.
 */
async function admit(
  trx: Transaction<Tables>,
  storeId: number,
  fresh: readonly FreshCopy[],
  sizes: ReadonlyMap<number, number>,
): Promise<{ readonly row: FreshCopy; readonly outcome: 'present' | 'full' | 'retired' }[]> {
  if (fresh.length === 0) return []
  const sizeOf = (row: FreshCopy): number => sizes.get(row.file_id) ?? 0
  const sum = fresh.reduce((total, row) => total + sizeOf(row), 0)
  // Counted at once, which locks the store's row; corrected below where some do not stay.
  const store = await trx
    .updateTable('file_store')
    .set((eb) => ({
      used_files: eb('used_files', '+', fresh.length),
      used_bytes: eb('used_bytes', '+', sum),
    }))
    .where('id', '=', storeId)
    .returning(['next_generation', 'used_bytes', 'hard_max_bytes'])
    .executeTakeFirstOrThrow()
  let room = store.hard_max_bytes === null ? Infinity : store.hard_max_bytes - (store.used_bytes - sum)
  const outcomes = fresh.map((row) => {
    if (row.generation < store.next_generation) return { row, outcome: 'retired' as const }
    if (sizeOf(row) > room) return { row, outcome: 'full' as const }
    room -= sizeOf(row)
    return { row, outcome: 'present' as const }
  })
  const refused = outcomes.filter(({ outcome }) => outcome !== 'present')
  for (const { row } of refused) await removeCopy(trx, row, sizeOf(row))
  return outcomes
}

/** Takes a copy out of the records and of its store's sums. */
async function removeCopy(trx: Transaction<Tables>, copy: FreshCopy, sizeBytes: number): Promise<void> {
  await trx
    .deleteFrom('file_copy')
    .where('file_id', '=', copy.file_id)
    .where('store_id', '=', copy.store_id)
    .where('generation', '=', copy.generation)
    .execute()
  await trx
    .updateTable('file_store')
    .set((eb) => ({ used_files: eb('used_files', '-', 1), used_bytes: eb('used_bytes', '-', sizeBytes) }))
    .where('id', '=', copy.store_id)
    .execute()
}

function nameOf(storeId: number, fileId: number, generation: number): string {
  return `${storeId} ${fileId} ${generation}`
}
