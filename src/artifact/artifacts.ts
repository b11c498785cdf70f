/**
 * Artifacts: files with names, a category, and data that fits it; immutable once complete. What lives here: creating,
 * completing, reading and deleting them, and what the server reads from packages. What does not: where bytes lie
 * (storage), who may do it (access), and what a suite makes of a package (archive).
 *
 * Words: a file is *announced* by path, size and digest when its artifact is created; it is *proven* when its bytes
 * came and fit, or when a complete artifact of the same workspace has them. An artifact is *complete* when all of its
 * files are proven. A package is *read* once per file, whoever holds it.
 */
import type { Readable } from 'node:stream'
import type { Workspace } from '../access/access.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError } from '../common/errors.ts'
import { noFaults, type Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { ByteRange, OpenedFile, SpooledFile, Storage, StoredFile } from '../storage/storage.ts'
import { loadArtifacts, type Artifact } from './artifact-rows.ts'
import { Completions } from './completion.ts'
import { type CopiedPackages, type CopyPackagesOptions, PackageCopier } from './copy-packages.ts'
import { Creator, type CreateOptions } from './create.ts'
import { deleteArtifact } from './delete.ts'
import { Ingestion, type Ingested, type IngestOptions, type LocalPackage } from './ingest.ts'
import { Inspector } from './inspector.ts'
import { listArtifacts, type ArtifactFilter, type ArtifactPage } from './list.ts'
import { PackageReader } from './package-reader.ts'
import { packagesOf, type PackageRef } from './packages-of.ts'
import type { Reading } from './reading.ts'
import { tarOf } from './tar.ts'
import { Uploads, type UploadBody, type UploadOffset } from './uploads.ts'
import type { ArtifactWish } from './wish.ts'

export type { Artifact, ArtifactFile } from './artifact-rows.ts'
export type { Ingested } from './ingest.ts'
export type { ArtifactFilter, ArtifactPage } from './list.ts'
export type { PackageRef } from './packages-of.ts'
export type { Reading } from './reading.ts'
export type { UploadBody, UploadOffset } from './uploads.ts'
export type { ArtifactWish } from './wish.ts'

export interface Artifacts extends AsyncDisposable {
  /**
   * Creates artifacts, all or none, in their order. `missing` of each says which files must be sent; none of those
   * that a complete artifact of the same workspace has. A wish whose idempotency key was used for the same wish
   * before gives that artifact.
   * @throws AshlarError request-invalid, category-invalid, too-large, idempotency-key-reused, not-found (a relation),
   *   gone (a file was purged), upload-inconsistent and others for proven files that do not fit
   */
  create(workspace: Workspace, wishes: readonly ArtifactWish[], options: CreateOptions): Promise<Artifact[]>

  /**
   * Takes bytes of a file from `start` on; the artifact as it is then. With the last of them the file is proven, and
   * with the last file the artifact is complete. When fewer came, its `offset` says where to continue.
   * @throws AshlarError not-found; upload-offset with `extra.offset`; digest-mismatch, package-invalid, control-invalid,
   *   upload-inconsistent, too-large if the bytes are not good, after which the file begins again at 0; gone if it was
   *   purged; storage-full, storage-failed
   */
  upload(
    workspace: Workspace,
    artifactId: number,
    path: string,
    body: UploadBody,
    signal?: AbortSignal,
  ): Promise<Artifact>
  /** How far the upload of a file has come. @throws AshlarError not-found */
  offset(workspace: Workspace, artifactId: number, path: string): Promise<UploadOffset>

  /** @throws AshlarError not-found */
  get(workspace: Workspace, artifactId: number): Promise<Artifact>
  /** @throws AshlarError request-invalid */
  list(workspace: Workspace, filter: ArtifactFilter): Promise<ArtifactPage>
  /** @throws AshlarError not-found; conflict while a retained state of a suite or another artifact's relation holds it */
  delete(workspace: Workspace, artifactId: number): Promise<void>

  /** Opens the bytes of a proven file. @throws AshlarError not-found, artifact-incomplete, range-not-satisfiable … */
  openFile(workspace: Workspace, artifactId: number, path: string, range?: ByteRange): Promise<OpenedFile>
  /** An address at which anybody can read a proven file for a short time, where its store gives such. @throws as above */
  linkToFile(workspace: Workspace, artifactId: number, path: string): Promise<string | undefined>
  /** All files as a tar; not-found and artifact-incomplete come as errors of the stream. */
  tarStream(workspace: Workspace, artifactId: number): Readable

  /**
   * Makes a .deb in the spool a complete artifact; the same bytes in the same workspace are the same artifact again.
   * The spooled file is gone if it succeeds, and left to the caller if not.
   */
  ingestBinary(workspace: Workspace, spooled: SpooledFile, fileName: string, options: IngestOptions): Promise<Ingested>
  /** The same for a small local file in one go; undefined if it is not in the state of its fingerprint any more. */
  ingestLocal(
    workspace: Workspace,
    local: LocalPackage,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested | undefined>
  /** The same for a .dsc and the files that it lists, by their names. */
  ingestSource(
    workspace: Workspace,
    dsc: SpooledFile,
    files: ReadonlyMap<string, SpooledFile>,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested>

  /**
   * What a stored .deb or .dsc says of itself, before it is part of an artifact.
   * @throws AshlarError package-invalid, control-invalid, too-large … if it is not good
   */
  examine(workspace: Workspace, stored: { readonly path: string; readonly file: StoredFile }): Promise<Reading>

  /** The packages of complete artifacts. @throws AshlarError not-found, artifact-incomplete, category-invalid */
  packagesOf(workspace: Workspace, artifactIds: readonly number[]): Promise<PackageRef[]>

  /**
   * Sees to it that a workspace has the packages of another in complete artifacts of its own, which say what they were
   * copied from; nothing is asked of who may do that.
   * @throws AshlarError gone for what was purged or has expired; storage-full, storage-failed, file-corrupt;
   *   upload-inconsistent for what is not what a mirror's index said of it
   */
  copyPackages(
    to: Workspace,
    from: Workspace,
    packageIds: readonly number[],
    options: CopyPackagesOptions,
  ): Promise<CopiedPackages>

  /** Ends the threads and closes the spooled files; uploads can be continued by the next process. */
  close(): Promise<void>
}

export interface ArtifactsOptions {
  readonly database: Database
  readonly storage: Storage
  readonly faults?: Faults
}

export function openArtifacts(options: ArtifactsOptions): Artifacts {
  return new OpenArtifacts(options)
}

class OpenArtifacts implements Artifacts {
  readonly #database: Database
  readonly #storage: Storage
  readonly #reader = new PackageReader()
  readonly #inspector: Inspector
  readonly #creator: Creator
  readonly #uploads: Uploads
  readonly #ingestion: Ingestion
  readonly #copier: PackageCopier

  constructor({ database, storage, faults = noFaults }: ArtifactsOptions) {
    this.#database = database
    this.#storage = storage
    const inspector = new Inspector(database, storage, this.#reader)
    this.#inspector = inspector
    const completions = new Completions({ database, faults, release: (ids) => this.#uploads.forget(ids) })
    this.#creator = new Creator(database, inspector, faults)
    this.#uploads = new Uploads(database, storage, inspector, completions)
    this.#ingestion = new Ingestion({ database, storage, inspector, faults })
    this.#copier = new PackageCopier({ database, storage, faults, inspector })
  }

  async create(workspace: Workspace, wishes: readonly ArtifactWish[], options: CreateOptions): Promise<Artifact[]> {
    return await this.#creator.create(workspace, wishes, options)
  }

  async upload(
    workspace: Workspace,
    artifactId: number,
    path: string,
    body: UploadBody,
    signal?: AbortSignal,
  ): Promise<Artifact> {
    return await this.#uploads.upload(workspace, artifactId, path, body, signal)
  }

  async offset(workspace: Workspace, artifactId: number, path: string): Promise<UploadOffset> {
    return await this.#uploads.offset(workspace, artifactId, path)
  }

  async get(workspace: Workspace, artifactId: number): Promise<Artifact> {
    const row = await this.#database.read
      .selectFrom('artifact')
      .select('id')
      .where('id', '=', artifactId)
      .where('workspace_id', '=', workspace.id)
      .executeTakeFirst()
    const artifact = row && (await loadArtifacts(this.#database.read, [row.id])).get(row.id)
    if (artifact === undefined) {
      throw new AshlarError('not-found', `There is no artifact ${artifactId} in this workspace.`)
    }
    return await this.#uploads.withOffsets(artifact)
  }

  async list(workspace: Workspace, filter: ArtifactFilter): Promise<ArtifactPage> {
    return await listArtifacts(this.#database, workspace, filter)
  }

  async delete(workspace: Workspace, artifactId: number): Promise<void> {
    await this.#uploads.forget(await deleteArtifact(this.#database, workspace, artifactId))
  }

  async openFile(workspace: Workspace, artifactId: number, path: string, range?: ByteRange): Promise<OpenedFile> {
    return await this.#storage.open(await this.#provenFile(workspace, artifactId, path), workspace.scopeId, range)
  }

  async linkToFile(workspace: Workspace, artifactId: number, path: string): Promise<string | undefined> {
    return await this.#storage.link(await this.#provenFile(workspace, artifactId, path), workspace.scopeId)
  }

  async #provenFile(workspace: Workspace, artifactId: number, path: string): Promise<StoredFile> {
    const row = await this.#database.read
      .selectFrom('artifact')
      .innerJoin('artifact_file', 'artifact_file.artifact_id', 'artifact.id')
      .select(['sha256', 'size', 'file_id'])
      .where('artifact.id', '=', artifactId)
      .where('workspace_id', '=', workspace.id)
      .where('path', '=', path)
      .executeTakeFirst()
    if (row === undefined) {
      throw new AshlarError('not-found', `There is no artifact ${artifactId} here with a file ${JSON.stringify(path)}.`)
    }
    if (row.file_id === null) throw new AshlarError('artifact-incomplete', `The file ${path} was not sent yet.`)
    // The digest was checked when the row was written.
    return { id: row.file_id, sha256: row.sha256 as Sha256, sizeBytes: row.size }
  }

  tarStream(workspace: Workspace, artifactId: number): Readable {
    const load = async (): Promise<Artifact> => {
      const artifact = await this.get(workspace, artifactId)
      if (artifact.complete) return artifact
      throw new AshlarError('artifact-incomplete', `The artifact ${artifactId} lacks ${artifact.missing.join(', ')}.`)
    }
    return tarOf(load, (path) => this.openFile(workspace, artifactId, path))
  }

  async ingestBinary(
    workspace: Workspace,
    spooled: SpooledFile,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested> {
    return await this.#ingestion.binary(workspace, spooled, fileName, options)
  }

  async ingestLocal(
    workspace: Workspace,
    local: LocalPackage,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested | undefined> {
    return await this.#ingestion.local(workspace, local, fileName, options)
  }

  async ingestSource(
    workspace: Workspace,
    dsc: SpooledFile,
    files: ReadonlyMap<string, SpooledFile>,
    fileName: string,
    options: IngestOptions,
  ): Promise<Ingested> {
    return await this.#ingestion.source(workspace, dsc, files, fileName, options)
  }

  async examine(workspace: Workspace, stored: { path: string; file: StoredFile }): Promise<Reading> {
    return await this.#inspector.readStored(stored.path, stored.file, workspace.scopeId)
  }

  async copyPackages(
    to: Workspace,
    from: Workspace,
    packageIds: readonly number[],
    options: CopyPackagesOptions,
  ): Promise<CopiedPackages> {
    return await this.#copier.copy(to, from, packageIds, options)
  }

  async packagesOf(workspace: Workspace, artifactIds: readonly number[]): Promise<PackageRef[]> {
    return await packagesOf(this.#database, workspace, artifactIds)
  }

  async close(): Promise<void> {
    await this.#uploads.close()
    await this.#reader.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
