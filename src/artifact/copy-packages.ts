/**
 * Packages of one workspace as artifacts of another: new ones, with the same files, that say what they were copied from.
 * From then on each stands for itself: what becomes of the original does not touch the copy. Who may read there and
 * write here is asked by the caller.
 *
 * What only the index of a mirror tells of a package is no ground for one elsewhere: its file is read, and the package is
 * what that says.
 */
import type { Transaction } from 'kysely'
import type { Workspace } from '../access/access.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { isForeignKeyViolation } from '../database/foreign-key-violation.ts'
import type { FileCopyTable, Micros, PackageTable, Tables } from '../database/schema.ts'
import { isHeldBy } from '../storage/bring-file.ts'
import { lockFiles } from '../storage/copy-states.ts'
import { storageError } from '../storage/storage-error.ts'
import type { Storage, StoredFile } from '../storage/storage.ts'
import { loadStores } from '../storage/store-rows.ts'
import { categoryNamed, checkFiles } from './categories.ts'
import { insertDrafts } from './draft.ts'
import type { Inspector } from './inspector.ts'
import { knownPackages, type ReadPackage, recordPackages } from './record-packages.ts'

export interface CopyPackagesOptions {
  readonly userId: number | null
  readonly signal?: AbortSignal | undefined
}

interface CopierParts {
  readonly database: Database
  readonly storage: Storage
  readonly faults: Faults
  readonly inspector: Inspector
}

/** What was copied. */
export interface CopiedPackages {
  /** How many artifacts were made. */
  readonly made: number
  /** By the ids that were asked for, those of the packages as they are here. */
  readonly packageIds: ReadonlyMap<number, number>
}

/** Categories whose files are packages. */
const holders = ['debian:source-package', 'debian:binary-package', 'debian:binary-packages']

const packagesAtOnce = 100
const filesAtOnce = 4
/** How often what we looked at may have changed when we write. */
const maximumAttempts = 5

export class PackageCopier {
  readonly #parts: CopierParts

  constructor(parts: CopierParts) {
    this.#parts = parts
  }

  /**
   * Sees to it that a workspace has a complete artifact with each of the packages. Those that it has stay as they are.
   *
   * @throws AshlarError gone for a package of which a file is; storage-full, storage-failed, file-corrupt;
   *   upload-inconsistent for one whose file is another package than a mirror's index said
   */
  async copy(
    to: Workspace,
    from: Workspace,
    packageIds: readonly number[],
    options: CopyPackagesOptions,
  ): Promise<CopiedPackages> {
    const distinct = [...new Set(packageIds)]
    let made = 0
    for (let start = 0; start < distinct.length; start += packagesAtOnce) {
      options.signal?.throwIfAborted()
      made += await this.#copySome(to, from, distinct.slice(start, start + packagesAtOnce), options)
    }
    return { made, packageIds: await this.#asTheyAreHere(distinct) }
  }

  async #asTheyAreHere(ids: readonly number[]): Promise<Map<number, number>> {
    const { read } = this.#parts.database
    const here = new Map(ids.map((id) => [id, id]))
    for (let start = 0; start < ids.length; start += packagesAtOnce) {
      const claimed = await read
        .selectFrom('package')
        .select(['id', 'file_id'])
        .where('id', 'in', ids.slice(start, start + packagesAtOnce))
        .where('claimed_in', '!=', 0)
        .execute()
      const proven = await knownPackages(
        read,
        claimed.map((row) => row.file_id),
      )
      for (const row of claimed) here.set(row.id, proven.get(row.file_id)?.id ?? 0)
    }
    return here
  }

