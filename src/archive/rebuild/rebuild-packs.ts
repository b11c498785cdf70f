/**
 * Packs whose bytes are lost, made again from what the suites held: each chunk is rendered from its items, proven by the
 * digest of its text, and compressed.
 *
 * Where that gives the bytes of before, which the digests of the indexes prove, the chunks only get another place. Where
 * another version of a library compresses otherwise, the indexes in compressed forms have other digests, and the Releases
 * that list them are issued again: a revision fixes its members and their text, not how they are compressed
 * (changed-indexes.ts, commit-rebuild.ts). All of an archive's packs are done together, under its lease, so that no
 * Release is issued more than once, and no seal comes in between.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Sha256, parseSha256 } from '../../common/digest.ts'
import { AshlarError } from '../../common/errors.ts'
import type { Database } from '../../database/database.ts'
import { type Hold, holdLease, LeaseLost } from '../../database/lease.ts'
import type { ChunkTable as ChunkRow } from '../../database/schema.ts'
import { type Archive, archiveById } from '../archive-table.ts'
import type { PackedForm } from '../assembly.ts'
import { changedIndexes } from './changed-indexes.ts'
import { mapsListing } from './chunk-maps.ts'
import { chunkText, isOutOfOrder, type Listing, listingsOf } from './chunk-text.ts'
import type { Chunk, ChunkTable } from '../chunk-table.ts'
import type { ContentsMaker } from '../contents/contents-drafts.ts'
import { ContentsTexts } from '../contents/contents-texts.ts'
import { commitRebuild, type MovedIndex } from './commit-rebuild.ts'
import { sealLeaseName } from '../held-lease.ts'
import type { ChunkText, IndexBuilder } from '../index-builder.ts'
import { leavingPdiffs } from './rebuild-pdiffs.ts'
import { indexesIn, type LostIndex, remake } from './rebuild-raw.ts'
import type { SigningKeys } from '../signing-keys.ts'

export interface RebuildContext {
  readonly database: Database
  readonly chunks: ChunkTable
  readonly indexes: IndexBuilder
  readonly contents: ContentsMaker
  readonly keys: SigningKeys
}

/** What became of one lost pack. */
export type RebuiltPack =
  | {
      readonly outcome: 'rebuilt'
      readonly fileId: number
      /** The pack that has its chunks now. */
      readonly sha256: Sha256
      /** The very same file is there again. */
      readonly isSame: boolean
      /** How many Releases were issued again, for all packs of the archive. */
      readonly issues: number
    }
  | { readonly outcome: 'failed'; readonly fileId: number; readonly reason: string }

const leaseTtlMs = 10_000
const leasePollMs = 25
const leasePatienceMs = 60_000

/** @throws AshlarError busy if an archive is being sealed without a pause; storage-full, storage-failed */
export async function* rebuildPacks(
  context: RebuildContext,
  packFileIds: readonly number[],
  signal: AbortSignal,
): AsyncGenerator<RebuiltPack, void, undefined> {
  const chunks = Map.groupBy(await chunksIn(context.database, packFileIds), (row) => row.archive_id)
  const indexes = Map.groupBy(await indexesIn(context.database, packFileIds), (row) => row.archiveId)
  for (const archiveId of new Set([...chunks.keys(), ...indexes.keys()])) {
    const lost = { chunks: chunks.get(archiveId) ?? [], indexes: indexes.get(archiveId) ?? [] }
    await using hold = await holdArchive(context.database, archiveId, signal)
    try {
      yield* await rebuildArchive(context, archiveId, lost, hold, AbortSignal.any([signal, hold.signal]))
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error
      throw new AshlarError('busy', 'Another process took over the archive; nothing was changed.', { cause: error })
    }
  }
}

/** A chunk whose pack is lost. */
type LostChunk = Readonly<Omit<ChunkRow, 'id'>> & { readonly id: number }

