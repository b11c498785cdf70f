/**
 * Records what was decided about an upload, in one transaction. An upload that is good is *accepting* from then on: its
 * text counts as used, its files are kept for it, and whoever finds it goes on with it.
 */
import type { Transaction } from 'kysely'
import { insertDrafts } from '../artifact/draft.ts'
import { removeArtifacts } from '../artifact/remove.ts'
import { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { lockText } from '../database/row-lock.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { storageError } from '../storage/storage-error.ts'
import type { Finding } from './finding.ts'
import { asksForSignature } from './judge-signature.ts'
import { elsewhereText, isUsedElsewhere, type Judgement, replayText, textDigest } from './judge.ts'
import { isTrustedKey } from './keyrings.ts'
import type { Plan } from './plan.ts'
import type { Submission } from './submission.ts'
import { type ReceivedUpload, uploadById } from './upload-rows.ts'

/** How long the .changes of a refused upload stays. */
const refusedSeconds = 7 * 86_400

/** `again`: the very same .changes was decided meanwhile. */
export type Decided = { readonly kind: 'decided' | 'again'; readonly upload: ReceivedUpload }

export class Decisions {
  readonly #database: Database
  readonly #faults: Faults
  readonly #remembered: number

  /** @param remembered how many refused uploads of those with, and of those without a token a suite remembers */
  constructor(database: Database, faults: Faults, remembered: number) {
    this.#database = database
    this.#faults = faults
    this.#remembered = remembered
  }

  async record(submission: Submission, judgement: Judgement): Promise<Decided> {
    try {
      await this.#faults.reach('upload.record')
    } catch (error) {
      throw storageError(error, 'recording an upload')
    }
    const database = this.#database
    const { kind, id } = await database.write(async (trx) => {
      const now = await database.now(trx)
      const { plan } = judgement
      return plan === undefined
        ? await this.#refuse(trx, submission, judgement, now)
        : await this.#accept(trx, submission, { ...judgement, plan }, now)
    })
    return { kind, upload: await uploadById(database.read, submission.workspace.id, id) }
  }

  /** Whether a signed text was accepted before. */
  async isUsed(workspaceId: number, text: string): Promise<boolean> {
    const found = await this.#database.read
      .selectFrom('signed_text')
      .select('upload_id')
      .where('workspace_id', '=', workspaceId)
      .where('sha256', '=', textDigest(text))
      .executeTakeFirst()
    return found !== undefined
  }

  /** How many uploads of strangers to a suite were refused within a day. */
  async refusedOfStrangers(suiteId: number): Promise<number> {
    const since = (await this.#database.now()) - 86_400 * 1_000_000
    const { refused } = await this.#database.read
      .selectFrom('received_upload')
      .select((eb) => eb.fn.countAll<number>().as('refused'))
      .where('suite_id', '=', suiteId)
      .where('state', '=', 'refused')
      .where('user_id', 'is', null)
      .where('received_at', '>', since)
      .executeTakeFirstOrThrow()
    return refused
  }

  /** The .changes waits no more. */
  async forget({ changesWaitingId }: Submission): Promise<void> {
    if (changesWaitingId === undefined) return
    await this.#database.write((trx) => forgetWaiting(trx, changesWaitingId))
  }

  async #accept(
    trx: Transaction<Tables>,
    submission: Submission,
    judgement: Judgement & { readonly plan: Plan },
    now: Micros,
  ): Promise<{ kind: Decided['kind']; id: number }> {
    const { workspace, changes, suite } = submission
    const { plan, textSha256, signer } = judgement
    const gone = await keyThatWent(trx, submission, signer)
    if (gone !== undefined) {
      const text = `The key ${gone} was taken out of the keyrings of ${suite.name} while the upload was looked at.`
      const findings = [...judgement.findings, { subject: 'signature', good: false, text }]
      return await this.#refuse(trx, submission, { ...judgement, findings }, now)
    }
    if (textSha256 !== null) {
      await lockText(trx, textSha256)
      if (submission.userId === null && (await isUsedElsewhere(trx, workspace.id, textSha256))) {
        const findings = [...judgement.findings, { subject: 'text', good: false, text: elsewhereText }]
        return await this.#refuse(trx, submission, { ...judgement, findings }, now)
      }
    }
    const id = await insertUpload(trx, submission, judgement, now, {
      state: 'accepting',
      plan_json: JSON.stringify(plan),
      artifact_id: plan.artifactId,
      decided_at: null,
    })
    if (textSha256 !== null) {
      const claimed = await trx
        .insertInto('signed_text')
        .values({ workspace_id: workspace.id, sha256: textSha256, upload_id: id })
        .onConflict((conflict) => conflict.columns(['workspace_id', 'sha256']).doNothing())
        .returning('upload_id')
        .executeTakeFirst()
      if (claimed === undefined) {
        await trx.deleteFrom('received_upload').where('id', '=', id).execute()
        const other = await trx
          .selectFrom('signed_text')
          .innerJoin('received_upload', 'received_upload.id', 'signed_text.upload_id')
          .select(['received_upload.id', 'received_upload.sha256', 'received_upload.suite_id'])
          .where('signed_text.workspace_id', '=', workspace.id)
          .where('signed_text.sha256', '=', textSha256)
          .executeTakeFirstOrThrow()
        if (other.sha256 === changes.sha256 && other.suite_id === suite.id) return { kind: 'again', id: other.id }
        const replay: Finding = { subject: 'text', good: false, text: replayText(other.id) }
        const refused = { ...judgement, findings: [...judgement.findings, replay] }
        return await this.#refuse(trx, submission, refused, now)
      }
    }
    await keepFor(trx, id, plan.waitingIds, submission.changesWaitingId)
    return { kind: 'decided', id }
  }

  async #refuse(
    trx: Transaction<Tables>,
    submission: Submission,
    judgement: Judgement,
    now: Micros,
  ): Promise<{ kind: Decided['kind']; id: number }> {
    const id = await insertUpload(trx, submission, judgement, now, {
      state: 'refused',
      plan_json: null,
      artifact_id: submission.artifactId ?? (await keepChanges(trx, submission, judgement, now)),
      decided_at: now,
    })
    if (submission.changesWaitingId !== undefined) await forgetWaiting(trx, submission.changesWaitingId)
    await forgetOldRefusals(trx, submission, this.#remembered)
    return { kind: 'decided', id }
  }
}

/** The fingerprint of the key on which the upload rests, if that does not count any more. */
async function keyThatWent(
  trx: Transaction<Tables>,
  submission: Submission,
  signer: Judgement['signer'],
): Promise<string | undefined> {
  if (signer === null || !asksForSignature(submission)) return undefined
  const { workspace, suite } = submission
  const { fingerprint } = signer
  const isTrusted = await isTrustedKey(trx, workspace.id, suite.settings.keyrings, fingerprint)
  return isTrusted ? undefined : fingerprint
}

interface Outcome {
  readonly state: 'accepting' | 'refused'
  readonly plan_json: string | null
  readonly artifact_id: number | null
  readonly decided_at: Micros | null
}

async function insertUpload(
  trx: Transaction<Tables>,
  { workspace, suite, name, changes, userId }: Submission,
  judgement: Judgement,
  now: Micros,
  outcome: Outcome,
): Promise<number> {
  const row = await trx
    .insertInto('received_upload')
    .values({
      workspace_id: workspace.id,
      suite_id: suite.id,
      name,
      sha256: changes.sha256,
      text_sha256: judgement.textSha256,
      source: judgement.changes?.sourceName ?? null,
      version: judgement.changes?.version ?? null,
      signer: judgement.signer?.fingerprint ?? null,
      signer_name: judgement.signer?.userId ?? null,
      user_id: userId,
      findings_json: JSON.stringify(judgement.findings),
      received_at: now,
      ...outcome,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return row.id
}

/** Of a refused upload the .changes stays for a while, as an artifact. */
export async function keepChanges(
  trx: Transaction<Tables>,
  { workspace, name, changes, userId }: Pick<Submission, 'workspace' | 'name' | 'changes' | 'userId'>,
  judgement: Pick<Judgement, 'changes'>,
  now: Micros,
): Promise<number | null> {
  const read = judgement.changes
  const data =
    read === null
      ? {}
      : {
          source: read.sourceName,
          version: read.version,
          distributions: read.distributions,
          architectures: read.architectures,
        }
  const [id] = await insertDrafts(
    trx,
    [
      {
        workspaceId: workspace.id,
        category: 'debian:upload',
        data,
        userId,
        complete: true,
        idempotencyKey: null,
        expireAfterSeconds: refusedSeconds,
        files: [{ path: name, sizeBytes: changes.sizeBytes, sha256: changes.sha256, fileId: changes.id }],
        relations: [],
      },
    ],
    now,
  )
  return id ?? null
}

/** @param changesId of the .changes, whose row another request with the same bytes may have replaced */
async function keepFor(
  trx: Transaction<Tables>,
  uploadId: number,
  waitingIds: readonly number[],
  changesId: number | undefined,
): Promise<void> {
  const all = [...waitingIds, ...(changesId === undefined ? [] : [changesId])]
  if (all.length === 0) return
  const kept = await trx
    .updateTable('incoming_file')
    .set({ upload_id: uploadId })
    .where('id', 'in', all)
    .where('upload_id', 'is', null)
    .returning('id')
    .execute()
  const found = new Set(kept.map((row) => row.id))
  if (waitingIds.every((id) => found.has(id))) return
  throw new AshlarError('busy', 'Files of this upload went, or another one took them, while it was looked at.')
}

async function forgetWaiting(trx: Transaction<Tables>, id: number): Promise<void> {
  await trx.deleteFrom('incoming_file').where('id', '=', id).where('upload_id', 'is', null).execute()
}

/** Strangers can push out what others of them sent, and nothing else. */
async function forgetOldRefusals(
  trx: Transaction<Tables>,
  { suite, userId }: Submission,
  remembered: number,
): Promise<void> {
  const old = await trx
    .selectFrom('received_upload')
    .leftJoin('artifact', 'artifact.id', 'received_upload.artifact_id')
    .select(['received_upload.id', 'received_upload.artifact_id', 'artifact.expire_after_seconds'])
    .where('suite_id', '=', suite.id)
    .where('state', '=', 'refused')
    .where('user_id', userId === null ? 'is' : 'is not', null)
    .orderBy('received_upload.id', 'desc')
    .offset(remembered)
    .limit(1000)
    .execute()
  if (old.length === 0) return
  await trx
    .deleteFrom('received_upload')
    .where(
      'id',
      'in',
      old.map((row) => row.id),
    )
    .execute()
  // An artifact that its uploader made is the uploader's.
  const ours = old.filter((row) => row.expire_after_seconds === refusedSeconds).flatMap((row) => row.artifact_id ?? [])
  await removeArtifacts(trx, ours)
}