  async #copySome(to: Workspace, from: Workspace, ids: readonly number[], options: CopyPackagesOptions) {
    const { database, faults } = this.#parts
    for (let attempt = 0; attempt < maximumAttempts; attempt += 1) {
      const packages = await this.#missing(to, from, ids)
      if (packages.length === 0) return 0
      await this.#bringAll(to, from, packages, options.signal)
      const read = await this.#readClaimed(to, packages)
      try {
        await faults.reach('artifact.record')
      } catch (error) {
        throw storageError(error, 'recording an artifact')
      }
      const recorded = await database
        .write(async (trx) => record(trx, to, { packages, read, userId: options.userId }, await database.now(trx)))
        .catch((error: unknown) => {
          // The original has gone at this very moment.
          if (isForeignKeyViolation(error)) return false
          throw error
        })
      if (recorded) return packages.length
    }
    throw new AshlarError('busy', 'What is to be copied changed again and again.')
  }

  /** Those of the packages that the workspace has in no complete artifact. */
  async #missing(to: Workspace, from: Workspace, ids: readonly number[]): Promise<CopiedPackage[]> {
    const db = this.#parts.database.read
    const rows = await db
      .selectFrom('package')
      .innerJoin('package_file', 'package_file.package_id', 'package.id')
      .innerJoin('file', 'file.id', 'package_file.file_id')
      .select(['package.id', 'package.kind', 'package.name', 'package.version', 'package.architecture'])
      .select('package.claimed_in as claimedIn')
      .select(['package.source_name', 'package.source_version', 'package.file_id as mainId'])
      .select(['package_file.name as path', 'file.id as fileId', 'file.sha256', 'file.size', 'file.gone_reason'])
      .where('package.id', 'in', [...ids])
      .orderBy('package.id')
      .orderBy('package_file.name')
      .execute()
    const lost = rows.find((row) => row.gone_reason !== null)
    if (lost !== undefined) {
      const reason = lost.gone_reason === 'purged' ? 'was purged' : 'has expired'
      throw new AshlarError('gone', `A file of ${lost.name} ${lost.version} ${reason}; it cannot be copied any more.`)
    }
    const artifacts = await this.#artifactsWith(to, from, [...new Set(rows.map((row) => row.mainId))])
    const isHere = (fileId: number): boolean =>
      artifacts.some((row) => row.workspace_id === to.id && row.file_id === fileId)
    const originOf = (fileId: number): number | undefined =>
      artifacts.findLast((row) => row.workspace_id === from.id && row.file_id === fileId)?.id
    return [...Map.groupBy(rows, (row) => row.id).values()].flatMap((files) => {
      const [first] = files
      if (first === undefined || isHere(first.mainId)) return []
      const { source_name: source, source_version: sourceVersion, ...rest } = first
      return {
        ...rest,
        source,
        sourceVersion,
        origin: originOf(first.mainId),
        files: files.map((row) => ({
          path: row.path,
          id: row.fileId,
          sha256: row.sha256 as Sha256,
          sizeBytes: row.size,
        })),
      }
    })
  }

  /** Complete artifacts of the two workspaces with these files, in the order in which they were made. */
  async #artifactsWith(to: Workspace, from: Workspace, fileIds: readonly number[]) {
    return await this.#parts.database.read
      .selectFrom('artifact_file')
      // SQLite keeps the order of a cross join: by the files first, not through all artifacts of the workspace.
      .crossJoin('artifact')
      .select(['artifact.id', 'artifact.workspace_id', 'artifact_file.file_id'])
      .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
      .where('artifact_file.file_id', 'in', [...fileIds])
      .where('artifact.workspace_id', 'in', [to.id, from.id])
      .where('artifact.category', 'in', holders)
      .where('artifact.completed_at', 'is not', null)
      .orderBy('artifact.id')
      .execute()
  }

  /** The packages of which only an index told so far. */
  async #readClaimed(to: Workspace, packages: readonly CopiedPackage[]): Promise<ReadPackage[]> {
    const claimed = packages.filter((one) => one.claimedIn !== 0)
    const known = await knownPackages(
      this.#parts.database.read,
      claimed.map((one) => one.mainId),
    )
    const read: ReadPackage[] = []
    for (const one of claimed) {
      if (known.has(one.mainId)) continue
      const main = one.files.find((file) => file.id === one.mainId)
      if (main === undefined) throw new Error(`Package ${one.name} ${one.version} does not list its own file`)
      const reading = await this.#parts.inspector.readStored(main.path, main, to.scopeId)
      if (reading.kind === 'changes' || !isSamePackage(one, reading.package)) {
        throw new AshlarError(
          'upload-inconsistent',
          `The file of ${one.name} ${one.version} (${one.architecture}) is another package than the mirror's index says.`,
        )
      }
      const fileIds = new Map(one.files.map((file) => [file.sha256, file.id]))
      read.push({ fileId: one.mainId, reading: reading.package, fileIds })
    }
    return read
  }

  async #bringAll(
    to: Workspace,
    from: Workspace,
    packages: readonly CopiedPackage[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const files = [...new Map(packages.flatMap((one) => one.files).map((file) => [file.id, file])).values()]
    for (let start = 0; start < files.length; start += filesAtOnce) {
      await Promise.all(
        files
          .slice(start, start + filesAtOnce)
          .map((file) => this.#parts.storage.bring(file, { from: from.scopeId, to: to.scopeId }, signal)),
      )
    }
  }
}

