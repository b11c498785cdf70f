/**
 * One update of a mirror: what upstream has now is compared with what the suite has, and the difference is sealed as one
 * revision. Until that seal nothing of it can be seen; what broke off is taken up again by the next update.
 */
import type { Archives, MirrorRequest, NewItem, TakenIndex } from '../archive/archives.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { readKeyring } from '../debian/keyring.ts'
import type { StoredFile } from '../storage/file-copies.ts'
import type { Storage } from '../storage/storage.ts'
import { claimPackages } from './claim-packages.ts'
import { fetchFiles, type WantedFile } from './fetch-files.ts'
import { fetchIndexes, IndexChanged, type LocalGroup } from './fetch-indexes.ts'
import { fetchRelease, requireUsable, type SignedRelease } from './fetch-release.ts'
import { deadlineOf } from './deadline.ts'
import { type ClaimedPackage, IndexReader } from './index-reader.ts'
import { mostNotices, type Tell } from './mirror-event.ts'
import { type Mirror, saveState } from './mirror-table.ts'
import { settingsFrom } from './release-settings.ts'
import { type KnownItems, knownItems, type SuiteNow, suiteNow } from './suite-items.ts'
import { fetchExtras, keepExtras, type LocalExtras } from './take-extras.ts'
import { UnderWay } from './under-way.ts'
import { UpdateLimits } from './update-limits.ts'
import { groupKey, type UpstreamState } from './upstream-state.ts'
import { type Patience, Upstream } from './upstream.ts'
import type { MirrorSettings } from './mirror-settings.ts'
import { choiceOf, type IndexGroup, wantedIndexes, type WantedIndexes } from './wanted-indexes.ts'

export interface UpdateParts {
  readonly database: Database
  readonly storage: Storage
  readonly archives: Archives
  readonly patience?: Patience | undefined
}

export interface UpdateWish {
  readonly mirror: Mirror
  readonly userId: number | null
  /** Goes over to another codename, if that is what upstream's suite means now. */
  readonly acceptsOtherCodename?: boolean
  readonly tell: Tell
  readonly signal: AbortSignal
}

export interface UpdateOutcome {
  /** The revision that holds the state of upstream. */
  readonly revision: number
  /** Upstream is as it was. */
  readonly unchanged: boolean
  readonly added: number
  readonly removed: number
  /** Entries of indexes that could not be taken. */
  readonly skipped: number
  /** Date of upstream's Release. */
  readonly dateSeconds: number
}

const packagesPerBatch = 1000
/** How often an update begins again because upstream changed while it was read. */
const maxRestarts = 2

/**
 * @throws AshlarError signature-invalid, upstream-failed, upstream-limit, upstream-lacks, control-invalid, package-invalid, suite-setting-invalid,
 *   conflict, storage-full, storage-failed; the reason of the signal
 */
export async function updateMirror(parts: UpdateParts, wish: UpdateWish): Promise<UpdateOutcome> {
  const underWay = new UnderWay()
  using deadline = deadlineOf(wish.mirror, underWay)
  const timed = { ...wish, signal: AbortSignal.any([wish.signal, deadline.signal]) }
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await new Update(parts, timed, underWay).run()
    } catch (error) {
      const isLast = restarts === maxRestarts
      if (error instanceof IndexChanged) {
        if (isLast || !(await error.hasReleaseChanged())) throw error.refusal
        continue
      }
      // The suite changed meanwhile: settings of it, or what an update that was broken off had left to be sealed.
      const isOutdated = error instanceof AshlarError && error.code === 'conflict'
      if (isLast || !isOutdated) throw error
    }
  }
}

class Update {
  readonly #parts: UpdateParts
  readonly #wish: UpdateWish
  readonly #upstream: Upstream
  readonly #underWay: UnderWay
  readonly #limits: UpdateLimits
  #skipped = 0
  #added = 0
  #removed = 0
  #taken: readonly TakenIndex[] | undefined

  constructor(parts: UpdateParts, wish: UpdateWish, underWay: UnderWay) {
    this.#parts = parts
    this.#wish = wish
    this.#underWay = underWay
    const { patience, storage } = parts
    const { signal, mirror } = wish
    this.#limits = new UpdateLimits(mirror)
    this.#upstream = new Upstream({ url: mirror.settings.url, spool: storage.spool, signal, underWay, patience })
  }

