/**
 * Packages that the server itself takes in: spooled files become a complete artifact at once. Many at the same time
 * share one transaction.
 */
import type { Transaction } from 'kysely'
import type { Workspace } from '../access/access.ts'
import { Batcher } from '../common/batcher.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { unlinkIfThere } from '../storage/spool-writer.ts'
import { storageError } from '../storage/storage-error.ts'
import type { SpooledFile, Storage, StoredFile } from '../storage/storage.ts'
import { categoryNamed, checkFiles, type ArtifactData } from './categories.ts'
import { insertDrafts } from './draft.ts'
import { pathFault } from './file-path.ts'
import type { Inspector } from './inspector.ts'
import { factsOfBinary, type PackageReading } from './reading.ts'
import { knownPackages, recordPackages } from './record-packages.ts'
import type { AnnouncedFile } from './wish.ts'

export interface Ingested {
  readonly artifactId: number
  readonly packageId: number
}

/** A local file of at most `maximumCopyBytes` (storage/spool-copy.ts) that others may write to. */
export interface LocalPackage {
  readonly from: string
  readonly fingerprint: string
}

export interface IngestOptions {
  readonly userId: number | null
}

/** Stored files that are to become one artifact with one package. */
interface Arrival {
  readonly workspaceId: number
  readonly category: 'debian:binary-package' | 'debian:source-package'
  readonly data: ArtifactData
  readonly userId: number | null
  /** The .deb or .dsc first. */
  readonly files: readonly { readonly path: string; readonly file: StoredFile }[]
  /** Undefined if the package is known already. */
  readonly reading: PackageReading | undefined
}

const batchMaximum = 500

/** A copied file that is to become an artifact. */
interface Copy {
  readonly workspaceId: number
  readonly scopeId: number
  readonly userId: number | null
  readonly fileName: string
  readonly spooled: SpooledFile
  readonly facts: ArtifactData
  readonly reading: PackageReading
}

/** Local files come by themselves, one after the other as they are read; a few syncs for many of them are worth a wait. */
const gathering = { enough: 16, patienceMs: 20 }

export class Ingestion {
  readonly #database: Database
  readonly #storage: Storage
  readonly #inspector: Inspector
  readonly #faults: Faults
  readonly #arrivals: Batcher<Arrival, Ingested>
  readonly #copies: Batcher<Copy, Ingested>

  constructor(options: { database: Database; storage: Storage; inspector: Inspector; faults: Faults }) {
    this.#database = options.database
    this.#storage = options.storage
    this.#inspector = options.inspector
    this.#faults = options.faults
    this.#arrivals = new Batcher(batchMaximum, (arrivals) => this.#record(arrivals))
    this.#copies = new Batcher(batchMaximum, (copies) => this.#takeCopies(copies), gathering)
  }

