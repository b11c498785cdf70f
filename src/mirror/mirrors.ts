/**
 * Mirrors: suites that follow a suite of another repository. What lives here: fetching what an upstream publishes and
 * believing it as far as its signature and its digests go, taking it over as one revision, and fetching the files that
 * it lists. What does not: how a revision is sealed and served (archive), how a file comes from a remote store and is
 * proven (storage), HTTP (server).
 *
 * Words: the *upstream* is the archive that is followed; an *update* compares it with the suite and seals what differs;
 * a *lazy* mirror fetches a file when it is first asked for; to *fill* a mirror is to fetch all that it lists.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Workspace } from '../access/access.ts'
import type { Archives } from '../archive/archives.ts'
import { ensureArchive } from '../archive/archive-table.ts'
import { suitesAt } from '../archive/suite-table.ts'
import { AshlarError } from '../common/errors.ts'
import type { Database } from '../database/database.ts'
import { holdLease } from '../database/lease.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { isSuiteName } from '../debian/names.ts'
import { describeKeys, type KeyFacts, readKeyring } from '../debian/keyring.ts'
import type { Storage } from '../storage/storage.ts'
import type { Kysely } from 'kysely'
import { fillMirror } from './fill-mirror.ts'
import { type Completeness, completenessOf } from './listed-files.ts'
import type { MirrorEvent, Tell } from './mirror-event.ts'
import { type MirrorEnd, MirrorJob } from './mirror-job.ts'
import { checkMirrorSettings, type MirrorSettings } from './mirror-settings.ts'
import { makeMirrorStore, moveMirrorStore, removeUnusedStore } from './mirror-store.ts'
import {
  insertMirror,
  type Mirror,
  mirrorById,
  mirrorNamed,
  mirrorsOf,
  mirrorsToLookAt,
  saveNext,
  saveSettings,
  saveWork,
} from './mirror-table.ts'
import type { MirrorWork } from './mirror-work.ts'
import { retryAfterSeconds } from './next-update.ts'
import { suiteNow } from './suite-items.ts'
import { updateMirror } from './update-mirror.ts'
import type { Patience } from './upstream.ts'

export type { Completeness } from './listed-files.ts'
export type { MirrorEvent, MirrorStage } from './mirror-event.ts'
export type { MirrorEnd } from './mirror-job.ts'
export { type ExtraIndex, type MirrorSettings, usualSettings } from './mirror-settings.ts'
export type { Mirror } from './mirror-table.ts'
export type { MirrorWork } from './mirror-work.ts'

export interface MirrorsOptions {
  readonly database: Database
  readonly storage: Storage
  readonly archives: Archives
  /** For tests: with upstreams. */
  readonly patience?: Patience
  /** The time by which updates are due; default: that of the database. */
  readonly now?: () => Promise<Micros>
  /** Told of what no caller is told: an update that nobody waits for and that failed. */
  readonly onError?: (error: unknown, mirror: Mirror) => void
}

export interface MirrorWish {
  readonly name: string
  /** The suite here; default: the name of upstream's. */
  readonly into?: string
  readonly settings: MirrorSettings
  /** The public keys that sign upstream's Release, armored or binary. */
  readonly keyring: Uint8Array
}

/** What is not given stays. */
export interface MirrorChange {
  readonly settings: Partial<MirrorSettings>
  readonly keyring?: Uint8Array
}

/** A mirror, with how much of what it lists is here. */
export interface MirrorInfo {
  readonly mirror: Mirror
  readonly keys: readonly KeyFacts[]
  /** Null before the first update. */
  readonly completeness: Completeness | null
  /** What is under way in this process. */
  readonly isWorking: boolean
}

const leaseTtlMs = 30_000
/** How often updates that are due, and work that a crash broke off, are looked for. */
const lookEveryMs = 20_000
/** How long a completeness is told without counting again. */
const completenessAgeMs = 30_000
const microsPerSecond = 1_000_000
const lastWordsMs = 3000