/** What lay in lost packs. */
interface Lost {
  readonly chunks: readonly LostChunk[]
  readonly indexes: readonly LostIndex[]
}

async function chunksIn({ read }: Database, packFileIds: readonly number[]): Promise<LostChunk[]> {
  const chunks: LostChunk[] = []
  for (const id of packFileIds) {
    const rows = await read
      .selectFrom('chunk')
      .selectAll()
      .where('pack_file_id', '=', id)
      .orderBy('pack_offset')
      .execute()
    chunks.push(...rows)
  }
  return chunks
}

async function holdArchive(database: Database, archiveId: number, signal: AbortSignal): Promise<Hold> {
  const end = performance.now() + leasePatienceMs
  while (performance.now() < end) {
    const hold = await holdLease(database, sealLeaseName(archiveId), leaseTtlMs)
    if (hold !== undefined) return hold
    await sleep(leasePollMs)
    signal.throwIfAborted()
  }
  throw new AshlarError('busy', 'The archive is being published to without a pause; try again later.')
}

async function rebuildArchive(
  context: RebuildContext,
  archiveId: number,
  lost: Lost,
  hold: Hold,
  signal: AbortSignal,
): Promise<RebuiltPack[]> {
  const { database, keys } = context
  const archive = await archiveById(database.read, archiveId)
  const listings = await listingsOfChunks(database, archiveId, lost.chunks)
  const packs: PackOutcome[] = []
  for (const fileId of new Set([
    ...lost.chunks.map((one) => one.pack_file_id),
    ...lost.indexes.map((one) => one.fileId),
  ])) {
    const chunks = lost.chunks.filter((chunk) => chunk.pack_file_id === fileId)
    const indexes = lost.indexes.filter((index) => index.fileId === fileId)
    packs.push(await packAgain(context, archive, { fileId, chunks, indexes }, listings, signal))
  }
  const moved = new Map(packs.filter((pack) => !pack.isSame).flatMap((pack) => [...pack.chunks]))
  const changed = moved.size === 0 ? [] : await changedIndexes(context, archiveId, moved, signal)
  const movedIndexes = new Map(packs.filter((pack) => !pack.isSame).flatMap((pack) => [...pack.indexes]))
  const unlisted = {
    chunks: lost.chunks.filter((chunk) => !listings.has(chunk.id)).map((chunk) => chunk.id),
    indexes: packs.flatMap((pack) => [...pack.unlistedIndexes, ...pack.leavingIndexes]),
  }
  const leaving = await leavingPdiffs(
    database.read,
    packs.flatMap((pack) => pack.leavingIndexes),
  )
  let issues = 0
  if (moved.size + movedIndexes.size + unlisted.chunks.length + unlisted.indexes.length > 0) {
    const signer = await keys.signer(archiveId)
    const rebuild = { archiveId, lease: hold.lease, moved, movedIndexes, unlisted, leaving, changed, signer, signal }
    issues = await commitRebuild(database, rebuild)
  }
  return packs.map((pack): RebuiltPack => {
    const { fileId, failure } = pack
    if (failure !== undefined) return { outcome: 'failed', fileId, reason: failure }
    return { outcome: 'rebuilt', fileId, sha256: pack.sha256, isSame: pack.isSame, issues: pack.isSame ? 0 : issues }
  })
}

/** Where each chunk is listed. What no map lists is needed by nobody, and must not be found by its text again. */
async function listingsOfChunks(
  database: Database,
  archiveId: number,
  lost: readonly LostChunk[],
): Promise<Map<number, Listing[]>> {
  const listings = new Map<number, Listing[]>()
  const ids = new Set(lost.map((chunk) => chunk.id))
  for await (const maps of mapsListing(database.read, archiveId, ids)) {
    for (const [id, more] of await listingsOf(database.read, maps)) {
      listings.set(id, [...(listings.get(id) ?? []), ...more])
    }
  }
  return listings
}

