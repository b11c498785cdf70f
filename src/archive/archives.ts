/**
 * Archives: suites, revisions, snapshots, and what APT clients fetch.
 *
 * Words: an *archive* is the set of suites of a workspace, which share one pool; a *change* is what one request asks
 * for; waiting changes are *sealed* together into a *revision*, a signed state that never changes; an index is a *map*
 * from keys to text, stored as *chunks*, and the chunks of one seal lie together in a *pack*; an *issue* is a Release
 * with its date and signatures. What does not live here: HTTP (server/), files (storage/), who may ask (access/).
 *
 * A change goes record-change.ts -> sealer.ts -> seal.ts (seal-plan.ts, index-map.ts, index-builder.ts,
 * sign-release.ts, commit-seal.ts); a download goes served.ts -> assembly.ts. Folders hold what is a matter of its own:
 * plan/ (what a change does to a suite), choice/ (which packages a copy or removal means), contents/ and pdiffs/ (those
 * indexes), installability/ (what can be installed, and the gate), folder/ (following a directory), sweep/ (what expired
 * history leaves), rebuild/ (lost packs).
 */
import type { Workspace } from '../access/access.ts'
import { AshlarError } from '../common/errors.ts'
import { type Faults, noFaults } from '../common/faults.ts'
import type { Database } from '../database/database.ts'
import { breakLeases } from '../database/lease.ts'
import type { Micros } from '../database/schema.ts'
import { binaryPublicKeys } from '../debian/openpgp.ts'
import type { ByteRange } from '../storage/file-store.ts'
import { storageError } from '../storage/storage-error.ts'
import type { Storage } from '../storage/storage.ts'
import { type Archive, archiveOf, ensureArchive } from './archive-table.ts'
import { type Piece, readPieces } from './assembly.ts'
import {
  type ChangeRequest,
  type MirrorRequest,
  type CopiedFrom,
  type PackagePlacement,
  type SealedBatch,
  type SealedChange,
  type StepRequest,
  STEPS_PER_BATCH,
} from './change-request.ts'
import { changeOfKey, changeStatus, type ChangeStatus, requestOfKey } from './change-status.ts'
import { checkSuite, type SuiteCheck } from './installability/check-suite.ts'
import { ChunkTable } from './chunk-table.ts'
import { ContentsMaker } from './contents/contents-drafts.ts'
import { bringClaimed, claimedFiles } from './claimed-files.ts'
import type { SuiteView } from './choice/chosen-items.ts'
import { chooseForeign, requireRoomFor } from './choice/foreign-choice.ts'
import { IndexBuilder } from './index-builder.ts'
import { PatchBuilder } from './pdiffs/patch-builder.ts'
import { InstallabilityChecker } from './installability/installability-checker.ts'
import { InstallabilityGate } from './installability/installability-gate.ts'
import { type LastCheck, LastChecks, toldOfLastCheck } from './installability/last-checks.ts'
import { type At, momentName } from './moment.ts'
import { type Preview, previewSteps } from './preview.ts'
import { type RebuiltPack, rebuildPacks } from './rebuild/rebuild-packs.ts'
import { purgedPackages } from './purged-packages.ts'
import type { NewItem } from './new-items.ts'
import { ABANDONED_AFTER_MS, giveUpAbandoned, recordChange, recordFound } from './record-change.ts'
import { Sealer } from './sealer.ts'
import { type Served, ServedPaths } from './served.ts'
import { SigningKeys } from './signing-keys.ts'
import { renderSources } from './sources-snippet.ts'
import { diffSuites, type SuiteDiff } from './suite-diff.ts'
import { type HistoryEntry, sealedBatch, sealedChange, suiteHistory } from './suite-history.ts'
import { describeSuite, type SuiteInfo } from './suite-info.ts'
import { listPackages, type PackagesPage, type PackagesWish } from './suite-packages.ts'
import { headItems, itemsAt } from './suite-items.ts'
import { type Suite, suitesAt } from './suite-table.ts'
import { requireArchive, stateAt, stateOf, type SuiteRef, whileRetained } from './archive-state.ts'

