/**
 * The difference of two states, read off the chunks that differ: equal content has equal chunks, so its cost is that
 * of the difference.
 */
import type { Kysely } from 'kysely'
import type { Tables } from '../database/schema.ts'
import type { Storage } from '../storage/storage.ts'
import { chunkPieces, readPieces } from './assembly.ts'
import type { PackageLine } from './change-request.ts'
import type { Chunk, ChunkTable } from './chunk-table.ts'
import { mapsAt } from './release-table.ts'
import { isItemPlace, type Place } from './suite-items.ts'

export interface PackageChange {
  readonly name: string
  readonly architecture: string
  readonly component: string
  readonly from: string
  readonly to: string
}

export interface SuiteDiff {
  readonly added: readonly PackageLine[]
  readonly removed: readonly PackageLine[]
  /** A version that took the place of another, of the same name and architecture. */
  readonly changed: readonly PackageChange[]
}

export interface SuiteState {
  readonly suiteId: number
  readonly revision: number
}

export interface DiffContext {
  readonly db: Kysely<Tables>
  readonly storage: Storage
  readonly chunks: ChunkTable
}

export async function diffSuites(context: DiffContext, from: SuiteState, to: SuiteState): Promise<SuiteDiff> {
  const before = await mapsAt(context.db, from.suiteId, from.revision)
  const after = await mapsAt(context.db, to.suiteId, to.revision)
  const removed: PackageLine[] = []
  const added: PackageLine[] = []
  for (const name of [...new Set([...before.keys(), ...after.keys()])].toSorted()) {
    const [old, now] = [before.get(name), after.get(name)]
    const place = old?.place ?? now?.place
    if (place === undefined || !isItemPlace(place) || old?.mapId === now?.mapId) continue
    const oldChunks = old === undefined ? [] : await context.chunks.ofMap(old.mapId)
    const newChunks = now === undefined ? [] : await context.chunks.ofMap(now.mapId)
    const [onlyOld, onlyNew] = [without(oldChunks, newChunks), without(newChunks, oldChunks)]
    const oldLines = await linesOf(context.storage, place, onlyOld)
    const newLines = await linesOf(context.storage, place, onlyNew)
    for (const [key, line] of oldLines) if (!newLines.has(key)) removed.push(line)
    for (const [key, line] of newLines) if (!oldLines.has(key)) added.push(line)
  }
  return pairVersions(added, removed)
}

function without(chunks: readonly Chunk[], others: readonly Chunk[]): Chunk[] {
  const known = new Set(others.map((chunk) => chunk.id))
  return chunks.filter((chunk) => !known.has(chunk.id))
}

/** The packages that chunks list, by name and version. */
async function linesOf(storage: Storage, place: Place, chunks: readonly Chunk[]): Promise<Map<string, PackageLine>> {
  const lines = new Map<string, PackageLine>()
  for (const chunk of chunks) {
    const text: Uint8Array[] = []
    for await (const bytes of readPieces(storage, chunkPieces('plain', [chunk]))) text.push(bytes)
    for (const stanza of Buffer.concat(text).toString().split('\n\n')) {
      const name = /^Package: (.*)$/m.exec(stanza)?.[1]
      const version = /^Version: (.*)$/m.exec(stanza)?.[1]
      if (name === undefined || version === undefined) continue
      lines.set(`${name} ${version}`, {
        name,
        version,
        architecture: place.architecture,
        component: place.component,
      })
    }
  }
  return lines
}

function pairVersions(added: readonly PackageLine[], removed: readonly PackageLine[]): SuiteDiff {
  const key = (line: PackageLine): string => `${line.name} ${line.architecture} ${line.component}`
  const addedBy = Map.groupBy(added, key)
  const removedBy = Map.groupBy(removed, key)
  const changed: PackageChange[] = []
  const paired = new Set<PackageLine>()
  for (const [name, [to, ...more]] of addedBy) {
    const [from, ...others] = removedBy.get(name) ?? []
    if (to === undefined || from === undefined || more.length > 0 || others.length > 0) continue
    const { architecture, component } = to
    changed.push({ name: to.name, architecture, component, from: from.version, to: to.version })
    paired.add(to).add(from)
  }
  return {
    added: added.filter((line) => !paired.has(line)),
    removed: removed.filter((line) => !paired.has(line)),
    changed,
  }
}
