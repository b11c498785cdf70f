/**
 * The room `incoming/`: uploads as Debian makes them. A .changes names files; all of them are published, or none is.
 *
 * Words: files *wait* in the incoming area of a suite until their .changes comes; it is *judged* item by item; the
 * *verdict* is accepted or refused, and kept. A *keyring* is a set of public keys that a workspace trusts, and a suite
 * says which keyrings count for it.
 *
 * An upload goes: waiting-files.ts (room for it, bytes, waiting) -> judge.ts (signature, suite, files, packages) ->
 * decide.ts (the verdict is recorded) -> accept.ts (artifacts, the change, done). From the record on nothing can stay
 * half done: whoever finds an upload that is being accepted goes on with it. What does not live here: HTTP (server/),
 * what a change does to a suite (archive/), what packages hold (artifact/).
 */
import { readFile } from 'node:fs/promises'
import type { Workspace } from '../access/access.ts'
import { archiveOf } from '../archive/archive-table.ts'
import type { Archives } from '../archive/archives.ts'
import { type Suite, Suites, suitesAt } from '../archive/suite-table.ts'
import type { Artifacts } from '../artifact/artifacts.ts'
import { AshlarError } from '../common/errors.ts'
import { type Faults, noFaults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { isFileName } from '../debian/names.ts'
import type { SpooledFile, Storage, StoredFile } from '../storage/storage.ts'
import { Acceptance } from './accept.ts'
import { Decisions } from './decide.ts'
import { Findings } from './finding.ts'
import { judgeSignature } from './judge-signature.ts'
import { judge } from './judge.ts'
import { Keyrings } from './keyrings.ts'
import { filesOfArtifact, type FoundFile, poolOf, type Submission } from './submission.ts'
import type { SentFile, Target } from './target.ts'
import {
  earlierVerdict,
  type ReceivedUpload,
  type UploadFilter,
  uploadById,
  uploads,
  uploadsOfChanges,
} from './upload-rows.ts'
import { defaultLimits, type IncomingLimits, type WaitingFile, WaitingFiles } from './waiting-files.ts'

export type { IncomingLimits, WaitingFile } from './waiting-files.ts'
export type { KeyringInfo, TrustedKey } from './keyrings.ts'
export type { SentFile, Target } from './target.ts'
export type { Finding } from './finding.ts'
export type { ReceivedUpload, UploadFilter } from './upload-rows.ts'

export interface IncomingOptions {
  readonly database: Database
  readonly storage: Storage
  readonly artifacts: Artifacts
  readonly archives: Archives
  readonly faults?: Faults
  readonly limits?: IncomingLimits
  readonly onError?: (error: unknown) => void
}

type Sent = Pick<Submission, 'name' | 'changes' | 'changesWaitingId' | 'artifactId' | 'find'>

const decideAttempts = 3
const maximumChangesBytes = { known: 16 * 2 ** 20, unknown: 2 ** 20 }
/** How often uploads that a process left while they were being accepted are looked for, and how old they are then. */
const upkeepMs = 60_000

export class Incoming implements AsyncDisposable {
  readonly keyrings: Keyrings
  readonly #options: IncomingOptions
  readonly #database: Database
  readonly #limits: IncomingLimits
  readonly #waiting: WaitingFiles
  readonly #decisions: Decisions
  readonly #acceptance: Acceptance
  readonly #upkeep: NodeJS.Timeout
  #resuming: Promise<void> = Promise.resolve()

  constructor(options: IncomingOptions) {
    const { database, storage, faults = noFaults } = options
    this.#options = options
    this.#database = database
    this.keyrings = new Keyrings(database)
    this.#limits = options.limits ?? defaultLimits
    this.#waiting = new WaitingFiles({ database, storage, faults, limits: this.#limits })
    this.#decisions = new Decisions(database, faults, this.#limits.refused)
    this.#acceptance = new Acceptance({ ...options, faults })
    this.#upkeep = setInterval(() => void this.resume(upkeepMs), upkeepMs).unref()
  }

  /** Goes on with uploads that were being accepted when their process ended. Failures are told and tried again later. */
  async resume(olderThanMs: number): Promise<void> {
    await this.#resuming
    this.#resuming = this.#resume(olderThanMs)
    await this.#resuming
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#upkeep)
    await this.#resuming
  }

  /** @throws AshlarError suite-unknown */
  async suite(workspace: Workspace, name: string): Promise<Suite> {
    const found = (await this.#suites(workspace)).find(name)
    if (found === undefined) {
      throw new AshlarError('suite-unknown', `There is no suite '${name}' in ${workspace.scope}/${workspace.name}.`)
    }
    return found
  }

  /** Refuses packages that come into a suite past its signatures. @throws AshlarError signed-upload-required */
  async requireUnsigned(workspace: Workspace, suiteName: string): Promise<void> {
    // One that is not there yet may be made by the change itself.
    const suite = (await this.#suites(workspace)).find(suiteName)
    if (suite?.settings.signedUploads !== true) return
    throw new AshlarError('signed-upload-required', `The suite '${suite.name}' takes packages only by signed uploads.`)
  }

  /**
   * Takes one file of an upload. With the .changes, which comes last, the upload is decided.
   * @returns the verdict for a .changes, else undefined: the file waits now
   * @throws AshlarError request-invalid, too-large, incoming-full, storage-full, storage-failed …
   */
  async receive(target: Target, sent: SentFile): Promise<ReceivedUpload | undefined> {
    const { name, sizeBytes } = sent
    if (!isFileName(name)) {
      throw new AshlarError('request-invalid', `${JSON.stringify(name)} is not the name of a file of an upload.`)
    }
    const isChanges = name.endsWith('.changes')
    const most = target.userId === null ? maximumChangesBytes.unknown : maximumChangesBytes.known
    if (isChanges && sizeBytes > most) throw new AshlarError('too-large', `${name} has more than ${most} bytes.`)
    const isStrange = isChanges && target.userId === null
    const waiting = isStrange
      ? await this.#waiting.take(target, sent, (spooled) => this.#refuseFlood(target, name, spooled))
      : await this.#waiting.take(target, sent)
    if (!isChanges) return undefined
    return await this.#decide(target, {
      name,
      changes: waiting.file,
      changesWaitingId: waiting.waitingId,
      artifactId: undefined,
      find: (wanted) => this.#waiting.named(target.suite.id, wanted),
    })
  }

  /**
   * Decides an upload whose files are a complete debian:upload of the workspace.
   * @throws AshlarError not-found, category-invalid, artifact-incomplete
   */
  async submit(target: Target, artifactId: number): Promise<ReceivedUpload> {
    const artifact = await this.#options.artifacts.get(target.workspace, artifactId)
    const changes = artifact.files.find((file) => file.path.endsWith('.changes'))
    if (artifact.category !== 'debian:upload' || changes === undefined) {
      throw new AshlarError('category-invalid', `The artifact ${artifactId} is no upload: it has no .changes.`)
    }
    if (!artifact.complete) throw new AshlarError('artifact-incomplete', `The artifact ${artifactId} lacks files.`)
    const files = await filesOfArtifact(this.#database, artifactId)
    const file = files.get(changes.path)
    if (file === undefined) throw new AshlarError('artifact-incomplete', `${changes.path} is not there.`)
    const find = async (name: string): Promise<FoundFile[]> => {
      const found = files.get(name)
      return found === undefined ? [] : [{ file: found }]
    }
    return await this.#decide(target, {
      name: changes.path,
      changes: file,
      changesWaitingId: undefined,
      artifactId,
      find,
    })
  }

  /** The newest first. */
  async uploads(workspace: Workspace, filter: UploadFilter): Promise<ReceivedUpload[]> {
    return uploads(this.#database.read, workspace.id, filter)
  }

  /** @throws AshlarError not-found */
  async upload(workspace: Workspace, id: number): Promise<ReceivedUpload> {
    return uploadById(this.#database.read, workspace.id, id)
  }

  /** Which of these changes came with an upload, and who signed that. */
  async uploadsOfChanges(changes: readonly number[]): ReturnType<typeof uploadsOfChanges> {
    return uploadsOfChanges(this.#database.read, changes)
  }

  /** Files that wait for their .changes. */
  async waiting(workspace: Workspace): Promise<WaitingFile[]> {
    return this.#waiting.list(workspace.id)
  }

  async #resume(olderThanMs: number): Promise<void> {
    try {
      for (const upload of await this.#acceptance.unfinished(olderThanMs)) await this.#acceptance.finish(upload)
    } catch (error) {
      this.#options.onError?.(error)
    }
  }

  async #decide(target: Target, sent: Sent): Promise<ReceivedUpload> {
    const { workspace } = target
    const suites = await this.#suites(workspace)
    const bytes = await this.#read(sent.changes, workspace)
    const submission: Submission = { ...target, ...sent, bytes, pool: poolOf(this.#options, workspace, suites) }
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#decideNow(submission)
      } catch (error) {
        // Another request has decided about the same files meanwhile: what it decided may be the answer.
        if (attempt === decideAttempts || !(error instanceof AshlarError) || error.code !== 'busy') throw error
      }
    }
  }

  async #decideNow(submission: Submission): Promise<ReceivedUpload> {
    const { workspace } = submission
    const earlier = await earlierVerdict(this.#database, submission)
    if (earlier !== undefined) return await this.#again(submission, earlier)
    const { database, artifacts } = this.#options
    const trusted = await this.keyrings.trusted(workspace.id, submission.suite.settings.keyrings)
    const judgement = await judge({ database, artifacts, trusted, now: new Date() }, submission)
    const decided = await this.#decisions.record(submission, judgement)
    // The same .changes came twice at once, and the other was first.
    if (decided.kind === 'again') return await this.#again(submission, decided.upload)
    if (decided.upload.state !== 'accepting') return decided.upload
    return await this.#acceptance.finish(decided.upload)
  }

  /** What was decided once is not decided again, and what was begun is finished. */
  async #again(submission: Submission, upload: ReceivedUpload): Promise<ReceivedUpload> {
    await this.#decisions.forget(submission)
    return upload.state === 'accepting' ? await this.#acceptance.finish(upload) : upload
  }

  async #suites(workspace: Workspace): Promise<Suites> {
    const archive = await archiveOf(this.#database.read, workspace.id)
    return archive === undefined ? new Suites([]) : await suitesAt(this.#database.read, archive.id, archive.head)
  }

  /**
   * What strangers have sent that was refused is kept for a while, but only so much of it a day; beyond that they get the
   * answer and nothing is kept.
   * @throws AshlarError upload-refused
   */
  async #refuseFlood(target: Target, name: string, spooled: SpooledFile): Promise<void> {
    const { suite, workspace, userId } = target
    const trusted = await this.keyrings.trusted(workspace.id, suite.settings.keyrings)
    const findings = new Findings()
    const bytes = await readFile(spooled.path)
    const { signer, text } = await judgeSignature(
      { trusted, now: new Date() },
      { suite, userId, bytes, name },
      findings,
    )
    const isNews = signer !== null && text !== undefined && !(await this.#decisions.isUsed(workspace.id, text))
    if (isNews || (await this.#decisions.refusedOfStrangers(suite.id)) < this.#limits.refused) return
    const fault = findings.all.find((finding) => !finding.good)
    throw new AshlarError('upload-refused', `Refused ${name}: ${fault?.text ?? 'it was accepted before.'}`)
  }

  async #read(file: StoredFile, workspace: Workspace): Promise<Buffer> {
    if (file.sizeBytes > maximumChangesBytes.known) {
      throw new AshlarError('too-large', `The .changes has more than ${maximumChangesBytes.known} bytes.`)
    }
    const opened = await this.#options.storage.open(file, workspace.scopeId)
    return Buffer.concat(await Array.fromAsync(opened.stream as AsyncIterable<Buffer>))
  }
}
