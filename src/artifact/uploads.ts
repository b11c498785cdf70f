/**
 * The way of a file's bytes into its artifact: spool, compare with what was announced, read if it is a package, keep,
 * record.
 *
 * An upload that stops is continued at the offset where the spool ends, or, by another server, where what is kept for
 * all servers ends. While this process has it, its writer stays
 * open, so that a file sent in pieces is hashed once. Of two requests that continue one upload the newer wins; uploads
 * that begin at 0 are independent of each other, and the first that is whole completes the file.
 */
import { createHash } from 'node:crypto'
import type { Workspace } from '../access/access.ts'
import type { Sha256 } from '../common/digest.ts'
import { AshlarError, naming } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { parkedBytes } from '../storage/parked-uploads.ts'
import { purged } from '../storage/file-copies.ts'
import type { SpooledFile, Storage, StoredFile } from '../storage/storage.ts'
import { loadArtifacts, parseData, type Artifact } from './artifact-rows.ts'
import { categoryNamed, type ArtifactData, type Category } from './categories.ts'
import type { Completions } from './completion.ts'
import type { Inspection, Inspector } from './inspector.ts'
import { withFacts } from './reading.ts'
import { type RecordedUpload, UploadRows } from './upload-rows.ts'
import { UploadSessions, wrongOffset, type Session } from './upload-sessions.ts'
import type { AnnouncedFile } from './wish.ts'

export interface UploadBody {
  readonly bytes: AsyncIterable<Uint8Array>
  /** Where in the file they begin. */
  readonly start: number
  /** Size of the whole file. */
  readonly total: number
}

export interface UploadOffset {
  /** Bytes that are stored. */
  readonly offset: number
  /** Size of the whole file. */
  readonly size: number
  readonly complete: boolean
}

/** Smaller files are sent again from the start after a crash. */
const resumableFromBytes = 1 << 20

interface Target {
  readonly artifactId: number
  readonly category: Category
  readonly data: ArtifactData
  readonly file: AnnouncedFile
  /** Set if the bytes are proven. */
  readonly fileId: number | null
  readonly scopeId: number
}

export class Uploads {
  readonly #database: Database
  readonly #storage: Storage
  readonly #inspector: Inspector
  readonly #completions: Completions
  readonly #rows: UploadRows
  readonly #sessions: UploadSessions

  constructor(database: Database, storage: Storage, inspector: Inspector, completions: Completions) {
    this.#database = database
    this.#storage = storage
    this.#inspector = inspector
    this.#completions = completions
    this.#rows = new UploadRows(database)
    this.#sessions = new UploadSessions(storage, this.#rows)
  }

