/**
 * Creates artifacts as they are wished for. A file need not be sent if a complete artifact of the same workspace has
 * it: knowing a digest gives no access to bytes.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Kysely, Transaction } from 'kysely'
import type { Workspace } from '../access/access.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { isForeignKeyViolation } from '../database/foreign-key-violation.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { storageError } from '../storage/storage-error.ts'
import type { StoredFile } from '../storage/storage.ts'
import { loadArtifacts, type Artifact } from './artifact-rows.ts'
import { insertDrafts, type Draft } from './draft.ts'
import type { Inspection, Inspector } from './inspector.ts'
import { withFacts } from './reading.ts'
import { recordPackages, type ReadPackage } from './record-packages.ts'
import { checkWish, isSameRequest, type ArtifactWish, type CheckedWish } from './wish.ts'

export interface CreateOptions {
  readonly userId: number | null
  /** Proven files that the caller holds for the workspace by rows of its own; they need not be sent either. */
  readonly holding?: readonly StoredFile[]
}

const maximumWishes = 1000
/** How often what we looked up may have changed when we write. */
const maximumAttempts = 5
const digestsAtOnce = 4000
const targetsAtOnce = 4000
/** Packages that are proven already and were never read are read so many at a time. */
const inspectionsAtOnce = 16

export class Creator {
  readonly #database: Database
  readonly #inspector: Inspector
  readonly #faults: Faults

  constructor(database: Database, inspector: Inspector, faults: Faults) {
    this.#database = database
    this.#inspector = inspector
    this.#faults = faults
  }

