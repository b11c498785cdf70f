/** The transaction that makes a revision: everything of it appears at once, or nothing does. */
import type { Transaction } from 'kysely'
import type { Database } from '../database/database.ts'
import { assertLease, LeaseLost } from '../database/lease.ts'
import type { Micros, Tables } from '../database/schema.ts'
import type { StoredFile } from '../storage/storage.ts'
import type { Archive } from './archive-table.ts'
import { LINES_PER_ANSWER } from './change-request.ts'
import type { Effect } from './effect.ts'
import type { HeldLease } from './held-lease.ts'
import { type Chunk, packIds } from './chunk-table.ts'
import type { BuiltIndex, BuiltMap } from './index-builder.ts'
import type { NewChunk } from './pack-writer.ts'
import { changesAnything, type SealPlan } from './seal-plan.ts'
import type { ReleaseIssue } from './sign-release.ts'
import { type Place, placeKey } from './suite-items.ts'
import type { Suite } from './suite-table.ts'
import { writeTaken } from './taken-indexes.ts'

/** A suite with what is new of it. */
export interface SealedSuite {
  readonly suite: Suite
  readonly built: readonly BuiltMap[]
  readonly indexes: readonly BuiltIndex[]
  /** Paths at which it has no index any more. */
  readonly gone: readonly string[]
  readonly issues: readonly ReleaseIssue[]
}

export interface Seal {
  readonly archive: Archive
  readonly lease: HeldLease
  readonly plan: SealPlan
  readonly suites: readonly SealedSuite[]
  readonly pack: StoredFile | undefined
  readonly newChunks: readonly NewChunk[]
}

const ROWS_PER_QUERY = 200

/**
 * @throws LeaseLost if another process seals this archive now, or has refused a change of the plan; then nothing has
 *   happened, and what still waits is to be planned anew
 */
export async function commitSeal(database: Database, seal: Seal): Promise<void> {
  await database.write(async (trx) => {
    const { name, holder, fence } = seal.lease
    await assertLease(trx, name, holder, fence)
    const changes = changesAnything(seal.plan)
    const { head, id } = seal.archive
    const locked = await trx
      .updateTable('archive')
      .set((eb) => ({ head: changes ? head + 1 : head, issue: eb('issue', '+', changes ? 1 : 0) }))
      .where('id', '=', id)
      .where('head', '=', head)
      .returning('id')
      .executeTakeFirst()
    if (locked === undefined) throw new LeaseLost(name, holder)
    // A refused change has lost its items, so nothing may be sealed that lists them.
    const sealed = await trx
      .updateTable('change')
      .set({ state: 'sealed', revision: changes ? head + 1 : head })
      .where('id', 'in', [...seal.plan.accepted])
      .where('state', '=', 'pending')
      .returning('id')
      .execute()
    if (sealed.length < seal.plan.accepted.length) throw new LeaseLost(name, holder)
    await endItems(trx, seal.plan)
    if (changes) await writeRevision(database, trx, seal, head + 1)
  })
}

/** Ends items for ever, forgets those that their change would have added in vain, and notes what did not come. */
async function endItems(trx: Transaction<Tables>, plan: SealPlan): Promise<void> {
  for (const [changeId, own] of Map.groupBy(plan.effects, (effect) => effect.changeId)) {
    const outcome = outcomeOf(own)
    if (outcome !== null) {
      await trx.updateTable('change').set({ outcome_json: outcome }).where('id', '=', changeId).execute()
    }
  }
  for (const effect of plan.effects) {
    for (const ids of batches([...effect.removed])) {
      await trx.updateTable('suite_item').set({ removed_by: effect.changeId }).where('id', 'in', ids).execute()
    }
    for (const ids of batches([...effect.dropped])) {
      await trx.deleteFrom('suite_item').where('id', 'in', ids).execute()
    }
  }
}

