/**
 * Recording a change: what is asked, with the items that it would add, all of them invisible until it is sealed.
 *
 * A small change is recorded in one transaction. A large one is written in batches while it is `preparing`, and waits
 * for its seal only when it is whole; one that a crash left half-written is refused by `giveUpAbandoned`.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Insertable, Kysely, Transaction } from 'kysely'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { assertLease } from '../database/lease.ts'
import type { ChangeTable, Tables } from '../database/schema.ts'
import { type Archive, keepRetained, resolveSnapshot } from './archive-table.ts'
import { namingStep, recordedRequest } from './batch-steps.ts'
import type { ChangeRequest, MirrorRequest } from './change-request.ts'
import { isUniqueViolation } from '../database/unique-violation.ts'
import { isCopiedLater, type NewItem, newItems } from './new-items.ts'
import type { HeldLease } from './held-lease.ts'
import { claimPaths, ClaimUndecided, type PoolClaim, poolNameTaken, takenPaths } from './pool-claims.ts'
import { refuseChangeOfMirrored } from './mirrored-suites.ts'
import { suitesAt } from './suite-table.ts'

export interface RecordOptions {
  readonly userId: number | null
  readonly idempotencyKey?: string | undefined
  /** Waits until a change that claims the same pool path is decided. */
  readonly waitFor: (changeId: number) => Promise<void>
  readonly signal?: AbortSignal | undefined
  readonly faults: Faults
  /** For a change that is only to be planned, see preview.ts: it never waits for its seal, and claims no paths. */
  readonly preview?: boolean
}

/** Items that are written in one transaction. */
const ITEMS_PER_WRITE = 500

/** How long a change that is being written may show no sign of life. */
export const ABANDONED_AFTER_MS = 120_000

/**
 * Records a change; it is then `pending`.
 *
 * @returns its id, or that of the change recorded before under the same idempotency key for the same request
 * @throws AshlarError suite-unknown, component-unknown, suite-setting-invalid, pool-name-taken, idempotency-key-reused …
 */
export async function recordChange(
  database: Database,
  archive: Archive,
  request: ChangeRequest,
  options: RecordOptions,
): Promise<number> {
  const before = await sameRequestBefore(database.read, archive.id, request, options.idempotencyKey)
  if (before !== undefined) return before
  const suites = await suitesAt(database.read, archive.id, archive.head)
  await refuseChangeOfMirrored(database.read, archive.id, suites, request)
  const copiedFrom = await revisionCopied(database, archive, request)
  const items = newItems(database, archive, suites, request, copiedFrom ?? archive.head)
  const recorder = new Recorder(database, archive, request, { ...options, copiedFrom })
  try {
    return await recorder.record(items)
  } catch (error) {
    // The same request came twice at once, and the other was recorded first.
    const other = isUniqueViolation(error)
      ? await sameRequestBefore(database.read, archive.id, request, options.idempotencyKey)
      : undefined
    if (other === undefined) throw error
    return other
  }
}

/**
 * Records a change whose items come as they are found, over hours perhaps. What it asks for is known when all of them
 * are written.
 *
 * @throws what `items` throws; then nothing of it is left
 */
export async function recordFound(
  database: Database,
  archive: Archive,
  found: {
    readonly initial: MirrorRequest
    readonly items: AsyncIterable<NewItem[]>
    readonly request: () => MirrorRequest
  },
  options: RecordOptions,
): Promise<number> {
  const recorder = new Recorder(database, archive, found.initial, { ...options, copiedFrom: undefined })
  return await recorder.record(found.items, found.request)
}

/** The revision whose packages a copy takes over. @throws AshlarError snapshot-unknown, gone */
async function revisionCopied(
  database: Database,
  archive: Archive,
  request: ChangeRequest,
): Promise<number | undefined> {
  if (request.kind !== 'copy' || isCopiedLater(request)) return undefined
  const { at } = request.from
  return at === undefined ? archive.head : resolveSnapshot(database, archive, at)
}