  async create(workspace: Workspace, wishes: readonly ArtifactWish[], options: CreateOptions): Promise<Artifact[]> {
    if (wishes.length > maximumWishes) {
      throw new AshlarError(
        'too-large',
        `At most ${maximumWishes} artifacts are created at once, not ${wishes.length}.`,
      )
    }
    const checked = wishes.map((wish, index) => checkWish(wish, index))
    const first = firstOfKeys(checked)
    for (let attempt = 0; attempt < maximumAttempts; attempt += 1) {
      const ids = await this.#attempt(workspace, checked, first, options)
      if (ids === undefined) continue
      const artifacts = await loadArtifacts(this.#database.read, ids)
      const result = ids.map((id) => artifacts.get(id))
      if (result.every((artifact) => artifact !== undefined)) return result
    }
    throw new AshlarError('busy', 'What the new artifacts rest on changed again and again.')
  }

  /** The ids of the artifacts, or undefined if something changed between the look and the writing. */
  async #attempt(
    workspace: Workspace,
    wishes: readonly CheckedWish[],
    first: ReadonlyMap<CheckedWish, CheckedWish>,
    options: CreateOptions,
  ): Promise<number[] | undefined> {
    const made = await this.#alreadyMade(workspace, wishes)
    const fresh = wishes.filter((wish) => !made.has(wish) && first.get(wish) === wish)
    await refusePurged(this.#database.read, fresh)
    const held = options.holding ?? []
    const proven = await provenFiles(this.#database.read, { workspaceId: workspace.id, held }, digestsOf(fresh))
    const plans = await this.#plan(workspace, fresh, proven, options)
    try {
      await this.#faults.reach('artifact.record')
    } catch (error) {
      throw storageError(error, 'recording an artifact')
    }
    const database = this.#database
    const ids = await database
      .write(async (trx) => record(trx, { workspace, held }, plans, await database.now(trx)))
      .catch((error: unknown) => {
        // A file or a related artifact may have gone at this very moment: the next attempt sees what is there.
        if (error instanceof KeyTaken || isForeignKeyViolation(error)) return undefined
        throw error
      })
    if (ids === undefined) return undefined
    for (const [index, id] of ids.entries()) {
      const wish = fresh[index]
      if (wish !== undefined) made.set(wish, id)
    }
    const all = wishes.map((wish) => made.get(first.get(wish) ?? wish))
    return all.every((id) => id !== undefined) ? all : undefined
  }

  /** Wishes whose idempotency key was used before. @throws AshlarError idempotency-key-reused */
  async #alreadyMade(workspace: Workspace, wishes: readonly CheckedWish[]): Promise<Map<CheckedWish, number>> {
    const keys = wishes.flatMap((wish) => wish.idempotencyKey ?? [])
    if (keys.length === 0) return new Map()
    const rows = await this.#database.read
      .selectFrom('artifact')
      .select(['id', 'idempotency_key'])
      .where('workspace_id', '=', workspace.id)
      .where('idempotency_key', 'in', [...new Set(keys)])
      .execute()
    const idOfKey = new Map(rows.map((row) => [row.idempotency_key, row.id]))
    const artifacts = await loadArtifacts(
      this.#database.read,
      rows.map((row) => row.id),
    )
    const made = new Map<CheckedWish, number>()
    for (const wish of wishes) {
      const id = wish.idempotencyKey === null ? undefined : idOfKey.get(wish.idempotencyKey)
      const artifact = id === undefined ? undefined : artifacts.get(id)
      if (artifact === undefined) continue
      if (!isSameRequest(wish, artifact)) throw keyReused(wish)
      made.set(wish, artifact.id)
    }
    return made
  }

  /** Reads what is proven and must be read, and decides what to write. */
  async #plan(
    workspace: Workspace,
    wishes: readonly CheckedWish[],
    proven: ReadonlyMap<Sha256, StoredFile>,
    options: CreateOptions,
  ): Promise<Plan[]> {
    const plans: Plan[] = []
    for (let start = 0; start < wishes.length; start += inspectionsAtOnce) {
      const group = wishes.slice(start, start + inspectionsAtOnce)
      plans.push(...(await Promise.all(group.map((wish) => this.#planOne(workspace, wish, proven, options)))))
    }
    return plans
  }

  async #planOne(
    workspace: Workspace,
    wish: CheckedWish,
    proven: ReadonlyMap<Sha256, StoredFile>,
    options: CreateOptions,
  ): Promise<Plan> {
    const { category } = wish
    const files = wish.files.map((file) => {
      const found = proven.get(file.sha256)
      return { ...file, stored: found?.sizeBytes === file.sizeBytes ? found : undefined }
    })
    const complete = files.every((file) => file.stored !== undefined)
    let { data } = wish
    const packages: ReadPackage[] = []
    for (const { path, stored } of files) {
      if (stored === undefined || category.reads(path) === undefined) continue
      const inspection: Inspection = await this.#inspector.inspectStored(
        { category, path, files: () => Promise.resolve(wish.files) },
        stored,
        workspace.scopeId,
      )
      data = withFacts(data, inspection.facts, path)
      const { reading } = inspection
      // A source package is recorded when all of its files are there.
      if (reading === undefined || (reading.kind === 'dsc' && !complete)) continue
      packages.push({ fileId: stored.id, reading, fileIds: fileIdsOf(files) })
    }
    return {
      packages,
      draft: {
        workspaceId: workspace.id,
        category: category.name,
        data,
        userId: options.userId,
        complete,
        idempotencyKey: wish.idempotencyKey,
        expireAfterSeconds: wish.expireAfterSeconds,
        files: files.map(({ stored, ...file }) => Object.assign(file, { fileId: stored?.id ?? null })),
        relations: wish.relations,
      },
    }
  }
}

interface Plan {
  readonly draft: Draft
  readonly packages: readonly ReadPackage[]
}

/**
 * Writes the plans. Undefined, and nothing is written, if a proof is gone or a key was taken since they were made.
 * @throws AshlarError not-found for a relation to what is not there
 */
async function record(
  trx: Transaction<Tables>,
  { workspace, held }: { readonly workspace: Workspace; readonly held: readonly StoredFile[] },
  plans: readonly Plan[],
  now: Micros,
): Promise<number[] | undefined> {
  const drafts = plans.map((plan) => plan.draft)
  const relied = new Set(
    drafts.flatMap((draft) => draft.files.flatMap((file) => (file.fileId === null ? [] : file.sha256))),
  )
  const proven = await provenFiles(trx, { workspaceId: workspace.id, held }, [...relied])
  if (proven.size < relied.size) return undefined
  await checkTargets(trx, workspace, drafts)
  await recordPackages(
    trx,
    plans.flatMap((plan) => plan.packages),
    now,
  )
  const ids = await insertDrafts(trx, drafts, now)
  if (ids.every((id) => id !== undefined)) return ids
  throw new KeyTaken()
}

/** Another request has used an idempotency key meanwhile; what this one wrote must not stay. */
class KeyTaken extends Error {}

/** What was purged is not taken again; said before anything of it is sent. @throws AshlarError gone */
async function refusePurged(db: Kysely<Tables>, wishes: readonly CheckedWish[]): Promise<void> {
  const digests = digestsOf(wishes)
  for (let start = 0; start < digests.length; start += digestsAtOnce) {
    const found = await db
      .selectFrom('file')
      .select('sha256')
      .where('sha256', 'in', digests.slice(start, start + digestsAtOnce))
      .where('gone_reason', '=', 'purged')
      .limit(1)
      .executeTakeFirst()
    if (found === undefined) continue
    const wish = wishes.find(({ files }) => files.some((file) => file.sha256 === found.sha256))
    const path = wish?.files.find((file) => file.sha256 === found.sha256)?.path
    const detail = `${wish?.where}: the file ${path} (${found.sha256}) was purged, and is not taken again.`
    throw new AshlarError('gone', detail)
  }
}

/** Files of complete artifacts of the workspace, and those that are held for it, that are not gone; by digest. */
async function provenFiles(
  db: Kysely<Tables>,
  { workspaceId, held }: { readonly workspaceId: number; readonly held: readonly StoredFile[] },
  digests: readonly Sha256[],
): Promise<Map<Sha256, StoredFile>> {
  const proven = await heldFiles(db, held)
  for (let start = 0; start < digests.length; start += digestsAtOnce) {
    const rows = await db
      .selectFrom('artifact_file')
      // SQLite keeps the order of a cross join: by the files first, not through all artifacts of the workspace.
      .crossJoin('artifact')
      .crossJoin('file')
      .select(['artifact_file.sha256', 'artifact_file.size', 'artifact_file.file_id'])
      .distinct()
      .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
      .whereRef('file.id', '=', 'artifact_file.file_id')
      .where('file.gone_at', 'is', null)
      // What was lost is asked for again, which makes it good for whoever has it.
      .where((eb) =>
        eb.exists(
          eb
            .selectFrom('file_copy')
            .select('file_copy.store_id')
            .whereRef('file_copy.file_id', '=', 'file.id')
            .where('file_copy.state', 'in', ['present', 'condemned']),
        ),
      )
      .where('artifact.workspace_id', '=', workspaceId)
      .where('artifact.completed_at', 'is not', null)
      .where('artifact_file.sha256', 'in', digests.slice(start, start + digestsAtOnce))
      .execute()
    for (const row of rows) {
      const sha256 = row.sha256 as Sha256
      if (row.file_id !== null) proven.set(sha256, { id: row.file_id, sha256, sizeBytes: row.size })
    }
  }
  return proven
}

async function heldFiles(db: Kysely<Tables>, held: readonly StoredFile[]): Promise<Map<Sha256, StoredFile>> {
  const found = new Map<Sha256, StoredFile>()
  for (let start = 0; start < held.length; start += digestsAtOnce) {
    const batch = new Map(held.slice(start, start + digestsAtOnce).map((file) => [file.id, file]))
    const rows = await db
      .selectFrom('file')
      .select('id')
      .where('id', 'in', [...batch.keys()])
      .where('gone_at', 'is', null)
      .execute()
    for (const { id } of rows) {
      const file = batch.get(id)
      if (file !== undefined) found.set(file.sha256, file)
    }
  }
  return found
}

async function checkTargets(trx: Transaction<Tables>, workspace: Workspace, drafts: readonly Draft[]): Promise<void> {
  const targets = [...new Set(drafts.flatMap((draft) => draft.relations.map((relation) => relation.target)))]
  const found = new Set<number>()
  for (let start = 0; start < targets.length; start += targetsAtOnce) {
    const rows = await trx
      .selectFrom('artifact')
      .select('id')
      .where('workspace_id', '=', workspace.id)
      .where('id', 'in', targets.slice(start, start + targetsAtOnce))
      .execute()
    for (const row of rows) found.add(row.id)
  }
  const missing = targets.find((target) => !found.has(target))
  if (missing === undefined) return
  throw new AshlarError('not-found', `There is no artifact ${missing} in this workspace to relate to.`)
}

/** Of wishes with one idempotency key the first stands for all. @throws AshlarError idempotency-key-reused */
function firstOfKeys(wishes: readonly CheckedWish[]): Map<CheckedWish, CheckedWish> {
  const byKey = new Map<string, CheckedWish>()
  const first = new Map<CheckedWish, CheckedWish>()
  for (const wish of wishes) {
    const { idempotencyKey: key } = wish
    const earlier = key === null ? undefined : byKey.get(key)
    if (earlier !== undefined && !isSameWish(earlier, wish)) throw keyReused(wish)
    if (key !== null && earlier === undefined) byKey.set(key, wish)
    first.set(wish, earlier ?? wish)
  }
  return first
}

function isSameWish(a: CheckedWish, b: CheckedWish): boolean {
  const { where: _a, ...one } = a
  const { where: _b, ...other } = b
  return isDeepStrictEqual(one, other)
}

function keyReused(wish: CheckedWish): AshlarError {
  const key = JSON.stringify(wish.idempotencyKey)
  return new AshlarError('idempotency-key-reused', `${wish.where}: another artifact was asked for with the key ${key}.`)
}

function digestsOf(wishes: readonly CheckedWish[]): Sha256[] {
  return [...new Set(wishes.flatMap((wish) => wish.files.map((file) => file.sha256)))]
}

function fileIdsOf(files: readonly { sha256: Sha256; stored: StoredFile | undefined }[]): Map<Sha256, number> {
  return new Map(files.flatMap(({ sha256, stored }) => (stored === undefined ? [] : [[sha256, stored.id]])))
}