  async run(): Promise<UpdateOutcome> {
    const { database } = this.#parts
    const { mirror, tell } = this.#wish
    tell({ kind: 'stage', stage: 'release' })
    const signed = await this.#release()
    const { release, origin } = signed
    const wanted = wantedIndexes(release, mirror.settings, origin)
    const suite = await suiteNow(database, mirror.archiveId, mirror.suite)
    const { state } = mirror
    const isKnown = state !== null && suite.base !== null && state.choice === choiceOf(mirror.settings)
    if (isKnown && state.release === signed.digest) return await this.#asBefore(state, signed)
    const changed = withWhole(
      mirror.settings,
      wanted.groups,
      wanted.groups.filter((group) => !isKnown || state.groups[groupKey(group)] !== group.identity),
    )
    this.#limits.addIndexes(changed.flatMap((group) => group.indexes))
    this.#limits.addIndexes(wanted.extras.map((extra) => extra.stored))
    tell({ kind: 'stage', stage: 'indexes' })
    const fetching = {
      tell,
      hasByHash: release.acquireByHash,
      hasReleaseChanged: async () => (await this.#release()).digest !== signed.digest,
    }
    await using local = await fetchIndexes(this.#upstream, mirror.settings.upstreamSuite, changed, fetching)
    const wish = { mirror, suite, extras: wanted.extras, fetching }
    await using extras = await fetchExtras(this.#parts, this.#upstream, wish)
    return await this.#takeOver(signed, wanted, suite, { groups: local.groups, extras })
  }

  async #release(): Promise<SignedRelease> {
    const { mirror, acceptsOtherCodename = false } = this.#wish
    const now = new Date((await this.#parts.database.now()) / 1000)
    const keyring = await readKeyring(Buffer.from(mirror.keyring, 'base64'), `The keyring of ${mirror.name}`)
    const signed = await fetchRelease(this.#upstream, mirror.settings.upstreamSuite, keyring, now)
    requireUsable(signed, mirror, now, { acceptsOtherCodename })
    return signed
  }

  async #takeOver(
    signed: SignedRelease,
    wanted: WantedIndexes,
    suite: SuiteNow,
    { groups, extras }: { readonly groups: readonly LocalGroup[]; readonly extras: LocalExtras },
  ): Promise<UpdateOutcome> {
    const { archives, database } = this.#parts
    const { mirror, userId, tell, signal } = this.#wish
    const known = suite.base === null ? new Map<string, KnownItems>() : await knownItems(database.read, suite.suiteId)
    const gone = goneWith(known, wanted)
    const settings = settingsFrom(signed.release, wanted, mirror.suite)
    const request = (): MirrorRequest => ({
      kind: 'mirror',
      suite: mirror.suite,
      mirror: mirror.name,
      base: suite.base,
      settings,
      gone,
      ...(this.#taken !== undefined && { taken: this.#taken }),
    })
    await using reader = new IndexReader()
    const items = this.#withExtras(this.#items(suite, groups, known, gone, reader), extras)
    tell({ kind: 'stage', stage: 'packages' })
    const first = await items.next()
    const isSame =
      first.done === true && gone.length === 0 && extras.isSame && (await this.#hasSettings(suite, settings))
    if (isSame && suite.base !== null) return await this.#keepState(signed, wanted, suite.base, true)
    const initial = { ...request(), gone: [] }
    const rest = { initial, items: joined(first, items), request }
    const sealed = await archives.submitMirrored(mirror.workspace, rest, { userId, signal })
    this.#removed = sealed.removedCount
    return await this.#keepState(signed, wanted, sealed.revision, sealed.unchanged)
  }

  /** Keeps the indexes that are taken as they are once all else is here, which may be days later. */
  async *#withExtras(items: AsyncGenerator<NewItem[], void, undefined>, extras: LocalExtras) {
    yield* items
    const { mirror, signal } = this.#wish
    if (extras.isSame) return
    this.#taken = await keepExtras(this.#parts.storage, extras, mirror.workspace.scopeId, signal)
  }

  /** What is new, written batch by batch; adds to `gone` what an index lists no more. */
  async *#items(
    suite: SuiteNow,
    groups: readonly LocalGroup[],
    known: ReadonlyMap<string, KnownItems>,
    gone: number[],
    reader: IndexReader,
  ): AsyncGenerator<NewItem[], void, undefined> {
    const { database } = this.#parts
    const { mirror, tell, signal } = this.#wish
    const { filter, withDeps } = mirror.settings
    const wantedFiles: WantedFile[] = []
    let entries = 0
    if (filter !== null && withDeps) {
      const binary = groups.filter(({ group }) => group.kind === 'packages')
      await reader.choose(
        binary.flatMap(({ indexes }) => indexes),
        filter,
        mirror.settings.architectures,
      )
    }
    for (const { group, indexes } of groups) {
      const here = known.get(groupKey(group)) ?? { claims: [], ids: [] }
      const place = { archiveId: suite.archiveId, suiteId: suite.suiteId, storeId: mirror.storeId, group }
      const onlyChosen = withDeps && group.kind === 'packages'
      const reading = reader.read(
        {
          indexes,
          packages: packagesIn(group.kind),
          known: here.claims,
          filter: onlyChosen ? null : filter,
          onlyChosen,
          machines: mirror.settings.architectures,
        },
        packagesPerBatch,
      )
      let read = 0
      for (;;) {
        const { done, value } = await reading.next()
        if (done === true) {
          for (const at of value) gone.push(here.ids[at] ?? 0)
          break
        }
        signal.throwIfAborted()
        for (const reason of value.skipped) this.#skip(reason)
        this.#limits.requireEntries(entries + value.entries)
        const packages = value.packages.filter((found) => this.#isOfBearableSize(found))
        if (packages.length > 0) {
          const claimed = await database.write(async (trx) =>
            claimPackages(trx, place, packages, await database.now(trx)),
          )
          for (const { name, version } of claimed.refused) {
            this.#skip(`${name} ${version} has a file that was purged here, or is known with another size.`)
          }
          this.#added += claimed.items.length
          if (!mirror.settings.lazy) wantedFiles.push(...withPaths(claimed.files, packages))
          if (claimed.items.length > 0) yield [...claimed.items]
        }
        read = value.entries
        tell({ kind: 'progress', stage: 'packages', done: entries + read })
      }
      entries += read
    }
    if (wantedFiles.length === 0) return
    this.#limits.addFiles(wantedFiles)
    tell({ kind: 'stage', stage: 'files' })
    await fetchFiles(this.#parts, { mirror, files: wantedFiles, tell, signal, underWay: this.#underWay })
  }

  #isOfBearableSize({ name, version, files }: ClaimedPackage): boolean {
    const { maxFileBytes } = this.#wish.mirror.settings
    const large = files.find((file) => file.sizeBytes > maxFileBytes)
    if (large === undefined) return true
    this.#skip(
      `${name} ${version} has a file of ${large.sizeBytes} bytes, more than the ${maxFileBytes} of --max-file.`,
    )
    return false
  }

  #skip(reason: string): void {
    this.#skipped += 1
    if (this.#skipped <= mostNotices) this.#wish.tell({ kind: 'notice', detail: reason })
  }

  async #hasSettings(suite: SuiteNow, settings: MirrorRequest['settings']): Promise<boolean> {
    if (suite.base === null) return false
    const { archives } = this.#parts
    const { mirror } = this.#wish
    const now: Readonly<Record<string, unknown>> = {
      ...(await archives.suite(mirror.workspace, mirror.suite)).settings,
    }
    return Object.entries(settings).every(([name, value]) => JSON.stringify(now[name]) === JSON.stringify(value))
  }

  async #keepState(
    signed: SignedRelease,
    wanted: WantedIndexes,
    revision: number,
    unchanged: boolean,
  ): Promise<UpdateOutcome> {
    const { database } = this.#parts
    const { mirror } = this.#wish
    const { release, digest, signers } = signed
    await database.write(async (trx) => {
      const now = await database.now(trx)
      const state: UpstreamState = {
        release: digest,
        dateSeconds: release.dateSeconds,
        suite: release.suite,
        codename: release.codename,
        signers,
        choice: choiceOf(mirror.settings),
        groups: Object.fromEntries(wanted.groups.map((group) => [groupKey(group), group.identity])),
        revision,
        takenAt: unchanged ? (mirror.state?.takenAt ?? now) : now,
        checkedAt: now,
      }
      await saveState(trx, mirror.id, state)
    })
    return {
      revision,
      unchanged,
      added: this.#added,
      removed: this.#removed,
      skipped: this.#skipped,
      dateSeconds: release.dateSeconds,
    }
  }

  async #asBefore(state: UpstreamState, { release }: SignedRelease): Promise<UpdateOutcome> {
    const { database } = this.#parts
    await database.write(async (trx) =>
      saveState(trx, this.#wish.mirror.id, { ...state, checkedAt: await database.now(trx) }),
    )
    const { revision } = state
    return { revision, unchanged: true, added: 0, removed: 0, skipped: 0, dateSeconds: release.dateSeconds }
  }
}

/** With where they lie upstream. */
function withPaths(files: readonly StoredFile[], packages: readonly ClaimedPackage[]): WantedFile[] {
  const pathOf = new Map(packages.flatMap((found) => found.files.map((file) => [file.sha256, file.path])))
  return files.map((file) => ({ ...file, path: pathOf.get(file.sha256) ?? file.sha256 }))
}

/** With dependencies, each group of binary packages decides what the others give: one that changed changes all. */
function withWhole(
  { withDeps }: MirrorSettings,
  all: readonly IndexGroup[],
  changed: readonly IndexGroup[],
): readonly IndexGroup[] {
  if (!withDeps || !changed.some((group) => group.kind === 'packages')) return changed
  return all.filter((group) => group.kind === 'packages' || changed.includes(group))
}

/** What the suite has of groups that are not taken any more, or have come to be empty. */
function goneWith(known: ReadonlyMap<string, KnownItems>, wanted: WantedIndexes): number[] {
  const full = new Set(wanted.groups.filter((group) => group.indexes.length > 0).map(groupKey))
  return [...known].flatMap(([key, items]) => (full.has(key) ? [] : items.ids))
}

function packagesIn(kind: LocalGroup['group']['kind']): 'deb' | 'udeb' | 'dsc' {
  return ({ packages: 'deb', udeb: 'udeb', sources: 'dsc' } as const)[kind]
}

async function* joined(
  first: IteratorResult<NewItem[], void>,
  rest: AsyncGenerator<NewItem[], void, undefined>,
): AsyncGenerator<NewItem[], void, undefined> {
  if (first.done !== true) yield first.value
  yield* rest
}