export class Mirrors implements AsyncDisposable {
  readonly #parts: Pick<MirrorsOptions, 'database' | 'storage' | 'archives' | 'patience'>
  readonly #now: () => Promise<Micros>
  readonly #onError: (error: unknown, mirror: Mirror) => void
  readonly #jobs = new Map<number, MirrorJob>()
  readonly #counted = new Map<number, { readonly at: number; readonly completeness: Completeness }>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor({ onError, now, ...parts }: MirrorsOptions) {
    this.#parts = parts
    this.#now = now ?? (() => parts.database.now())
    this.#onError = onError ?? (() => {})
  }

  /** Updates mirrors by itself from now on as they are due, and goes on with what a crash broke off. */
  start(): void {
    const look = (): void => void this.runDue().catch(() => {})
    this.#timer = setInterval(look, lookEveryMs).unref()
    look()
  }

  /** @throws AshlarError request-invalid, conflict, keyring-invalid */
  async create(workspace: Workspace, wish: MirrorWish, userId: number | null): Promise<MirrorInfo> {
    const { database, storage } = this.#parts
    const settings = checkMirrorSettings(wish.settings)
    checkName(wish.name)
    await readKeyring(wish.keyring, 'The keyring')
    const into = wish.into ?? settings.upstreamSuite
    if (!isSuiteName(into)) {
      const advice = wish.into === undefined ? ' here; name another one with --into' : ''
      throw new AshlarError('request-invalid', `${JSON.stringify(into)} cannot be a suite${advice}.`)
    }
    const archive = await ensureArchive(database, workspace.id)
    await this.#requireFree(workspace, archive.id, archive.head, wish.name, into)
    const storeId = await makeMirrorStore(
      { database, stores: storage.stores },
      workspace,
      wish.name,
      settings.url,
      userId,
    )
    const scheduledFrom = await this.#now()
    await database.write(async (trx) => {
      await this.#requireUnused(trx, archive.id, wish.name, into)
      const now = await database.now(trx)
      await insertMirror(trx, {
        archive_id: archive.id,
        name: wish.name,
        suite: into,
        store_id: storeId,
        settings_json: JSON.stringify(settings),
        keyring: Buffer.from(wish.keyring).toString('base64'),
        next_at: dueIn(settings.everySeconds, scheduledFrom),
        created_at: now,
      })
    })
    return await this.show(workspace, wish.name)
  }

  /**
   * Changes what is mirrored, from where and how; the next update makes the suite what it is to be now, also if upstream
   * has nothing new.
   * @throws AshlarError not-found, request-invalid, query-invalid, keyring-invalid; busy if work on it is under way
   */
  async set(workspace: Workspace, name: string, change: MirrorChange, userId: number | null): Promise<MirrorInfo> {
    const { database, storage } = this.#parts
    if (change.keyring !== undefined) await readKeyring(change.keyring, 'The keyring')
    const { id } = await mirrorNamed(database.read, workspace, name)
    await using hold = await holdLease(database, leaseName(id), leaseTtlMs)
    const mirror = await mirrorNamed(database.read, workspace, name)
    if (hold === undefined) throw isWorkedOn(mirror)
    const before = mirror.settings
    // Without a filter there is nothing whose dependencies would come with it.
    const all = change.settings.filter === null ? { withDeps: false } : {}
    const settings = checkMirrorSettings({ ...before, ...all, ...change.settings })
    if (settings.url !== before.url) {
      await moveMirrorStore({ database, stores: storage.stores }, mirror, settings.url, userId)
    }
    const every = settings.everySeconds
    const isOfAnother = settings.upstreamSuite !== before.upstreamSuite
    const state = mirror.state && isOfAnother ? { ...mirror.state, isOfAnother } : mirror.state
    const nextAt = every === before.everySeconds ? mirror.nextAt : dueIn(every, await this.#now())
    await database.write((trx) =>
      saveSettings(trx, id, {
        settings_json: JSON.stringify(settings),
        keyring: change.keyring === undefined ? mirror.keyring : Buffer.from(change.keyring).toString('base64'),
        next_at: nextAt,
        state_json: state === null ? null : JSON.stringify(state),
      }),
    )
    return await this.show(workspace, name)
  }

  async list(workspace: Workspace): Promise<MirrorInfo[]> {
    const all = await mirrorsOf(this.#parts.database.read, workspace.id)
    return await Promise.all(all.map((mirror) => this.#info(mirror)))
  }

  /** @throws AshlarError not-found */
  async show(workspace: Workspace, name: string): Promise<MirrorInfo> {
    return await this.#info(await mirrorNamed(this.#parts.database.read, workspace, name))
  }

  /**
   * Takes over what upstream has now, telling how it goes. The work goes on when nobody listens any more; who asks again
   * meanwhile is told of the same one.
   * @throws AshlarError not-found; busy if other work on it is under way; what ended the update
   */
  async *update(
    workspace: Workspace,
    name: string,
    options: { readonly userId: number | null; readonly acceptsOtherCodename?: boolean },
  ): AsyncGenerator<MirrorEvent | MirrorEnd, void, undefined> {
    const mirror = await mirrorNamed(this.#parts.database.read, workspace, name)
    yield* this.#begin(mirror, 'update', options).follow()
  }

  /**
   * Fetches what the suite lists, and listed at revisions that are still installable. As `update` otherwise.
   * @throws AshlarError not-found, busy
   */
  async *fill(workspace: Workspace, name: string): AsyncGenerator<MirrorEvent | MirrorEnd, void, undefined> {
    const mirror = await mirrorNamed(this.#parts.database.read, workspace, name)
    yield* this.#begin(mirror, 'fill', { userId: null }).follow()
  }

  /**
   * Follows upstream no more. The suite stays with all its revisions, and what is only upstream still comes from there.
   * @throws AshlarError not-found, busy
   */
  async remove(workspace: Workspace, name: string): Promise<Completeness | null> {
    const { database, storage } = this.#parts
    const mirror = await mirrorNamed(database.read, workspace, name)
    await using hold = await holdLease(database, leaseName(mirror.id), leaseTtlMs)
    if (hold === undefined) throw isWorkedOn(mirror)
    const completeness = await this.#completeness(mirror)
    await database.write(async (trx) => {
      const now = await database.now(trx)
      await trx
        .updateTable('mirror')
        .set({ removed_at: now, next_at: null, work_state: null })
        .where('id', '=', mirror.id)
        .execute()
    })
    await removeUnusedStore({ database, stores: storage.stores }, mirror)
    return completeness
  }

  /** Stops what is under way; what was fetched stays, and the next start goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    const jobs = [...this.#jobs.values()]
    for (const job of jobs) job.stop(new ServerEnds())
    const ends = Promise.allSettled(jobs.map((job) => job.ended))
    await Promise.race([ends, sleep(lastWordsMs, undefined, { ref: false })])
  }

  /** @throws AshlarError busy if other work on it is under way in this process */
  #begin(
    mirror: Mirror,
    work: 'update' | 'fill',
    options: { readonly userId: number | null; readonly acceptsOtherCodename?: boolean },
  ): MirrorJob {
    const known = this.#jobs.get(mirror.id)
    if (known?.work === work) return known
    if (known !== undefined) throw isWorkedOn(mirror)
    const job = new MirrorJob(work, (tell, signal) => this.#perform(mirror.id, work, options, tell, signal))
    this.#jobs.set(mirror.id, job)
    const forget = (): void => void (this.#jobs.get(mirror.id) === job && this.#jobs.delete(mirror.id))
    job.ended.then(forget, forget)
    return job
  }

  async #perform(
    id: number,
    work: 'update' | 'fill',
    options: { readonly userId: number | null; readonly acceptsOtherCodename?: boolean },
    tell: Tell,
    stop: AbortSignal,
  ): Promise<MirrorEnd> {
    const { database } = this.#parts
    await using hold = await holdLease(database, leaseName(id), leaseTtlMs)
    // Looked up under the lease: another process may have updated it.
    const mirror = await mirrorById(database.read, id)
    if (mirror === undefined) throw new AshlarError('not-found', 'The mirror is gone.')
    if (hold === undefined) throw isWorkedOn(mirror)
    const signal = AbortSignal.any([stop, hold.signal])
    const startedAt = await database.now()
    await this.#record(id, { state: 'running', kind: work, startedAt })
    try {
      const end = await this.#work(mirror, work, options, tell, signal)
      await this.#record(id, { state: 'done', kind: work, startedAt, finishedAt: await database.now() })
      return end
    } catch (error) {
      // It stays recorded as running, so that the next start goes on.
      if (stop.aborted) throw new AshlarError('busy', 'The server is ending; the work goes on when it starts again.')
      const { code, message: detail } = error instanceof AshlarError ? error : internal(error)
      const before = mirror.work
      const failures = 1 + (before?.state === 'failed' && before.kind === work ? (before.failures ?? 1) : 0)
      const end = { startedAt, finishedAt: await database.now(), code, detail, failures }
      await this.#record(id, { state: 'failed', kind: work, ...end })
      throw error
    } finally {
      this.#counted.delete(id)
    }
  }

  async #work(
    mirror: Mirror,
    work: 'update' | 'fill',
    options: { readonly userId: number | null; readonly acceptsOtherCodename?: boolean },
    tell: Tell,
    signal: AbortSignal,
  ): Promise<MirrorEnd> {
    if (work === 'update') {
      return { kind: 'end', work, ...(await updateMirror(this.#parts, { mirror, tell, signal, ...options })) }
    }
    const { suiteId } = await suiteNow(this.#parts.database, mirror.archiveId, mirror.suite)
    return { kind: 'end', work, ...(await fillMirror(this.#parts, mirror, suiteId, { tell, signal })) }
  }

  async #record(id: number, work: MirrorWork): Promise<void> {
    await this.#parts.database.write((trx) => saveWork(trx, id, work))
  }

  /** Begins the updates that are due, and what a crash broke off; resolves when those have ended, well or not. */
  async runDue(): Promise<void> {
    const { database } = this.#parts
    const begun: Promise<void>[] = []
    for (const mirror of await mirrorsToLookAt(database.read, await this.#now())) {
      if (this.#isClosed) break
      if (this.#jobs.has(mirror.id) || (await isHeldElsewhere(database, mirror.id))) continue
      begun.push(this.#byItself(mirror))
    }
    await Promise.all(begun)
  }

  /** Never rejects. */
  async #byItself(mirror: Mirror): Promise<void> {
    const { database } = this.#parts
    const every = mirror.settings.everySeconds
    const inSeconds = async (seconds: number): Promise<void> => {
      const at = (await this.#now()) + seconds * microsPerSecond
      await database.write((trx) => saveNext(trx, mirror.id, at))
    }
    try {
      const isDue = mirror.nextAt !== null && mirror.nextAt <= (await this.#now())
      // What a crash broke off goes on; a filling only if no update is due.
      const work = isDue ? 'update' : (mirror.work?.kind ?? 'update')
      if (isDue && every !== null) await inSeconds(every)
      await this.#begin(mirror, work, { userId: null }).ended
    } catch (error) {
      if (this.#isClosed || (error instanceof AshlarError && error.code === 'busy')) return
      this.#onError(error, mirror)
      if (every === null) return
      const work = await mirrorById(database.read, mirror.id).then((now) => now?.work)
      const failures = work?.state === 'failed' ? (work.failures ?? 1) : 1
      await inSeconds(retryAfterSeconds(every, failures)).catch(() => {})
    }
  }

  async #info(mirror: Mirror): Promise<MirrorInfo> {
    const keyring = await readKeyring(Buffer.from(mirror.keyring, 'base64'), `The keyring of ${mirror.name}`)
    const now = new Date((await this.#parts.database.now()) / 1000)
    return {
      mirror,
      keys: await describeKeys(keyring, now),
      completeness: await this.#completeness(mirror),
      isWorking: this.#jobs.has(mirror.id),
    }
  }

  async #completeness(mirror: Mirror): Promise<Completeness | null> {
    if (mirror.state === null) return null
    const known = this.#counted.get(mirror.id)
    if (known !== undefined && performance.now() - known.at < completenessAgeMs) return known.completeness
    const { suiteId } = await suiteNow(this.#parts.database, mirror.archiveId, mirror.suite)
    const completeness = await completenessOf(this.#parts.database.read, suiteId)
    this.#counted.set(mirror.id, { at: performance.now(), completeness })
    return completeness
  }

  /** @throws AshlarError conflict */
  async #requireFree(workspace: Workspace, archiveId: number, head: number, name: string, into: string): Promise<void> {
    const { read } = this.#parts.database
    await this.#requireUnused(read, archiveId, name, into)
    const suite = (await suitesAt(read, archiveId, head)).find(into)
    if (suite === undefined) return
    const before = await read
      .selectFrom('mirror')
      .select('id')
      .where('archive_id', '=', archiveId)
      .where('suite', '=', suite.name)
      .limit(1)
      .executeTakeFirst()
    if (before !== undefined && suite.name === into) return
    throw new AshlarError(
      'conflict',
      `${workspace.scope}/${workspace.name} has a suite ${into} already; name another one with --into.`,
    )
  }

  /** @throws AshlarError conflict */
  async #requireUnused(db: Kysely<Tables>, archiveId: number, name: string, into: string): Promise<void> {
    const rows = await db
      .selectFrom('mirror')
      .select(['name', 'suite'])
      .where('archive_id', '=', archiveId)
      .where('removed_at', 'is', null)
      .execute()
    if (rows.some((row) => row.name === name)) throw new AshlarError('conflict', `There is a mirror ${name} already.`)
    const other = rows.find((row) => row.suite === into)
    if (other !== undefined) {
      throw new AshlarError('conflict', `The suite ${into} is filled by the mirror ${other.name} already.`)
    }
  }
}

class ServerEnds extends Error {}

function dueIn(everySeconds: number | null, now: Micros): Micros | null {
  return everySeconds === null ? null : now + everySeconds * microsPerSecond
}

function leaseName(id: number): string {
  return `mirror:${id}`
}

async function isHeldElsewhere(database: Database, id: number): Promise<boolean> {
  const lease = await database.read
    .selectFrom('lease')
    .select('expires_at')
    .where('name', '=', leaseName(id))
    .executeTakeFirst()
  return lease !== undefined && lease.expires_at > (await database.now())
}

function isWorkedOn({ name }: Mirror): AshlarError {
  return new AshlarError('busy', `The mirror ${name} is being updated or filled; wait until that has ended.`)
}

function internal(cause: unknown): AshlarError {
  return new AshlarError('internal', 'The work on the mirror failed; the log has the reason.', { cause })
}

function checkName(name: string): void {
  if (name.length <= 63 && /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/.test(name)) return
  throw new AshlarError(
    'request-invalid',
    `${JSON.stringify(name.slice(0, 80))} cannot be the name of a mirror: use up to 63 of a-z, 0-9, '.', '_' and '-', ` +
      'beginning and ending with a letter or digit.',
  )
}