async function sameRequestBefore(
  db: Kysely<Tables>,
  archiveId: number,
  request: ChangeRequest,
  key: string | undefined,
): Promise<number | undefined> {
  if (key === undefined) return undefined
  const change = await db
    .selectFrom('change')
    .select(['id', 'request_json', 'state'])
    .where('archive_id', '=', archiveId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst()
  if (change === undefined) return undefined
  if (!isDeepStrictEqual(await recordedRequest(db, change), JSON.parse(JSON.stringify(request)))) {
    throw new AshlarError(
      'idempotency-key-reused',
      `The key '${key}' belongs to another request (change ${change.id}).`,
    )
  }
  return change.id
}

class Recorder {
  readonly #database: Database
  readonly #archive: Archive
  #request: ChangeRequest
  readonly #options: RecordOptions & { readonly copiedFrom: number | undefined }
  #changeId: number | undefined
  /** The changes that the items of each step belong to: those of a batch, or the change itself. */
  #owners: readonly number[] = []

  constructor(
    database: Database,
    archive: Archive,
    request: ChangeRequest,
    options: RecordOptions & { readonly copiedFrom: number | undefined },
  ) {
    this.#database = database
    this.#archive = archive
    this.#request = request
    this.#options = options
  }

  /** Writes one group behind, so that the last one is known as such; small ones are written together. */
  async record(groups: AsyncIterable<NewItem[]>, final?: () => ChangeRequest): Promise<number> {
    let held: NewItem[] = []
    const heartbeat = setInterval(() => void this.#touch(), ABANDONED_AFTER_MS / 6)
    try {
      for await (const group of groups) {
        this.#options.signal?.throwIfAborted()
        if (held.length + group.length <= ITEMS_PER_WRITE) {
          held.push(...group)
          continue
        }
        if (held.length > 0) await this.#write(held, 'preparing')
        held = group
      }
      if (final !== undefined) this.#request = final()
      return await this.#write(held, this.#options.preview === true ? 'preparing' : 'pending')
    } catch (error) {
      if (this.#changeId !== undefined) {
        if (this.#options.preview === true) await forgetPreview(this.#database, this.#changeId)
        else await refuseChange(this.#database, this.#changeId, asAshlarError(error))
      }
      throw error
    } finally {
      clearInterval(heartbeat)
    }
  }

  /** Where the next group is long in coming, the change is not given up. */
  async #touch(): Promise<void> {
    const id = this.#changeId
    if (id === undefined) return
    await this.#database
      .write(async (trx) =>
        trx
          .updateTable('change')
          .set({ touched_at: await this.#database.now(trx) })
          .where('id', '=', id)
          .where('state', '=', 'preparing')
          .execute(),
      )
      // What keeps the database from it is told by the next group.
      .catch(() => {})
  }

  async #write(items: readonly NewItem[], state: 'preparing' | 'pending'): Promise<number> {
    for (;;) {
      try {
        await this.#options.faults.reach('change.record')
        this.#changeId = await this.#database.write((trx) => this.#writeIn(trx, items, state))
        return this.#changeId
      } catch (error) {
        if (!(error instanceof ClaimUndecided)) throw error
        if (error.changeId !== undefined) await this.#options.waitFor(error.changeId)
      }
    }
  }

  async #writeIn(trx: Transaction<Tables>, items: readonly NewItem[], state: 'preparing' | 'pending'): Promise<number> {
    const changeId = await this.#writeChange(trx, state)
    const taken = await this.#claim(
      trx,
      changeId,
      items.flatMap((item) => item.claims),
    )
    const second = await this.#claimSecond(trx, changeId, items, taken)
    for (let start = 0; start < items.length; start += 200) {
      const rows = items.slice(start, start + 200).map((item) => {
        const directory = second.has(item) ? item.second.directory : item.row.directory
        return { ...item.row, directory, added_by: this.#owners[item.step] ?? changeId, removed_by: null }
      })
      await trx.insertInto('suite_item').values(rows).execute()
    }
    // Until it is whole the copied revision holds what is copied; from then on the change does.
    const { copiedFrom } = this.#options
    if (state === 'pending' && copiedFrom !== undefined) await keepRetained(trx, this.#archive.id, copiedFrom)
    return changeId
  }

  async #writeChange(trx: Transaction<Tables>, state: 'preparing' | 'pending'): Promise<number> {
    const now = await this.#database.now(trx)
    if (this.#changeId !== undefined) {
      const still = await trx
        .updateTable('change')
        .set({ state, touched_at: now, ...(this.#request.kind === 'mirror' && this.#asked()) })
        .where('id', '=', this.#changeId)
        .where('state', '=', 'preparing')
        .returning('id')
        .executeTakeFirst()
      if (still === undefined) throw new AshlarError('busy', `Change ${this.#changeId} was given up as abandoned.`)
      if (state === 'pending') {
        await trx.updateTable('change').set({ state }).where('batch_id', '=', this.#changeId).execute()
      }
      return this.#changeId
    }
    const shared = {
      archive_id: this.#archive.id,
      user_id: this.#options.userId,
      state,
      revision: null,
      refusal_json: null,
      outcome_json: null,
      created_at: now,
      touched_at: now,
    } as const
    const { kind } = this.#request
    const { id } = await trx
      .insertInto('change')
      .values({
        ...shared,
        kind,
        ...this.#asked(),
        idempotency_key: this.#options.idempotencyKey ?? null,
        batch_id: null,
        step: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    this.#owners = await this.#writeSteps(trx, id, shared)
    return id
  }

  /** What the steps of a batch ask for stands with them. */
  #asked(): { readonly request_json: string } {
    const { kind } = this.#request
    return { request_json: JSON.stringify(kind === 'batch' ? { kind } : this.#request) }
  }

  /** @returns the ids of the steps of a batch, in their order */
  async #writeSteps(
    trx: Transaction<Tables>,
    batchId: number,
    shared: Omit<Insertable<ChangeTable>, 'kind' | 'request_json' | 'idempotency_key' | 'batch_id' | 'step'>,
  ): Promise<number[]> {
    if (this.#request.kind !== 'batch') return []
    const ids: number[] = []
    for (const [i, request] of this.#request.steps.entries()) {
      const { id } = await trx
        .insertInto('change')
        .values({
          ...shared,
          kind: request.kind,
          request_json: JSON.stringify(request),
          idempotency_key: null,
          batch_id: batchId,
          step: i + 1,
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      ids.push(id)
    }
    return ids
  }

  /** @returns the claims whose path has meant other bytes before */
  async #claim(trx: Transaction<Tables>, changeId: number, claims: readonly PoolClaim[]): Promise<PoolClaim[]> {
    if (this.#options.preview === true) return takenPaths(trx, this.#archive.id, claims)
    return claimPaths(trx, this.#archive.id, changeId, claims)
  }

  #mayMove({ step }: NewItem): boolean {
    const request = this.#request.kind === 'batch' ? this.#request.steps[step] : this.#request
    // An upstream may build a version again, and is followed all the same.
    if (request?.kind === 'mirror') return true
    return request !== undefined && 'onPoolConflict' in request && request.onPoolConflict === 'second-path'
  }

  /** Lays the packages whose ordinary paths are taken at their second ones, if what brings them allows it. */
  async #claimSecond(
    trx: Transaction<Tables>,
    changeId: number,
    items: readonly NewItem[],
    taken: readonly PoolClaim[],
  ): Promise<Set<NewItem>> {
    if (taken.length === 0) return new Set()
    const lost = new Set(taken)
    const moving = items.filter((item) => item.claims.some((claim) => lost.has(claim)))
    const fixed = moving.find((item) => !this.#mayMove(item))
    if (fixed !== undefined) this.#refuseName(fixed, fixed.claims.find((claim) => lost.has(claim))?.path ?? '')
    const again = await this.#claim(
      trx,
      changeId,
      moving.flatMap((item) => item.second.claims),
    )
    if (again[0] !== undefined) throw poolNameTaken(again[0].path)
    return new Set(moving)
  }

  #refuseName({ step }: NewItem, path: string): never {
    const request = this.#request.kind === 'batch' ? this.#request.steps[step] : undefined
    throw request === undefined ? poolNameTaken(path) : namingStep(step + 1, request, poolNameTaken(path))
  }
}

/**
 * Marks a change as refused and takes back what it had written.
 *
 * A refusal for a reason of the request is the answer to its idempotency key for ever; one for a reason of ours frees
 * the key, so that the same request can be tried again.
 *
 * @param lease that of the archive, for one who refuses as its holder; then @throws LeaseLost
 */
export async function refuseChange(
  database: Database,
  changeId: number,
  error: AshlarError,
  lease?: HeldLease,
): Promise<void> {
  const { step } = error.extra
  const refusal = {
    state: 'refused',
    refusal_json: JSON.stringify({ code: error.code, detail: error.message, ...(step !== undefined && { step }) }),
  } as const
  await database.write(async (trx) => {
    if (lease !== undefined) await assertLease(trx, lease.name, lease.holder, lease.fence)
    const refused = await trx
      .updateTable('change')
      .set(error.entry.status >= 500 ? { ...refusal, idempotency_key: null } : refusal)
      .where('id', '=', changeId)
      .where('state', 'in', ['preparing', 'pending'])
      .returning('id')
      .executeTakeFirst()
    if (refused === undefined) return
    const steps = await trx
      .updateTable('change')
      .set(refusal)
      .where('batch_id', '=', changeId)
      .returning('id')
      .execute()
    const owners = [changeId, ...steps.map((row) => row.id)]
    await trx.deleteFrom('suite_item').where('added_by', 'in', owners).execute()
    await trx.deleteFrom('pool_name').where('change_id', '=', changeId).execute()
  })
}

/** Removes a change that was recorded only to be planned, with its steps and their items. */
export async function forgetPreview(database: Database, changeId: number): Promise<void> {
  await database.write(async (trx) => {
    const steps = await trx.selectFrom('change').select('id').where('batch_id', '=', changeId).execute()
    const owners = [changeId, ...steps.map((row) => row.id)]
    await trx.deleteFrom('suite_item').where('added_by', 'in', owners).execute()
    await trx.deleteFrom('change').where('batch_id', '=', changeId).execute()
    await trx.deleteFrom('change').where('id', '=', changeId).execute()
  })
}

/** Refuses the changes of an archive that stopped being written: their process died. */
export async function giveUpAbandoned(database: Database, archiveId: number, afterMs: number): Promise<void> {
  const before = (await database.now()) - afterMs * 1000
  const abandoned = await database.read
    .selectFrom('change')
    .select('id')
    .where('archive_id', '=', archiveId)
    .where('state', '=', 'preparing' satisfies ChangeTable['state'])
    .where('batch_id', 'is', null)
    .where('touched_at', '<=', before)
    .execute()
  for (const { id } of abandoned) {
    await refuseChange(database, id, new AshlarError('busy', `Change ${id} was interrupted before it was whole.`))
  }
}

function asAshlarError(error: unknown): AshlarError {
  return error instanceof AshlarError ? error : new AshlarError('internal', String(error), { cause: error })
}