/** What its items do not tell. */
function outcomeOf(effects: readonly Effect[]): string | null {
  const leftOut = effects.flatMap((effect) => effect.leftOut)
  const unmet = effects.flatMap((effect) => effect.unmet)
  const uninstallable = effects.flatMap((effect) => effect.uninstallable)
  if (leftOut.length + unmet.length + uninstallable.length === 0) return null
  const first = <T>(all: readonly T[]): T[] => all.slice(0, LINES_PER_ANSWER)
  return JSON.stringify({ leftOut: first(leftOut), unmet: first(unmet), uninstallable: first(uninstallable) })
}

async function writeRevision(
  database: Database,
  trx: Transaction<Tables>,
  seal: Seal,
  revision: number,
): Promise<void> {
  const { archive, plan } = seal
  // Asked after the archive is locked, so that whoever locks it later knows of every revision up to then.
  const sealedAt = Math.max(await database.now(trx), archive.sealedAt + 1)
  await trx.updateTable('archive').set({ sealed_at: sealedAt }).where('id', '=', archive.id).execute()
  await trx
    .insertInto('revision')
    .values({
      archive_id: archive.id,
      number: revision,
      sealed_at: sealedAt,
      state: 'sealed',
      pack_file_id: seal.pack?.id ?? null,
    })
    .execute()
  const suiteIds = await writeSuites(trx, archive.id, plan, sealedAt)
  await writeAliases(trx, archive.id, plan, suiteIds)
  const chunkIds = await writeChunks(trx, archive.id, seal)
  for (const sealed of seal.suites) {
    const suiteId = sealed.suite.id === 0 ? idFor(suiteIds, sealed.suite.name) : sealed.suite.id
    const mapIds = await writeMaps(trx, archive.id, suiteId, revision, sealed.built, chunkIds)
    await writeIndexes(trx, archive.id, suiteId, revision, sealed, mapIds, sealedAt)
    const taken = plan.taken.get(sealed.suite.name)
    if (taken !== undefined) await writeTaken(trx, suiteId, taken)
    await trx
      .insertInto('release_issue')
      .values(sealed.issues.map((issue) => ({ ...issue, suite_id: suiteId, revision })))
      .execute()
  }
}

/** Records settings; gives the ids of all suites that the plan names. */
async function writeSuites(
  trx: Transaction<Tables>,
  archiveId: number,
  plan: SealPlan,
  now: Micros,
): Promise<Map<string, number>> {
  const ids = new Map(plan.suites.all.map((suite) => [suite.name, suite.id]))
  for (const { changeId, suite, settings } of plan.settings) {
    let id = ids.get(suite) ?? 0
    if (id === 0) {
      const row = await trx
        .insertInto('suite')
        .values({ archive_id: archiveId, name: suite, created_at: now })
        // A batch or a mirror may have reserved an id for that name since this was planned (reserved-suites.ts).
        .onConflict((conflict) => conflict.columns(['archive_id', 'name']).doUpdateSet({ name: suite }))
        .returning('id')
        .executeTakeFirstOrThrow()
      id = row.id
      ids.set(suite, id)
    }
    await trx
      .updateTable('suite_settings')
      .set({ removed_by: changeId })
      .where('suite_id', '=', id)
      .where('removed_by', 'is', null)
      .execute()
    await trx
      .insertInto('suite_settings')
      .values({ suite_id: id, settings_json: JSON.stringify(settings), added_by: changeId, removed_by: null })
      .execute()
  }
  return ids
}

async function writeAliases(
  trx: Transaction<Tables>,
  archiveId: number,
  plan: SealPlan,
  suiteIds: ReadonlyMap<string, number>,
): Promise<void> {
  for (const { changeId, name, suite } of plan.aliases) {
    await trx
      .updateTable('suite_alias')
      .set({ removed_by: changeId })
      .where('archive_id', '=', archiveId)
      .where('name', '=', name)
      .where('removed_by', 'is', null)
      .execute()
    const suiteId = suite === null ? undefined : suiteIds.get(suite)
    if (suiteId === undefined) continue
    await trx
      .insertInto('suite_alias')
      .values({ archive_id: archiveId, name, suite_id: suiteId, added_by: changeId, removed_by: null })
      .execute()
  }
}

