import { events } from './event-stream.ts'
import type { Transport } from './transport.ts'
import type { Completeness, MirrorChange, MirrorEvent, MirrorInfo, MirrorWish } from './mirror-types.ts'

/** The mirrors of a workspace. Errors: an AshlarError with the code of the server's problem document. */
export class MirrorsClient {
  readonly #transport: Transport
  readonly #root: string

  /** @param root the address of the workspace in the API */
  constructor(transport: Transport, root: string) {
    this.#transport = transport
    this.#root = `${root}/mirrors`
  }

  async list(): Promise<readonly MirrorInfo[]> {
    const answer = await this.#transport.json({ method: 'GET', path: this.#root, repeatable: true })
    return (answer as { mirrors: MirrorInfo[] }).mirrors
  }

  async show(name: string): Promise<MirrorInfo> {
    return (await this.#transport.json({ method: 'GET', path: this.#path(name), repeatable: true })) as MirrorInfo
  }

  /** For administrators. */
  async create(wish: MirrorWish): Promise<MirrorInfo> {
    const call = { method: 'POST', path: this.#root, json: wish, repeatable: false } as const
    return (await this.#transport.json(call)) as MirrorInfo
  }

  /** What is not given stays; the address and the limits are for administrators. */
  async set(name: string, change: MirrorChange): Promise<MirrorInfo> {
    const call = { method: 'PATCH', path: this.#path(name), json: change, repeatable: true } as const
    return (await this.#transport.json(call)) as MirrorInfo
  }

  /**
   * Takes over what upstream has now; the last event is the end. The work goes on when nobody listens any more, and who
   * asks again meanwhile hears of the same one.
   */
  update(
    name: string,
    options: { readonly acceptCodename?: boolean; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<MirrorEvent, void, undefined> {
    const { acceptCodename, signal } = options
    return this.#work(`${this.#path(name)}/update`, acceptCodename === undefined ? {} : { acceptCodename }, signal)
  }

  /** Fetches what the suite lists, as `update` otherwise. */
  fill(name: string, options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<MirrorEvent, void, undefined> {
    return this.#work(`${this.#path(name)}/fill`, undefined, options.signal)
  }

  /** Follows upstream no more; tells how much of what the suite lists was here. */
  async remove(name: string): Promise<{ readonly removed: string; readonly completeness: Completeness | null }> {
    const call = { method: 'DELETE', path: this.#path(name), repeatable: false } as const
    return (await this.#transport.json(call)) as { removed: string; completeness: Completeness | null }
  }

  async *#work(path: string, json: unknown, signal: AbortSignal | undefined): AsyncGenerator<MirrorEvent> {
    const call = { method: 'POST', path, ...(json !== undefined && { json }), repeatable: false, signal } as const
    for await (const event of events(this.#transport, call)) yield event as MirrorEvent
  }

  #path(name: string): string {
    return `${this.#root}/${encodeURIComponent(name)}`
  }
}
