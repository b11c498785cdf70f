/** Texts of Contents indexes, made again from what a suite held at a revision. */
import type { Kysely } from 'kysely'
import type { Tables } from '../../database/schema.ts'
import type { ContentsDrafts } from './contents-drafts.ts'
import { pathsOfAll } from './contents-lists.ts'
import { listedIn } from './contents-places.ts'
import type { PlannedChunk } from '../index-map.ts'
import { itemsAt, type Place, placeKey } from '../suite-items.ts'

const none: ReadonlySet<number> = new Set()

/** Makes each index whole, once: any package may have a path in any chunk, and equal content is cut into equal chunks. */
export class ContentsTexts {
  readonly #db: Kysely<Tables>
  readonly #drafts: ContentsDrafts
  readonly #made = new Map<string, ReadonlyMap<string, PlannedChunk>>()

  constructor(db: Kysely<Tables>, drafts: ContentsDrafts) {
    this.#db = db
    this.#drafts = drafts
  }

  /** The text of the chunk that starts with a path, if there is one. */
  async chunkAt(
    listing: { readonly suiteId: number; readonly place: Place; readonly revision: number },
    firstKey: string,
  ): Promise<Buffer | undefined> {
    const { suiteId, place, revision } = listing
    const name = `${suiteId} ${revision} ${placeKey(place)}`
    const chunks = this.#made.get(name) ?? (await this.#make(listing))
    this.#made.set(name, chunks)
    const chunk = chunks.get(firstKey)
    return chunk?.kind === 'new' ? chunk.text() : undefined
  }

  async #make({ suiteId, place, revision }: Parameters<ContentsTexts['chunkAt']>[0]) {
    const lists = listedIn(place)
    if (lists === undefined) return new Map<string, PlannedChunk>()
    const view = { items: () => itemsAt(this.#db, revision), without: none }
    const chunks = await this.#drafts.plan([], pathsOfAll(this.#db, { suiteId, ...lists }, view))
    return new Map(chunks.map((chunk) => [chunk.kind === 'new' ? chunk.firstKey : '', chunk]))
  }
}