/** The ids of the new chunks by the digest of their text. */
async function writeChunks(trx: Transaction<Tables>, archiveId: number, seal: Seal): Promise<Map<string, number>> {
  const ids = new Map<string, number>()
  for (const chunks of batches(seal.newChunks)) {
    const rows = await trx
      .insertInto('chunk')
      .values(
        chunks.map((chunk) => ({
          archive_id: archiveId,
          text_sha256: chunk.textSha256,
          text_size: chunk.textBytes,
          text_lines: chunk.textLines ?? null,
          first_key: chunk.firstKey,
          last_key: chunk.lastKey,
          entries: chunk.entries,
          pack_file_id: chunk.pack.id,
          pack_offset: chunk.packOffset,
          xz_size: chunk.xzBytes,
          xz_unpadded_size: chunk.xzUnpaddedBytes,
          gz_size: chunk.gzBytes,
          zst_size: chunk.zstBytes,
        })),
      )
      .returning(['id', 'text_sha256'])
      .execute()
    for (const row of rows) ids.set(row.text_sha256, row.id)
  }
  return ids
}

async function writeMaps(
  trx: Transaction<Tables>,
  archiveId: number,
  suiteId: number,
  revision: number,
  built: readonly BuiltMap[],
  chunkIds: ReadonlyMap<string, number>,
): Promise<Map<string, number>> {
  const since = await mapsSince(trx, suiteId)
  const idOf = (chunk: Chunk): number => (chunk.id === 0 ? idFor(chunkIds, chunk.textSha256) : chunk.id)
  for (const { place, chunks } of built) {
    const map = await trx
      .insertInto('index_map')
      .values({
        archive_id: archiveId,
        chunks: packIds(chunks.map(idOf)),
        entries: chunks.reduce((sum, chunk) => sum + chunk.entries, 0),
        text_size: chunks.reduce((sum, chunk) => sum + chunk.textBytes, 0),
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await trx
      .updateTable('suite_map')
      .set({ until_revision: revision })
      .where('suite_id', '=', suiteId)
      .where('component', '=', place.component)
      .where('map_kind', '=', place.kind)
      .where('architecture', '=', place.architecture)
      .where('from_revision', '=', since.get(placeKey(place)) ?? 0)
      .execute()
    await trx
      .insertInto('suite_map')
      .values({
        suite_id: suiteId,
        component: place.component,
        map_kind: place.kind,
        architecture: place.architecture,
        map_id: map.id,
        from_revision: revision,
        until_revision: null,
      })
      .execute()
  }
  const maps = await trx
    .selectFrom('suite_map')
    .select(['component', 'map_kind as kind', 'architecture', 'map_id'])
    .where('suite_id', '=', suiteId)
    .where('until_revision', 'is', null)
    .execute()
  return new Map(maps.map(({ map_id: mapId, ...place }) => [placeKey(place), mapId]))
}

async function writeIndexes(
  trx: Transaction<Tables>,
  archiveId: number,
  suiteId: number,
  revision: number,
  sealed: SealedSuite,
  mapIds: ReadonlyMap<string, number>,
  now: Micros,
): Promise<void> {
  const idsOf = (places: readonly Place[]): number[] =>
    places.map((place) => mapIds.get(placeKey(place))).filter((id) => id !== undefined)
  const contentOf = ({ content }: BuiltIndex) =>
    'places' in content
      ? { maps_json: JSON.stringify(idsOf(content.places)), file_id: null, file_offset: null }
      : { maps_json: '[]', file_id: content.fileId, file_offset: content.offset }
  for (const indexes of batches(distinct(sealed.indexes))) {
    await trx
      .insertInto('index_file')
      .values(
        indexes.map((index) => ({
          archive_id: archiveId,
          sha256: index.sha256,
          size: index.sizeBytes,
          form: index.form,
          ...contentOf(index),
          created_at: now,
        })),
      )
      .onConflict((conflict) =>
        // One of which an upstream only told has no bytes until something gives them.
        conflict
          .columns(['archive_id', 'sha256', 'form'])
          .doUpdateSet((eb) => ({
            maps_json: eb.ref('excluded.maps_json'),
            file_id: eb.ref('excluded.file_id'),
            file_offset: eb.ref('excluded.file_offset'),
          }))
          .where('index_file.file_id', 'is', null)
          .where('index_file.maps_json', '=', '[]'),
      )
      .execute()
  }
  await endIndexes(trx, suiteId, revision, [...sealed.gone, ...sealed.indexes.map((index) => index.path)])
  for (const indexes of batches(sealed.indexes)) {
    const files = await trx
      .selectFrom('index_file')
      .select(['id', 'sha256', 'form'])
      .where('archive_id', '=', archiveId)
      .where(
        'sha256',
        'in',
        indexes.map((index) => index.sha256),
      )
      .execute()
    const idOf = new Map(files.map((file) => [`${file.form} ${file.sha256}`, file.id]))
    await trx
      .insertInto('release_index')
      .values(
        indexes.map((index) => ({
          suite_id: suiteId,
          path: index.path,
          index_file_id: idFor(idOf, `${index.form} ${index.sha256}`),
          from_revision: revision,
          until_revision: null,
          listed: index.listed ? (1 as const) : (0 as const),
        })),
      )
      .execute()
  }
}

/** Each file once, if several paths have it: one row cannot be written twice by one statement. What has bytes goes first. */
function distinct(indexes: readonly BuiltIndex[]): BuiltIndex[] {
  const files = new Map<string, BuiltIndex>()
  for (const index of indexes) {
    const name = `${index.form} ${index.sha256}`
    const known = files.get(name)
    if (known === undefined || isTold(known)) files.set(name, index)
  }
  return [...files.values()]
}

function isTold({ content }: BuiltIndex): boolean {
  return 'fileId' in content && content.fileId === null
}

/** Ends what is listed at these paths until now. */
async function endIndexes(
  trx: Transaction<Tables>,
  suiteId: number,
  revision: number,
  paths: readonly string[],
): Promise<void> {
  const listed = await trx
    .selectFrom('release_index')
    .select(['path', 'from_revision'])
    .where('suite_id', '=', suiteId)
    .where('until_revision', 'is', null)
    .execute()
  const ending = new Set(paths)
  // By their whole keys, so that no history is read.
  for (const [since, rows] of Map.groupBy(listed, (row) => row.from_revision)) {
    for (const batch of batches(rows.filter((row) => ending.has(row.path)).map((row) => row.path))) {
      await trx
        .updateTable('release_index')
        .set({ until_revision: revision })
        .where('suite_id', '=', suiteId)
        .where('path', 'in', batch)
        .where('from_revision', '=', since)
        .execute()
    }
  }
}

/** Since when each place has the map that it has now. */
async function mapsSince(trx: Transaction<Tables>, suiteId: number): Promise<Map<string, number>> {
  const rows = await trx
    .selectFrom('suite_map')
    .select(['component', 'map_kind as kind', 'architecture', 'from_revision'])
    .where('suite_id', '=', suiteId)
    .where('until_revision', 'is', null)
    .execute()
  return new Map(rows.map((row) => [placeKey(row), row.from_revision]))
}

/** The id of what this transaction has just recorded. */
function idFor(ids: ReadonlyMap<string, number>, name: string): number {
  const id = ids.get(name)
  if (id === undefined || id === 0) throw new Error(`${name} was not recorded`)
  return id
}

function batches<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / ROWS_PER_QUERY) }, (_, i) =>
    items.slice(i * ROWS_PER_QUERY, (i + 1) * ROWS_PER_QUERY),
  )
}