/** The forms in which it was packed. */
function formsIn(chunk: LostChunk): PackedForm[] {
  const sizes = { xz: chunk.xz_size, gz: chunk.gz_size, zst: chunk.zst_size }
  return (['xz', 'gz', 'zst'] as const).filter((form) => sizes[form] > 0)
}

interface PackOutcome {
  readonly fileId: number
  readonly sha256: Sha256
  readonly isSame: boolean
  /** Where its chunks are now, by their ids. */
  readonly chunks: ReadonlyMap<number, Chunk>
  /** Where its raw indexes are now, by their ids. */
  readonly indexes: ReadonlyMap<number, MovedIndex>
  /** Raw indexes that no retained revision has. */
  readonly unlistedIndexes: readonly number[]
  /** Patches of indexes, and indexes of them, which are not made again. */
  readonly leavingIndexes: readonly number[]
  /** Why some of it could not be made. */
  readonly failure: string | undefined
}

/** Makes what can be made of a pack, as one new pack. */
async function packAgain(
  { database, indexes, contents }: RebuildContext,
  archive: Archive,
  lost: Lost & { readonly fileId: number },
  listings: ReadonlyMap<number, readonly Listing[]>,
  signal: AbortSignal,
): Promise<PackOutcome> {
  let failure: string | undefined
  const rendered: LostChunk[] = []
  await using drafts = contents.start()
  const contentsTexts = new ContentsTexts(database.read, drafts)
  const texts = async function* (): AsyncGenerator<ChunkText, void, undefined> {
    for (const chunk of lost.chunks) {
      signal.throwIfAborted()
      const places = listings.get(chunk.id)
      if (places === undefined) continue
      const range = { firstKey: chunk.first_key, lastKey: chunk.last_key }
      const text = await chunkText(database.read, contentsTexts, { ...range, textSha256: chunk.text_sha256 }, places)
      if (text === undefined) {
        failure ??= isOutOfOrder(places)
          ? 'Long descriptions in the order of an older version are not made again; states since the next change of their suite have others.'
          : `The record of what was listed from “${chunk.first_key}” to “${chunk.last_key}” gives another text.`
        continue
      }
      rendered.push(chunk)
      yield { ...range, forms: formsIn(chunk), entries: chunk.entries, text }
    }
  }
  await using writer = indexes.startPack(archive.scopeId)
  await indexes.packTexts(texts(), writer)
  const offsets = new Map<number, number>()
  const unlistedIndexes: number[] = []
  const leavingIndexes: number[] = []
  for (const index of lost.indexes) {
    signal.throwIfAborted()
    const made = await remake(database.read, index)
    if (made.kind === 'made') offsets.set(index.id, await writer.addBytes(made.bytes))
    else if (made.kind === 'unlisted') unlistedIndexes.push(index.id)
    else if (made.kind === 'leaves') leavingIndexes.push(index.id)
    else failure ??= `Nothing on record gives the bytes of dists/${made.path} again.`
  }
  const pack = await writer.finish()
  const isSame = pack === undefined || pack.id === lost.fileId
  return {
    fileId: lost.fileId,
    sha256: pack?.sha256 ?? (await digestOf(database, lost.fileId)),
    isSame,
    chunks: new Map(
      writer.chunks.flatMap((chunk, i): [number, Chunk][] => {
        const id = rendered[i]?.id
        return id === undefined ? [] : [[id, { ...chunk, id }]]
      }),
    ),
    indexes: new Map(
      [...offsets].flatMap(([id, offset]): [number, MovedIndex][] =>
        pack === undefined ? [] : [[id, { from: lost.fileId, fileId: pack.id, offset }]],
      ),
    ),
    unlistedIndexes,
    leavingIndexes,
    failure,
  }
}

async function digestOf({ read }: Database, fileId: number): Promise<Sha256> {
  const { sha256 } = await read.selectFrom('file').select('sha256').where('id', '=', fileId).executeTakeFirstOrThrow()
  return parseSha256(sha256) ?? ('' as Sha256)
}
