/**
 * Carries out an upload that is good: artifacts, then the change, then it is done. Every step can be done again, by this
 * process or another, and gives the same: the keys of artifacts and change are made of the upload's number.
 */
import type { Transaction } from 'kysely'
import type { Workspace } from '../access/access.ts'
import type { Archives, SealedChange } from '../archive/archives.ts'
import type { Artifacts } from '../artifact/artifacts.ts'
import type { AshlarError } from '../common/errors.ts'
import type { Faults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import type { Tables } from '../database/schema.ts'
import { storageError } from '../storage/storage-error.ts'
import { keepChanges } from './decide.ts'
import { type Finding, isRefusal } from './finding.ts'
import type { Plan } from './plan.ts'
import { type ReceivedUpload, uploadById } from './upload-rows.ts'

interface Options {
  readonly database: Database
  readonly artifacts: Artifacts
  readonly archives: Archives
  readonly faults: Faults
}

/** What is needed of an upload to carry it out. */
interface Accepting {
  readonly id: number
  readonly workspace: Workspace
  readonly suite: string
  readonly userId: number | null
  readonly findings: readonly Finding[]
  readonly plan: Plan
}

export class Acceptance {
  readonly #options: Options
  readonly #database: Database

  constructor(options: Options) {
    this.#options = options
    this.#database = options.database
  }

  /** Uploads whose process ended while they were being accepted. */
  async unfinished(olderThanMs: number): Promise<Pick<ReceivedUpload, 'id'>[]> {
    const before = (await this.#database.now()) - olderThanMs * 1000
    return await this.#database.read
      .selectFrom('received_upload')
      .select('id')
      .where('plan_json', 'is not', null)
      .where('received_at', '<=', before)
      .orderBy('id')
      .limit(100)
      .execute()
  }

  /**
   * Finishes it, or refuses it after all if the archive does.
   * @throws AshlarError for what may pass (a full disk, a busy archive): the upload stays as it is, to be finished later
   */
  async finish({ id }: Pick<ReceivedUpload, 'id'>): Promise<ReceivedUpload> {
    const accepting = await this.#load(id)
    if (accepting === undefined) return await this.#read(id)
    try {
      await this.#publish(accepting)
    } catch (error) {
      if (!isRefusal(error)) throw error
      await this.#takeBack(accepting, error)
    }
    return await this.#read(id)
  }

  async #publish({ id, workspace, suite, userId, findings, plan }: Accepting): Promise<void> {
    const { artifacts, archives, faults } = this.#options
    const options = { userId, holding: plan.files }
    const wishes = plan.packages.map(({ wish }, index) => ({ ...wish, idempotencyKey: keyOf(id, index) }))
    const packages = await artifacts.create(workspace, wishes, options)
    const artifactId = plan.artifactId ?? (await this.#keepUpload({ id, workspace, plan }, packages, options))
    const refs = await artifacts.packagesOf(
      workspace,
      packages.map((each) => each.id),
    )
    const placements = new Map(packages.map((each, index) => [each.id, plan.packages[index]?.placement]))
    const change = await archives.submit(
      workspace,
      {
        kind: 'add',
        suite,
        packages: refs.map((ref) => ({ packageId: ref.packageId, ...placements.get(ref.artifactId) })),
      },
      { userId, idempotencyKey: `upload-${id}` },
    )
    try {
      await faults.reach('upload.finish')
    } catch (error) {
      throw storageError(error, 'recording an upload')
    }
    const { revision, change: changeId } = change
    const all = [...findings, ...flagsOf(change)]
    await this.#database.write(async (trx) => {
      await trx
        .updateTable('received_upload')
        .set({ state: 'accepted', plan_json: null, artifact_id: artifactId, change_id: changeId, revision })
        .set({ findings_json: JSON.stringify(all), decided_at: await this.#database.now(trx) })
        .where('id', '=', id)
        .where('state', '=', 'accepting')
        .execute()
      await trx.deleteFrom('incoming_file').where('upload_id', '=', id).execute()
    })
  }

  async #keepUpload(
    { id, workspace, plan }: Pick<Accepting, 'id' | 'workspace' | 'plan'>,
    packages: readonly { readonly id: number }[],
    options: { readonly userId: number | null; readonly holding: Plan['files'] },
  ): Promise<number> {
    const wish = {
      category: 'debian:upload',
      files: plan.upload,
      relations: packages.map((each) => ({ type: 'relates-to', target: each.id })),
      idempotencyKey: keyOf(id, 'files'),
    }
    const [artifact] = await this.#options.artifacts.create(workspace, [wish], options)
    if (artifact === undefined) throw new Error(`The files of upload ${id} were not recorded`)
    return artifact.id
  }

  /** The archive refuses what looked good: nothing of it stays but the verdict, and the .changes for a while. */
  async #takeBack({ id, workspace, userId, plan }: Accepting, refusal: AshlarError): Promise<void> {
    const made = await this.#artifactsOf(workspace, id)
    for (const artifact of made) {
      await this.#options.artifacts.delete(workspace, artifact).catch((error: unknown) => {
        // Held by something else, or deleted by another who does the same.
        if (!isRefusal(error)) throw error
      })
    }
    const row = await this.#database.read
      .selectFrom('received_upload')
      .select(['name', 'sha256', 'findings_json'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    const changes = plan.files.find((file) => file.sha256 === row.sha256)
    const finding: Finding = { subject: row.name, good: false, text: refusal.message }
    const findings = [...(JSON.parse(row.findings_json) as Finding[]), finding]
    await this.#database.write(async (trx) => {
      const now = await this.#database.now(trx)
      const refused = await trx
        .updateTable('received_upload')
        .set({ state: 'refused', plan_json: null, findings_json: JSON.stringify(findings), decided_at: now })
        .where('id', '=', id)
        .where('state', '=', 'accepting')
        .returning('id')
        .executeTakeFirst()
      if (refused === undefined) return
      await trx.deleteFrom('signed_text').where('upload_id', '=', id).execute()
      await this.#letWait(trx, id, row.name)
      if (plan.artifactId !== null || changes === undefined) return
      const kept = { workspace, name: row.name, changes, userId }
      const artifactId = await keepChanges(trx, kept, { changes: null }, now)
      await trx.updateTable('received_upload').set({ artifact_id: artifactId }).where('id', '=', id).execute()
    })
  }

  /** The files wait again, for a corrected .changes. */
  async #letWait(trx: Transaction<Tables>, id: number, changesName: string): Promise<void> {
    await trx.deleteFrom('incoming_file').where('upload_id', '=', id).where('name', '=', changesName).execute()
    await trx.updateTable('incoming_file').set({ upload_id: null }).where('upload_id', '=', id).execute()
  }

  /** The newest first: the upload relates to its packages. */
  async #artifactsOf(workspace: Workspace, id: number): Promise<number[]> {
    const rows = await this.#database.read
      .selectFrom('artifact')
      .select('id')
      .where('workspace_id', '=', workspace.id)
      .where('idempotency_key', '>=', keyOf(id, ''))
      .where('idempotency_key', '<', keyOf(id, '~'))
      .orderBy('id', 'desc')
      .execute()
    return rows.map((row) => row.id)
  }

  async #load(id: number): Promise<Accepting | undefined> {
    const row = await this.#database.read
      .selectFrom('received_upload as upload')
      .innerJoin('workspace', 'workspace.id', 'upload.workspace_id')
      .innerJoin('scope', 'scope.id', 'workspace.scope_id')
      .innerJoin('suite', 'suite.id', 'upload.suite_id')
      .select(['upload.plan_json', 'upload.findings_json', 'upload.user_id', 'suite.name as suite'])
      .select(['workspace.id', 'workspace.scope_id', 'workspace.name', 'workspace.public', 'scope.name as scope'])
      .where('upload.id', '=', id)
      .where('upload.state', '=', 'accepting')
      .executeTakeFirst()
    if (row === undefined || row.plan_json === null) return undefined
    const { scope_id: scopeId, scope, name } = row
    return {
      id,
      workspace: { id: row.id, scopeId, scope, name, public: row.public === 1 },
      suite: row.suite,
      userId: row.user_id,
      findings: JSON.parse(row.findings_json) as Finding[],
      plan: JSON.parse(row.plan_json) as Plan,
    }
  }

  async #read(id: number): Promise<ReceivedUpload> {
    const { workspace_id: workspaceId } = await this.#database.read
      .selectFrom('received_upload')
      .select('workspace_id')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    return await uploadById(this.#database.read, workspaceId, id)
  }
}

/** What the suite wants to be told, and takes nevertheless. */
function flagsOf({ uninstallable }: SealedChange): Finding[] {
  return uninstallable.map(({ name, version, architecture, suite, machine }) => {
    const text = `${name} ${version} (${architecture}) cannot be installed from ${suite} on ${machine} any more.`
    return { subject: 'installability', good: true, text }
  })
}

function keyOf(id: number, part: number | string): string {
  return `upload-${id}:${part}`
}