export type {
  ChangeRequest,
  MirrorRequest,
  CopiedFrom,
  PackageLine,
  PackagePlacement,
  PackageSelector,
  SealedBatch,
  SealedChange,
  StepRequest,
  TakenIndex,
} from './change-request.ts'
export type { NewItem } from './new-items.ts'
export type { At } from './moment.ts'
export type { ChangeStatus } from './change-status.ts'
export type { SuiteRef } from './archive-state.ts'
export type { Piece } from './assembly.ts'
export type { Preview, PreviewedStep } from './preview.ts'
export type { RebuiltPack } from './rebuild/rebuild-packs.ts'
export type { Cache, LastModified, Served } from './served.ts'
export type { SuiteSettings, SuiteSettingsInput } from './settings.ts'
export type { PackageChange, SuiteDiff } from './suite-diff.ts'
export type { HistoryChange, HistoryEntry } from './suite-history.ts'
export type { SuiteInfo } from './suite-info.ts'
export type { ArchitectureCheck, SuiteCheck } from './installability/check-suite.ts'
export type { UninstallablePackage } from './installability/installability-worker.ts'
export type { PackagesWish, SuitePackage } from './suite-packages.ts'

export interface ArchivesOptions {
  readonly database: Database
  readonly storage: Storage
  /** The address of the server for its clients, without a slash at the end; asked when it is needed. */
  readonly publicUrl: () => string
  readonly faults?: Faults
  /** After what time the work of a process that died is taken over. */
  readonly leaseTtlMs?: number
  /** No other process works on this database: what one before left undone is taken over at once. */
  readonly soleProcess?: boolean
  readonly onError?: (error: unknown) => void
}

export interface SubmitOptions {
  readonly userId: number | null
  readonly idempotencyKey?: string
  readonly signal?: AbortSignal
}

/** What an update of a mirror found, and what it asks for once all of it is written. */
export interface FoundUpstream {
  readonly initial: MirrorRequest
  readonly items: AsyncIterable<NewItem[]>
  readonly request: () => MirrorRequest
}

export interface SnapshotName {
  readonly revision: number
  readonly sealedAt: Micros
  /** `20261123T080127Z` */
  readonly moment: string
}

const defaultLeaseTtlMs = 10_000
/** How often Releases near their Valid-Until, and changes that a process left undone, are looked for. */
const UPKEEP_INTERVAL_MS = 10 * 60_000

export async function openArchives(options: ArchivesOptions): Promise<Archives> {
  const archives = new Archives(options)
  if (options.soleProcess === true) await breakLeases(options.database)
  await archives.resume(options.soleProcess === true ? 0 : ABANDONED_AFTER_MS)
  return archives
}

export class Archives implements AsyncDisposable {
  readonly #database: Database
  readonly #storage: Storage
  readonly #faults: Faults
  readonly #publicUrl: () => string
  readonly #chunks: ChunkTable
  readonly #indexes: IndexBuilder
  readonly #contents: ContentsMaker
  readonly #patches: PatchBuilder
  readonly #installability: InstallabilityChecker
  readonly #lastChecks = new LastChecks()
  readonly #gate: InstallabilityGate
  readonly #keys: SigningKeys
  readonly #sealer: Sealer
  readonly #served: ServedPaths
  readonly #upkeep: NodeJS.Timeout

