/**
 * What of an import is done already, told by idempotency keys: each batch has one that is made of what it brings, so that
 * a run that was interrupted goes on, and none brings anything twice.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { hash } from 'node:crypto'
import type { SealedBatch, WorkspaceClient } from '../client/client.ts'

/** The batches that were sealed under a name, oldest first, and the key of the next one. */
export interface Done {
  readonly batches: readonly SealedBatch[]
  readonly nextKey: string
}

const ASKED_AGAIN_AFTER_MS = 500

export class ImportKeys {
  readonly #workspace: WorkspaceClient
  readonly #origin: string

  /** @param origin tells imports into one workspace apart */
  constructor(workspace: WorkspaceClient, origin: string) {
    this.#workspace = workspace
    this.#origin = origin
  }

  /** Under a name may be several batches: it is counted, and what was refused is passed over. */
  async done(name: string): Promise<Done> {
    const batches: SealedBatch[] = []
    for (let number = 1; ; number += 1) {
      const key = `import:${this.#origin}:${hash('sha256', name).slice(0, 32)}:${number}`
      const status = await this.#decided(key)
      if (status === undefined) return { batches, nextKey: key }
      if (status.batch !== undefined) batches.push(status.batch)
    }
  }

  /** A batch that is still being sealed, since the run that asked for it was killed, is waited for. */
  async #decided(key: string): ReturnType<WorkspaceClient['changeOfKey']> {
    for (;;) {
      const status = await this.#workspace.changeOfKey(key)
      if (status?.state !== 'preparing' && status?.state !== 'pending') return status
      await sleep(ASKED_AGAIN_AFTER_MS)
    }
  }
}