  /**
   * Makes a .deb, .udeb or .ddeb an artifact; the same bytes in the same workspace are the same artifact again. The
   * spooled file is gone if it succeeds, and left to the caller if not.
   */
  async binary(
    workspace: Workspace,
    spooled: SpooledFile,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested> {
    const category = categoryNamed('debian:binary-package')
    checkNames([fileName])
    checkFiles(category, [fileName], fileName)
    const files = [announced(fileName, spooled)]
    const inspected = { category, path: fileName, files: () => Promise.resolve(files) }
    const { facts, reading } = await this.#inspector.inspectSpooled(inspected, spooled)
    const file = await this.#storage.keep(spooled, workspace.scopeId)
    return await this.#arrivals.run({
      workspaceId: workspace.id,
      category: 'debian:binary-package',
      data: facts,
      userId: options.userId,
      files: [{ path: fileName, file }],
      reading,
    })
  }

  /**
   * Makes a small local .deb, .udeb or .ddeb an artifact, as it is in the state of this fingerprint; undefined if it is
   * in another. Copied, hashed and read in one go, off the main thread.
   */
  async local(
    workspace: Workspace,
    local: LocalPackage,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested | undefined> {
    const category = categoryNamed('debian:binary-package')
    checkNames([fileName])
    checkFiles(category, [fileName], fileName)
    const copied = await this.#inspector.copyBinary({ ...local, to: await this.#storage.spool.reserve(), fileName })
    if (copied === undefined) return undefined
    const { spooled, package: reading } = copied
    const facts = factsOfBinary(category, reading)
    return await this.#copies.run({
      workspaceId: workspace.id,
      scopeId: workspace.scopeId,
      userId: options.userId,
      fileName,
      spooled,
      facts,
      reading,
    })
  }

  /** Keeps copies together, and records those that are kept together. */
  async #takeCopies(copies: readonly Copy[]): Promise<(Ingested | Error)[]> {
    const outcomes = await Promise.all(copies.map(async (copy) => this.#keepCopy(copy)))
    const arrivals = outcomes.filter((outcome): outcome is Arrival => !(outcome instanceof Error))
    const ingested = arrivals.length === 0 ? [] : await this.#record(arrivals)
    const byArrival = new Map(arrivals.map((arrival, index) => [arrival, ingested[index]]))
    return outcomes.map((outcome) => {
      if (outcome instanceof Error) return outcome
      return byArrival.get(outcome) ?? new Error('A package was not recorded')
    })
  }

  async #keepCopy({ workspaceId, scopeId, userId, fileName, spooled, facts, reading }: Copy): Promise<Arrival | Error> {
    try {
      const file = await this.#storage.keep(spooled, scopeId)
      const files = [{ path: fileName, file }]
      return { workspaceId, category: 'debian:binary-package', data: facts, userId, files, reading }
    } catch (error) {
      await unlinkIfThere(spooled.path).catch(() => {})
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  async #record(arrivals: readonly Arrival[]): Promise<Ingested[]> {
    try {
      await this.#faults.reach('artifact.record')
    } catch (error) {
      throw storageError(error, 'recording an artifact')
    }
    const database = this.#database
    return await database.write(async (trx) => record(trx, arrivals, await database.now(trx)))
  }

  /**
   * Makes a .dsc and the files that it lists, by their names, an artifact. The spooled files are gone if it succeeds,
   * and left to the caller if not.
   */
  async source(
    workspace: Workspace,
    dsc: SpooledFile,
    files: ReadonlyMap<string, SpooledFile>,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested> {
    const category = categoryNamed('debian:source-package')
    const all: [string, SpooledFile][] = [[fileName, dsc], ...files]
    const paths = all.map(([path]) => path)
    checkNames(paths)
    checkFiles(category, paths, fileName)
    const announcedFiles = all.map(([path, spooled]) => announced(path, spooled))
    const inspected = { category, path: fileName, files: () => Promise.resolve(announcedFiles) }
    const { facts, reading } = await this.#inspector.inspectSpooled(inspected, dsc)
    const stored: { path: string; file: StoredFile }[] = []
    for (const [path, spooled] of all) {
      stored.push({ path, file: await this.#storage.keep(spooled, workspace.scopeId) })
    }
    return await this.#arrivals.run({
      workspaceId: workspace.id,
      category: 'debian:source-package',
      data: facts,
      userId: options.userId,
      files: stored,
      reading,
    })
  }
}

async function record(trx: Transaction<Tables>, arrivals: readonly Arrival[], now: Micros): Promise<Ingested[]> {
  const existing = await artifactsWith(trx, arrivals)
  const fresh = new Map<string, Arrival>()
  for (const arrival of arrivals) {
    if (!existing.has(arrivalKey(arrival))) fresh.set(arrivalKey(arrival), arrival)
  }
  const keys = [...fresh.keys()]
  const ids = await insertDrafts(
    trx,
    [...fresh.values()].map((arrival) => ({
      workspaceId: arrival.workspaceId,
      category: arrival.category,
      data: arrival.data,
      userId: arrival.userId,
      complete: true,
      idempotencyKey: null,
      expireAfterSeconds: null,
      files: arrival.files.map(({ path, file }) => ({
        path,
        sha256: file.sha256,
        sizeBytes: file.sizeBytes,
        fileId: file.id,
      })),
      relations: [],
    })),
    now,
  )
  for (const [index, id] of ids.entries()) {
    const key = keys[index]
    if (key !== undefined && id !== undefined) existing.set(key, id)
  }
  const packages = await packageIds(trx, arrivals, now)
  return arrivals.map((arrival) => {
    const artifactId = existing.get(arrivalKey(arrival))
    const packageId = packages.get(mainFile(arrival).id)
    if (artifactId === undefined || packageId === undefined) throw new Error('A package was not recorded')
    return { artifactId, packageId }
  })
}

/** Complete artifacts of the same workspace and category that hold the same .deb or .dsc. */
async function artifactsWith(trx: Transaction<Tables>, arrivals: readonly Arrival[]): Promise<Map<string, number>> {
  const rows = await trx
    .selectFrom('artifact_file')
    // SQLite keeps the order of a cross join: by the files first, not through all artifacts of the workspace.
    .crossJoin('artifact')
    .select(['artifact.id', 'artifact.workspace_id', 'artifact.category', 'artifact_file.file_id'])
    .whereRef('artifact.id', '=', 'artifact_file.artifact_id')
    .where('artifact_file.file_id', 'in', [...new Set(arrivals.map((arrival) => mainFile(arrival).id))])
    .where('artifact.workspace_id', 'in', [...new Set(arrivals.map((arrival) => arrival.workspaceId))])
    .where('artifact.completed_at', 'is not', null)
    .orderBy('artifact.id', 'desc')
    .execute()
  return new Map(rows.map((row) => [`${row.workspace_id} ${row.category} ${row.file_id}`, row.id]))
}

async function packageIds(
  trx: Transaction<Tables>,
  arrivals: readonly Arrival[],
  now: Micros,
): Promise<Map<number, number>> {
  const read = arrivals.flatMap((arrival) => {
    const { reading, files } = arrival
    if (reading === undefined) return []
    return [
      { fileId: mainFile(arrival).id, reading, fileIds: new Map(files.map(({ file }) => [file.sha256, file.id])) },
    ]
  })
  const ids = await recordPackages(trx, read, now)
  const rest = arrivals.map((arrival) => mainFile(arrival).id).filter((fileId) => !ids.has(fileId))
  for (const [fileId, found] of await knownPackages(trx, rest)) ids.set(fileId, found.id)
  return ids
}

function arrivalKey(arrival: Arrival): string {
  return `${arrival.workspaceId} ${arrival.category} ${mainFile(arrival).id}`
}

function mainFile(arrival: Arrival): StoredFile {
  const [first] = arrival.files
  if (first === undefined) throw new Error('An artifact of a package has a file')
  return first.file
}

function checkNames(paths: readonly string[]): void {
  for (const path of paths) {
    const fault = pathFault(path)
    if (fault !== undefined) throw new AshlarError('request-invalid', `The name ${JSON.stringify(path)} ${fault}.`)
  }
}

function announced(path: string, spooled: SpooledFile): AnnouncedFile {
  return { path, sizeBytes: spooled.sizeBytes, sha256: spooled.sha256 }
}