  constructor(options: ArchivesOptions) {
    const { database, storage } = options
    const faults = likeDiskErrors(options.faults ?? noFaults)
    const onError = options.onError ?? (() => {})
    this.#database = database
    this.#storage = storage
    this.#faults = faults
    this.#publicUrl = options.publicUrl
    this.#chunks = new ChunkTable(database)
    this.#indexes = new IndexBuilder(storage, this.#chunks, faults)
    this.#contents = new ContentsMaker(storage)
    this.#patches = new PatchBuilder(storage, this.#chunks)
    this.#installability = new InstallabilityChecker(database)
    this.#gate = new InstallabilityGate(database, this.#installability)
    this.#keys = new SigningKeys(database)
    this.#sealer = new Sealer(
      {
        database,
        faults,
        chunks: this.#chunks,
        indexes: this.#indexes,
        contents: this.#contents,
        patches: this.#patches,
        gate: this.#gate,
        keys: this.#keys,
        urlOf: (archiveId) => this.#urlOf(archiveId),
      },
      { leaseTtlMs: options.leaseTtlMs ?? defaultLeaseTtlMs, onError },
    )
    this.#served = new ServedPaths({ database, chunks: this.#chunks, keys: this.#keys, publicUrl: this.#publicUrl })
    this.#upkeep = setInterval(() => void this.#keepUp(onError), UPKEEP_INTERVAL_MS).unref()
  }

  /** Seals what another process recorded and left, and gives up what it left half-written for so long. */
  async resume(abandonedAfterMs: number): Promise<void> {
    const rows = await this.#database.read
      .selectFrom('change')
      .select('archive_id')
      .distinct()
      .where('state', 'in', ['preparing', 'pending'])
      .execute()
    for (const { archive_id: archiveId } of rows) {
      await giveUpAbandoned(this.#database, archiveId, abandonedAfterMs)
      this.#sealer.resume(archiveId)
    }
  }

  /**
   * Issues live Releases again where the address has changed or the Valid-Until comes near.
   * @param onError told of each archive where that fails; the others do not wait for it
   */
  async reissue(onError: (error: unknown) => void): Promise<void> {
    const rows = await this.#database.read.selectFrom('archive').select('id').where('head', '>', 0).execute()
    for (const { id } of rows) await this.#sealer.reissue(id).catch(onError)
  }

  async #keepUp(onError: (error: unknown) => void): Promise<void> {
    await this.resume(ABANDONED_AFTER_MS).catch(onError)
    await this.reissue(onError).catch(onError)
  }

  /** Waits for the seals under way; recorded changes that wait are sealed at the next start. */
  async close(): Promise<void> {
    clearInterval(this.#upkeep)
    await this.#sealer.close()
    await this.#indexes[Symbol.asyncDispose]()
    await this.#contents[Symbol.asyncDispose]()
    await this.#patches[Symbol.asyncDispose]()
    await this.#installability[Symbol.asyncDispose]()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * Records a change and waits until it is sealed: what it answers is installable, and survives a power cut.
   * @throws AshlarError the refusal; busy if it takes too long, and then the change is still sealed later
   */
  async submit(workspace: Workspace, request: StepRequest, options: SubmitOptions): Promise<SealedChange> {
    return sealedChange(this.#database.read, await this.#seal(workspace, request, options))
  }

  /**
   * Records several steps over any suites and waits until they are sealed, in one revision.
   * @throws AshlarError why one of the steps cannot be, with its number from 1 as `step`; then nothing of any has
   *   happened; busy as for a single change
   */
  async submitBatch(workspace: Workspace, steps: readonly StepRequest[], options: SubmitOptions): Promise<SealedBatch> {
    requireSteps(steps)
    return sealedBatch(this.#database.read, await this.#seal(workspace, { kind: 'batch', steps }, options))
  }

  /**
   * What a batch would do now; nothing of it is done.
   * @throws AshlarError why one of the steps cannot be, as `submitBatch` does
   */
  async preview(
    workspace: Workspace,
    steps: readonly StepRequest[],
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Preview> {
    requireSteps(steps)
    const archive = await this.#archiveFor(workspace, steps)
    return previewSteps(
      { database: this.#database, faults: this.#faults, gate: this.#gate, ...options },
      archive,
      steps,
    )
  }

  /**
   * What a copy from a suite of another workspace would bring into one of this: packages with their places, and what is
   * recorded of where they come from. Nothing is copied, and nothing is asked of who may read there.
   * @throws AshlarError suite-unknown, snapshot-unknown, gone, query-invalid, not-found, component-unknown, suite-frozen
   */
  async chooseFrom(
    other: Workspace,
    ref: SuiteRef,
    choice: CopiedFrom['choice'],
    into: { readonly workspace: Workspace; readonly suite: string; readonly asStep?: boolean },
  ): Promise<{ readonly packages: readonly PackagePlacement[]; readonly from: CopiedFrom }> {
    const target = await this.#viewInto(into)
    const source = await stateOf(this.#database, other.id, ref)
    const { suites, revision } = source
    const view = { suite: suites.get(ref.suite), suites, items: itemsAt(this.#database.read, revision) }
    const { placements, unmet } = await whileRetained(this.#database, source, () =>
      chooseForeign(this.#database.read, view, target, choice),
    )
    // Said before anything is copied; what a step may do is seen when it has its turn, after those before it.
    if (target !== undefined && into.asStep !== true) requireRoomFor(target.suite, placements)
    const { at, suite } = ref
    const from = {
      workspace: `${other.scope}/${other.name}`,
      suite,
      ...(at === undefined ? {} : { at }),
      revision,
      choice,
      unmet,
    }
    return { packages: placements.map(({ label: _, ...placement }) => placement), from }
  }

  /** Undefined for a suite that an earlier step makes. */
  async #viewInto(into: {
    readonly workspace: Workspace
    readonly suite: string
    readonly asStep?: boolean
  }): Promise<SuiteView | undefined> {
    const archive = await archiveOf(this.#database.read, into.workspace.id)
    const suites = archive === undefined ? undefined : await suitesAt(this.#database.read, archive.id, archive.head)
    const suite = suites?.find(into.suite)
    if (archive !== undefined && suite !== undefined) {
      return { suite, items: itemsAt(this.#database.read, archive.head) }
    }
    if (into.asStep === true) return undefined
    throw new AshlarError('suite-unknown', `There is no suite '${into.suite}' in this workspace.`)
  }

  async #archiveFor(workspace: Workspace, steps: readonly StepRequest[]): Promise<Archive> {
    if (steps.some((step) => step.kind === 'suite-create')) return ensureArchive(this.#database, workspace.id)
    return requireArchive(this.#database.read, workspace.id, steps[0] === undefined ? '' : suiteNamed(steps[0]))
  }

  async #seal(workspace: Workspace, request: ChangeRequest, options: SubmitOptions): Promise<number> {
    const { userId, idempotencyKey, signal } = options
    const archive = await this.#archiveFor(workspace, request.kind === 'batch' ? request.steps : [request])
    const changeId = await recordChange(this.#database, archive, request, {
      userId,
      idempotencyKey,
      signal,
      faults: this.#faults,
      waitFor: (other) => this.#sealer.decided(archive.id, other),
    })
    await this.#sealer.sealed(archive.id, changeId, signal)
    return changeId
  }

  /**
   * The change of that idempotency key.
   * @throws AshlarError not-found
   */
  async changeOfKey(workspace: Workspace, key: string): Promise<ChangeStatus> {
    return changeOfKey(this.#database.read, workspace.id, key)
  }

  /**
   * Seals what an update of a mirror found: its items are written as they are found, and all of them appear at once.
   * @throws AshlarError what `items` throws, or the refusal; then nothing of it is left
   */
  async submitMirrored(workspace: Workspace, found: FoundUpstream, options: SubmitOptions): Promise<SealedChange> {
    const { userId, signal } = options
    const archive = await ensureArchive(this.#database, workspace.id)
    const changeId = await recordFound(this.#database, archive, found, {
      userId,
      signal,
      faults: this.#faults,
      waitFor: (other) => this.#sealer.decided(archive.id, other),
    })
    // Sealing 63,000 packages takes a while, and nobody waits with a connection open.
    for (;;) {
      try {
        await this.#sealer.sealed(archive.id, changeId, signal)
        return await sealedChange(this.#database.read, changeId)
      } catch (error) {
        const isWaiting = error instanceof AshlarError && error.code === 'busy' && !this.#sealer.isClosed
        if (!isWaiting || (await this.change(workspace, changeId)).state === 'refused') throw error
      }
    }
  }

  /** What was asked for under that idempotency key. */
  async requestOfKey(workspace: Workspace, key: string): Promise<ChangeRequest | undefined> {
    return requestOfKey(this.#database.read, workspace.id, key)
  }

  /** @throws AshlarError not-found */
  async change(workspace: Workspace, changeId: number): Promise<ChangeStatus> {
    return changeStatus(this.#database.read, workspace.id, changeId)
  }

  async suites(workspace: Workspace, at?: At): Promise<SuiteInfo[]> {
    const archive = await archiveOf(this.#database.read, workspace.id)
    if (archive === undefined) return []
    const state = await stateAt(this.#database, archive, at)
    return whileRetained(this.#database, state, async () =>
      Promise.all(
        state.suites.all.map((suite) => describeSuite(this.#database.read, archive.id, suite, state.revision)),
      ),
    )
  }

  /** @throws AshlarError suite-unknown, snapshot-unknown, gone */
  async suite(workspace: Workspace, name: string, at?: At): Promise<SuiteInfo> {
    const state = await stateOf(this.#database, workspace.id, { suite: name, at })
    const { archive, revision, suites } = state
    return whileRetained(this.#database, state, () =>
      describeSuite(this.#database.read, archive.id, suites.get(name), revision),
    )
  }

  /** @throws AshlarError suite-unknown, snapshot-unknown, query-invalid, request-invalid */
  async packages(workspace: Workspace, ref: SuiteRef, wish: PackagesWish): Promise<PackagesPage> {
    const { revision, suites } = await stateOf(this.#database, workspace.id, ref)
    return listPackages(this.#database.read, suites.get(ref.suite), ref.at === undefined ? 'head' : revision, wish)
  }

  /**
   * Which packages of a suite can be installed from it, as dose-debcheck decides it, and why others cannot.
   *
   * @param wish.with other suites from which packages may come; `architectures`: those of the suite's packages if absent;
   * `limit`: of how many packages of an architecture the reasons are told
   * @throws AshlarError suite-unknown, snapshot-unknown, gone, busy
   */
  async checkInstallability(
    workspace: Workspace,
    ref: SuiteRef,
    wish: {
      readonly with: readonly string[]
      readonly architectures?: readonly string[] | undefined
      readonly limit: number
    },
  ): Promise<SuiteCheck> {
    const state = await stateOf(this.#database, workspace.id, ref)
    const { revision, suites } = state
    const db = this.#database.read
    const checked = {
      suite: suites.get(ref.suite),
      others: wish.with.map((name) => suites.get(name)),
      revision,
      items: () => (ref.at === undefined ? headItems(db) : itemsAt(db, revision)),
    }
    const check = await whileRetained(this.#database, state, () => checkSuite(db, this.#installability, checked, wish))
    if (ref.at === undefined && wish.architectures === undefined && wish.limit >= toldOfLastCheck) {
      const checkedAt = await this.#database.now()
      this.#lastChecks.put(idsOf(checked), { revision, checkedAt, check })
    }
    return check
  }

  /**
   * The last check of a suite as it was then, as far as this process remembers one, and whether it still is so. Costs
   * nothing, unlike a check.
   * @throws AshlarError suite-unknown
   */
  async lastCheck(
    workspace: Workspace,
    suite: string,
    others: readonly string[],
  ): Promise<(LastCheck & { readonly isCurrent: boolean }) | undefined> {
    const { suites } = await stateOf(this.#database, workspace.id, { suite })
    const ids = idsOf({ suite: suites.get(suite), others: others.map((name) => suites.get(name)) })
    const last = this.#lastChecks.get(ids)
    if (last === undefined) return undefined
    const changed = await this.#database.read
      .selectFrom('release_issue')
      .select('revision')
      .where('suite_id', 'in', ids)
      .where('revision', '>', last.revision)
      .limit(1)
      .executeTakeFirst()
    return { ...last, isCurrent: changed === undefined }
  }

  /** The revisions that changed a suite, newest first. */
  async history(
    workspace: Workspace,
    suite: string,
    page: { readonly before?: number; readonly limit: number },
  ): Promise<HistoryEntry[]> {
    const { archive, suites } = await stateOf(this.#database, workspace.id, { suite })
    return suiteHistory(this.#database.read, archive.id, suites.get(suite), page)
  }

  /** The newest revisions of the archive. */
  async snapshots(workspace: Workspace, limit: number): Promise<SnapshotName[]> {
    const rows = await this.#database.read
      .selectFrom('revision')
      .innerJoin('archive', 'archive.id', 'revision.archive_id')
      .select(['revision.number', 'revision.sealed_at'])
      .where('archive.workspace_id', '=', workspace.id)
      .where('revision.state', '=', 'sealed')
      .orderBy('revision.number', 'desc')
      .limit(limit)
      .execute()
    return rows.map((row) => ({ revision: row.number, sealedAt: row.sealed_at, moment: momentName(row.sealed_at) }))
  }

  async diff(workspace: Workspace, from: SuiteRef, to: SuiteRef): Promise<SuiteDiff> {
    const [before, after] = [
      await stateOf(this.#database, workspace.id, from),
      await stateOf(this.#database, workspace.id, to),
    ]
    const [older, newer] = [before.suites.get(from.suite), after.suites.get(to.suite)]
    return whileRetained(this.#database, before, () =>
      whileRetained(this.#database, after, () =>
        diffSuites(
          { db: this.#database.read, storage: this.#storage, chunks: this.#chunks },
          { suiteId: older.id, revision: before.revision },
          { suiteId: newer.id, revision: after.revision },
        ),
      ),
    )
  }

  /** Those of the packages of which a file was purged, so that no suite takes them. */
  async purged(packageIds: readonly number[]): Promise<ReadonlySet<number>> {
    return new Set((await purgedPackages(this.#database.read, packageIds)).keys())
  }

  /** The deb822 source of a suite, or of its snapshot. */
  async sources(workspace: Workspace, ref: SuiteRef): Promise<string> {
    const state = await stateOf(this.#database, workspace.id, ref)
    const { archive, revision, suites } = state
    const suite = suites.get(ref.suite)
    const info = await whileRetained(this.#database, state, () =>
      describeSuite(this.#database.read, archive.id, suite, revision),
    )
    const keys = await this.#keys.publicKeys(archive.id)
    const url = urlOf(this.#publicUrl(), workspace)
    return renderSources({
      url: ref.at === undefined ? url : `${url}/snapshot/r${revision}`,
      suite: ref.suite,
      components: info.components.filter((component) => !component.endsWith('/debug')),
      hasSources: info.sources > 0,
      publicKeys: keys.map((key) => key.armored),
    })
  }

  /** Undefined before the first suite. */
  async publicKey(
    workspace: Workspace,
  ): Promise<
    { readonly armored: string; readonly binary: Uint8Array; readonly fingerprints: readonly string[] } | undefined
  > {
    const archive = await archiveOf(this.#database.read, workspace.id)
    const keys = archive === undefined ? [] : await this.#keys.publicKeys(archive.id)
    if (keys.length === 0) return undefined
    const armored = keys.map((key) => key.armored)
    return {
      armored: armored.join(''),
      binary: await binaryPublicKeys(armored),
      fingerprints: keys.map((key) => key.fingerprint),
    }
  }

  /**
   * What lies below the archive's address: `path` is what follows it, decoded.
   * @throws AshlarError not-found, snapshot-unknown, gone
   */
  async resolve(workspace: Workspace, path: string): Promise<Served> {
    return this.#served.resolve(workspace, path)
  }

  /**
   * Makes sure that the archive has had the bytes of a file that only a mirror's index tells of: they are fetched from its
   * upstream, whoever else has them here.
   * @returns whether they came now; the index may have told a wrong size, so the path is to be resolved again
   * @throws AshlarError gone, upstream-failed, storage-full, storage-failed
   */
  async bring(served: Extract<Served, { kind: 'file' }>, scopeId: number): Promise<boolean> {
    if (served.claimedIn === undefined) return false
    return await bringClaimed(
      { database: this.#database, storage: this.#storage },
      served.claimedIn,
      served.file,
      scopeId,
    )
  }

  /** As `bring`, for all files of packages that the archive of a workspace has. @throws as `bring` */
  async bringPackages(workspace: Workspace, packageIds: readonly number[], signal: AbortSignal): Promise<void> {
    const archive = await archiveOf(this.#database.read, workspace.id)
    if (archive === undefined) return
    const parts = { database: this.#database, storage: this.#storage }
    for await (const files of claimedFiles(this.#database.read, archive.id, packageIds)) {
      signal.throwIfAborted()
      await Promise.all(files.map(async (file) => bringClaimed(parts, archive.id, file, workspace.scopeId)))
    }
  }

  /** The bytes of an assembled index, or a range of them. */
  readPieces(pieces: readonly Piece[], range?: ByteRange): AsyncIterable<Uint8Array> {
    return readPieces(this.#storage, pieces, range)
  }

  /**
   * Makes packs whose bytes are lost again, from what the suites hold and held; each snapshot has the same members and
   * texts as before. One outcome for each pack.
   * @throws AshlarError busy if an archive is being sealed without a pause; storage-full, storage-failed
   */
  rebuildPacks(packFileIds: readonly number[], signal: AbortSignal): AsyncIterable<RebuiltPack> {
    const context = {
      database: this.#database,
      chunks: this.#chunks,
      indexes: this.#indexes,
      contents: this.#contents,
      keys: this.#keys,
    }
    return rebuildPacks(context, packFileIds, signal)
  }

  async #urlOf(archiveId: number): Promise<string> {
    const row = await this.#database.read
      .selectFrom('archive')
      .innerJoin('workspace', 'workspace.id', 'archive.workspace_id')
      .innerJoin('scope', 'scope.id', 'workspace.scope_id')
      .select(['scope.name as scope', 'workspace.name'])
      .where('archive.id', '=', archiveId)
      .executeTakeFirstOrThrow()
    return urlOf(this.#publicUrl(), row)
  }
}

/** What fails at a fault point reads as it would from the disk. */
function likeDiskErrors(faults: Faults): Faults {
  return {
    async reach(point) {
      try {
        await faults.reach(point)
      } catch (error) {
        throw storageError(error, 'publishing a change')
      }
    },
  }
}

function urlOf(publicUrl: string, workspace: { readonly scope: string; readonly name: string }): string {
  return `${publicUrl.replace(/\/$/, '')}/apt/${workspace.scope}/${workspace.name}`
}

function requireSteps(steps: readonly StepRequest[]): void {
  if (steps.length > 0 && steps.length <= STEPS_PER_BATCH) return
  throw new AshlarError('request-invalid', `A batch has 1 to ${STEPS_PER_BATCH} steps, not ${steps.length}.`)
}

function suiteNamed(request: StepRequest): string {
  return request.suite ?? ('name' in request ? request.name : '')
}

/** The suite that is checked first, then those that help it. */
function idsOf({ suite, others }: { readonly suite: Suite; readonly others: readonly Suite[] }): number[] {
  return [suite.id, ...others.map(({ id }) => id)]
}
