/** The rows of what a seal has built: chunks, and the maps and indexes that suites have from then on. */
import type { Transaction } from 'kysely'
import { rowBatches } from '../database/row-batches.ts'
import type { Micros, Tables } from '../database/schema.ts'
import { type Chunk, packIds } from './chunk-table.ts'
import type { BuiltIndex, BuiltMap } from './index-builder.ts'
import type { NewChunk } from './pack-writer.ts'
import { type Place, placeKey } from './suite-items.ts'

/** The ids of the new chunks by the digest of their text. */
export async function writeChunks(
  trx: Transaction<Tables>,
  archiveId: number,
  newChunks: readonly NewChunk[],
): Promise<Map<string, number>> {
  const ids = new Map<string, number>()
  for (const chunks of rowBatches(newChunks)) {
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

/** Makes these the maps of a suite from a revision on; gives the ids of all that it has then, by their places. */
export async function writeMaps(
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

/** Makes these the indexes of a suite from a revision on, and ends those that are gone. */
export async function writeIndexes(
  trx: Transaction<Tables>,
  archiveId: number,
  suiteId: number,
  revision: number,
  sealed: { readonly indexes: readonly BuiltIndex[]; readonly gone: readonly string[] },
  mapIds: ReadonlyMap<string, number>,
  now: Micros,
): Promise<void> {
  const idsOf = (places: readonly Place[]): number[] =>
    places.map((place) => mapIds.get(placeKey(place))).filter((id) => id !== undefined)
  const contentOf = ({ content }: BuiltIndex) =>
    'places' in content
      ? { maps_json: JSON.stringify(idsOf(content.places)), file_id: null, file_offset: null }
      : { maps_json: '[]', file_id: content.fileId, file_offset: content.offset }
  for (const indexes of rowBatches(distinct(sealed.indexes))) {
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
  for (const indexes of rowBatches(sealed.indexes)) {
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
    for (const batch of rowBatches(rows.filter((row) => ending.has(row.path)).map((row) => row.path))) {
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
export function idFor(ids: ReadonlyMap<string, number>, name: string): number {
  const id = ids.get(name)
  if (id === undefined || id === 0) throw new Error(`${name} was not recorded`)
  return id
}