function isSamePackage(
  one: CopiedPackage,
  other: { readonly name: string; readonly version: string; readonly architecture: string },
): boolean {
  return one.name === other.name && one.version === other.version && one.architecture === other.architecture
}

interface CopiedPackage {
  /** Of the .deb or .dsc. */
  readonly mainId: number
  readonly claimedIn: PackageTable['claimed_in']
  readonly kind: 'deb' | 'udeb' | 'dsc'
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly source: string
  readonly sourceVersion: string
  /** The artifact that it is copied from, if there is one. */
  readonly origin: number | undefined
  readonly files: readonly (StoredFile & { readonly path: string })[]
}

interface Recording {
  readonly packages: readonly CopiedPackage[]
  /** Those among them that were read first. */
  readonly read: readonly ReadPackage[]
  readonly userId: number | null
}

/** @returns false, and nothing is written, if the scope does not hold one of the files any more */
async function record(
  trx: Transaction<Tables>,
  to: Workspace,
  { packages, read, userId }: Recording,
  now: Micros,
): Promise<boolean> {
  const fileIds = [...new Set(packages.flatMap((one) => one.files.map((file) => file.id)))]
  // Who lets a copy go locks the file too, and then looks at who needs it.
  await lockFiles(trx, fileIds)
  if (!(await areHeld(trx, to.scopeId, fileIds))) return false
  await recordPackages(trx, read, now)
  await insertDrafts(
    trx,
    packages.map((one) => draftOf(to, one, userId)),
    now,
  )
  return true
}

async function areHeld(trx: Transaction<Tables>, scopeId: number, fileIds: readonly number[]): Promise<boolean> {
  const map = await loadStores(trx)
  const rows = await trx
    .selectFrom('file_copy')
    .innerJoin('file', 'file.id', 'file_copy.file_id')
    .select(['file_copy.file_id', 'file_copy.store_id', 'file_copy.generation', 'file_copy.state'])
    .where('file_copy.file_id', 'in', [...fileIds])
    .where('file.gone_at', 'is', null)
    .execute()
  const copies = Map.groupBy(rows, (row) => row.file_id)
  return fileIds.every((id) => isHeldBy(map, scopeId, (copies.get(id) ?? []).map(copyOf)))
}

function copyOf(row: { store_id: number; generation: number; state: FileCopyTable['state'] }) {
  return { storeId: row.store_id, generation: row.generation, state: row.state }
}

function draftOf(to: Workspace, one: CopiedPackage, userId: number | null) {
  const { name, version, architecture, source, sourceVersion } = one
  const category = categoryNamed(one.kind === 'dsc' ? 'debian:source-package' : 'debian:binary-package')
  const paths = one.files.map((file) => file.path)
  checkFiles(category, paths, `${name} ${version}`)
  return {
    workspaceId: to.id,
    category: category.name,
    data: one.kind === 'dsc' ? { name, version } : { name, version, architecture, source, sourceVersion },
    userId,
    complete: true,
    idempotencyKey: null,
    expireAfterSeconds: null,
    files: one.files.map(({ path, sha256, sizeBytes, id }) => ({ path, sha256, sizeBytes, fileId: id })),
    relations: one.origin === undefined ? [] : [{ type: 'copied-from' as const, target: one.origin }],
  }
}