  /**
   * Takes bytes of a file; the artifact as it is then. With the last of them the file is proven, and with the last
   * file the artifact is complete. Bytes of a file that is proven already are compared with it; if all of its copies
   * were lost, they are kept, so that whoever has the file has it again.
   * @throws AshlarError not-found; gone; upload-offset with `extra.offset`; digest-mismatch, package-invalid and others if
   *   the bytes are not good, after which the file begins again at 0; storage-full, storage-failed
   */
  async upload(
    workspace: Workspace,
    artifactId: number,
    path: string,
    body: UploadBody,
    signal?: AbortSignal,
  ): Promise<Artifact> {
    const target = await this.#find(workspace, artifactId, path)
    const { sizeBytes } = target.file
    if (body.total !== sizeBytes) {
      throw new AshlarError('digest-mismatch', `${path} was announced with ${sizeBytes} bytes, not ${body.total}.`)
    }
    if (target.fileId !== null) return await this.#sendAgain(target, body, signal)
    const session = await this.#sessions.open(artifactId, path, body.start, signal)
    try {
      if (sizeBytes >= resumableFromBytes) await session.remember()
      await session.append(body.bytes, sizeBytes)
      if (session.writer.offset < sizeBytes) {
        await session.suspend()
        return await this.#load(artifactId)
      }
      return await this.#finish(target, session)
    } catch (error) {
      if (!isFinal(error) && (await this.#isProven(target))) {
        // Another upload of the same file was first.
        await session.drop()
        return await this.#load(artifactId)
      }
      // What cannot be tidied up now is left to the sweep; the first error is the one to tell.
      await (isFinal(error) ? session.drop() : session.suspend()).catch(() => {})
      throw error
    } finally {
      session.end()
    }
  }

  /** @throws AshlarError not-found */
  async offset(workspace: Workspace, artifactId: number, path: string): Promise<UploadOffset> {
    const { file, fileId } = await this.#find(workspace, artifactId, path)
    const size = file.sizeBytes
    if (fileId !== null) return { offset: size, size, complete: true }
    const upload = await this.#rows.newest(artifactId, path)
    return { offset: (upload && (await this.#stored(upload))) ?? 0, size, complete: false }
  }

  /** The artifact with the offsets of its uploads. */
  async withOffsets(artifact: Artifact): Promise<Artifact> {
    if (artifact.missing.length === 0) return artifact
    const newest = await this.#rows.newestOf(artifact.id)
    if (newest.size === 0) return artifact
    const files = []
    for (const file of artifact.files) {
      const upload = file.complete ? undefined : newest.get(file.path)
      const offset = upload && (await this.#stored(upload))
      files.push(offset === undefined ? file : { ...file, offset })
    }
    return { ...artifact, files }
  }

  /** How much of an upload is stored, here or where every server reaches it. */
  async #stored({ id, parked }: RecordedUpload): Promise<number | undefined> {
    const here = await this.#storage.spool.offset(id)
    return here ?? (parked === undefined ? undefined : parkedBytes(parked))
  }

  /** Removes the spooled files of uploads that are no longer recorded. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.#sessions.forget(ids)
  }

  async close(): Promise<void> {
    await this.#sessions.close()
  }

  async #find(workspace: Workspace, artifactId: number, path: string): Promise<Target> {
    const row = await this.#database.read
      .selectFrom('artifact')
      .innerJoin('artifact_file', 'artifact_file.artifact_id', 'artifact.id')
      .leftJoin('file', 'file.sha256', 'artifact_file.sha256')
      .select(['category', 'data_json', 'artifact_file.sha256', 'artifact_file.size', 'file_id', 'file.gone_reason'])
      .where('artifact.id', '=', artifactId)
      .where('workspace_id', '=', workspace.id)
      .where('path', '=', path)
      .executeTakeFirst()
    if (row === undefined) {
      throw new AshlarError('not-found', `There is no artifact ${artifactId} here with a file ${JSON.stringify(path)}.`)
    }
    // Before a byte of it is taken.
    if (row.gone_reason === 'purged') throw purged(row.sha256 as Sha256)
    return {
      artifactId,
      category: categoryNamed(row.category),
      data: parseData(row.data_json),
      file: { path, sizeBytes: row.size, sha256: row.sha256 as Sha256 },
      fileId: row.file_id,
      scopeId: workspace.scopeId,
    }
  }

  async #finish(target: Target, session: Session): Promise<Artifact> {
    const spooled = await session.writer.finish()
    const { path, sha256 } = target.file
    if (spooled.sha256 !== sha256) {
      throw new AshlarError(
        'digest-mismatch',
        `${path} was announced as ${sha256}, but what came is ${spooled.sha256}.`,
      )
    }
    const inspection = await this.#inspect(target, spooled)
    const file = await this.#storage.keep(spooled, target.scopeId)
    return await this.#prove(target, file, inspection)
  }

  /** Before anything of the file is stored: bytes that are not good leave nothing. */
  async #inspect(target: Target, spooled: SpooledFile): Promise<Inspection> {
    const { artifactId, category, file } = target
    const files = async (): Promise<AnnouncedFile[]> => announcedFiles(await this.#load(artifactId))
    try {
      const inspection = await this.#inspector.inspectSpooled({ category, path: file.path, files }, spooled)
      withFacts(target.data, inspection.facts, file.path)
      return inspection
    } catch (error) {
      throw naming(file.path, error)
    }
  }

  async #prove(target: Target, file: StoredFile, inspection: Inspection): Promise<Artifact> {
    const { artifactId } = target
    const proof = { artifactId, path: target.file.path, file }
    const outcome = await this.#completions.prove({ ...proof, ...inspection })
    if (outcome !== 'needs-source') return outcome
    const again = await this.#completions.prove({ ...proof, ...(await this.#inspectSource(target)) })
    if (again === 'needs-source') throw new Error(`The source package ${artifactId} cannot be completed`)
    return again
  }

  /** Reads the .dsc that came before. */
  async #inspectSource({ artifactId, category, scopeId }: Target): Promise<Inspection> {
    const artifact = await this.#load(artifactId)
    const path = artifact.files.find((file) => category.reads(file.path) === 'source')?.path ?? ''
    const row = await this.#database.read
      .selectFrom('artifact_file')
      .innerJoin('file', 'file.id', 'artifact_file.file_id')
      .select(['file.id', 'file.sha256', 'file.size'])
      .where('artifact_id', '=', artifactId)
      .where('path', '=', path)
      .executeTakeFirstOrThrow()
    const files = async (): Promise<AnnouncedFile[]> => announcedFiles(artifact)
    return await this.#inspector.inspectStored(
      { category, path, files },
      { id: row.id, sha256: row.sha256 as Sha256, sizeBytes: row.size },
      scopeId,
    )
  }

  async #sendAgain(target: Target, body: UploadBody, signal?: AbortSignal): Promise<Artifact> {
    const { path, sizeBytes, sha256 } = target.file
    if (body.start !== 0 && body.start !== sizeBytes) throw wrongOffset(path, sizeBytes)
    if (body.start === 0 && !(await this.#isHere(target))) return await this.#restore(target, body, signal)
    const hash = createHash('sha256')
    let received = body.start
    for await (const chunk of body.bytes) {
      signal?.throwIfAborted()
      received += chunk.length
      if (received > sizeBytes) throw new AshlarError('too-large', `${path} was announced with ${sizeBytes} bytes.`)
      hash.update(chunk)
    }
    if (body.start === 0 && hash.digest('hex') !== sha256) {
      throw otherBytes(path)
    }
    return await this.#load(target.artifactId)
  }

  async #isHere({ file, fileId, scopeId }: Target): Promise<boolean> {
    return fileId === null || (await this.#storage.isHere({ id: fileId, ...file }, scopeId))
  }

  /** Keeps the bytes of a file that was proven, and whose copies were all lost since. */
  async #restore({ artifactId, file, scopeId }: Target, body: UploadBody, signal?: AbortSignal): Promise<Artifact> {
    const writer = await this.#storage.spool.create()
    try {
      await writer.append(body.bytes, { limitBytes: file.sizeBytes, ...(signal === undefined ? {} : { signal }) })
      const spooled = await writer.finish()
      if (spooled.sha256 !== file.sha256) throw otherBytes(file.path)
      await this.#storage.keep(spooled, scopeId, signal)
    } catch (error) {
      // What cannot be tidied up now is left to the sweep; the first error is the one to tell.
      await writer.discard().catch(() => {})
      throw error
    }
    return await this.#load(artifactId)
  }

  async #isProven({ artifactId, file }: Target): Promise<boolean> {
    const row = await this.#database.read
      .selectFrom('artifact_file')
      .select('file_id')
      .where('artifact_id', '=', artifactId)
      .where('path', '=', file.path)
      .executeTakeFirst()
      .catch(() => undefined)
    return row !== undefined && row.file_id !== null
  }

  async #load(artifactId: number): Promise<Artifact> {
    const artifact = (await loadArtifacts(this.#database.read, [artifactId])).get(artifactId)
    if (artifact === undefined) throw new AshlarError('not-found', `There is no artifact ${artifactId} any more.`)
    return await this.withOffsets(artifact)
  }
}

export function announcedFiles(artifact: Artifact): AnnouncedFile[] {
  return artifact.files.map(({ path, size, sha256 }) => ({ path, sizeBytes: size, sha256 }))
}

function otherBytes(path: string): AshlarError {
  return new AshlarError('digest-mismatch', `${path} is complete, and what came now are other bytes.`)
}

/** Whether sending more cannot make it good: the bytes are wrong or purged, or hold room on a full disk. */
function isFinal(error: unknown): boolean {
  return error instanceof AshlarError && (error.code === 'storage-full' || [410, 413, 422].includes(error.entry.status))
}
