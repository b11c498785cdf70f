/** Artifacts over several stores, with a vacuum that does not wait for anything to be old. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import type { Artifact } from '../../src/artifact/artifacts.ts'
import { type Ages, Maintenance, type PlanLine, type VacuumEvent } from '../../src/maintenance/maintenance.ts'
import type { Updateable } from 'kysely'
import type { FileStoreTable, StorePolicyTable } from '../../src/database/schema.ts'
import { markDirectory } from '../../src/storage/store-marker.ts'
import { type ArtifactRoom, artifactRoom } from './artifact-room.ts'
import type { OpenFresh } from './databases.ts'
import { readAll } from './read-all.ts'

/** Nothing waits to be old. */
export const noWait: Ages = { leftoverMs: 0, unneededMs: 0, graceMs: 0 }

/** Where a bucket is, as a store's row has it. */
export interface Bucket {
  readonly location: object
  readonly secret: object
}

export interface StorageWorld extends ArtifactRoom {
  readonly maintenance: Maintenance
  /** A complete artifact of these files. */
  artifact(files: Readonly<Record<string, Uint8Array>>): Promise<Artifact>
  deleteArtifact(artifact: Artifact): Promise<void>
  /** A store in a directory of its own, with a policy for all scopes. */
  addStore(name: string, policy?: Updateable<StorePolicyTable>): Promise<void>
  /** The same for a bucket. */
  addBucket(name: string, bucket: Bucket, policy?: Updateable<StorePolicyTable>): Promise<void>
  /** Sets parts of a store's policy for all scopes, or for one. */
  policy(store: string, values: Updateable<StorePolicyTable>, scopeId?: number): Promise<void>
  limit(store: string, values: Updateable<FileStoreTable>): Promise<void>
  vacuum(): Promise<VacuumEvent[]>
  /** A vacuum that condemns, and deletes nothing yet. */
  readonly slow: { vacuum(): Promise<void> }
  /** The lines of a dry run: `stage action bytes`. */
  plan(): Promise<string[]>
  /** `store state` of every copy. */
  copies(): Promise<string[]>
  storesOf(artifact: Artifact, path: string): Promise<string[]>
  read(artifact: Artifact, path: string): Promise<Buffer>
  /** The paths of the files that lie in a store. */
  stored(store: string): Promise<string[]>
}

export async function storageWorld(
  openFresh: OpenFresh,
  options: { readonly faults?: string; readonly ages?: Partial<Ages> } = {},
): Promise<StorageWorld> {
  const room = await artifactRoom(openFresh, options)
  const { db, storage } = room
  const maintenance = new Maintenance({ database: db, storage, ages: { ...noWait, ...options.ages } })
  const directoryOf = (store: string): string => join(room.dataDirectory, store === 'local' ? 'store' : store)
  const storeId = async (name: string): Promise<number> => {
    const row = await db.read.selectFrom('file_store').select('id').where('name', '=', name).executeTakeFirstOrThrow()
    return row.id
  }
  const insertStore = async (
    name: string,
    store: { kind: 'local' | 's3'; location: object; secret?: object },
  ): Promise<void> => {
    await db.write((trx) =>
      trx
        .insertInto('file_store')
        .values({
          name,
          kind: store.kind,
          location_json: JSON.stringify(store.location),
          secret_json: store.secret === undefined ? null : JSON.stringify(store.secret),
          next_generation: 0,
          used_files: 0,
          used_bytes: 0,
          holds_uploads: 0,
          created_at: 0,
        })
        .execute(),
    )
  }
  const world: StorageWorld = {
    ...room,
    maintenance,
    async artifact(files) {
      let artifact = await room.announce('generic', files)
      for (const path of artifact.missing) artifact = await room.send(artifact, path, files[path] ?? Buffer.alloc(0))
      return artifact
    },
    deleteArtifact: (artifact) => room.artifacts.delete(room.workspace, artifact.id),
    async addStore(name, policy = {}) {
      const identity = randomUUID()
      await markDirectory(directoryOf(name), identity)
      await insertStore(name, { kind: 'local', location: { directory: directoryOf(name), identity } })
      await world.policy(name, policy)
    },
    async addBucket(name, { location, secret }, policy = {}) {
      await insertStore(name, { kind: 's3', location, secret })
      await world.policy(name, policy)
    },
    async policy(store, values, scopeId) {
      const id = await storeId(store)
      await db.write(async (trx) => {
        const changed = await trx
          .updateTable('store_policy')
          .set({ ...values, store_id: id })
          .where('store_id', '=', id)
          .where('scope_id', 'is not distinct from', scopeId ?? null)
          .executeTakeFirst()
        if (changed.numUpdatedRows > 0n) return
        await trx
          .insertInto('store_policy')
          .values({
            ...values,
            store_id: id,
            scope_id: scopeId ?? null,
            populate: values.populate ?? 0,
            drain: values.drain ?? 0,
            read_only: values.read_only ?? 0,
            write_only: values.write_only ?? 0,
          })
          .execute()
      })
      storage.stores.forget()
    },
    async limit(store, values) {
      await db.write((trx) => trx.updateTable('file_store').set(values).where('name', '=', store).execute())
      storage.stores.forget()
    },
    slow: {
      async vacuum() {
        const ages = { ...noWait, graceMs: 1e9 }
        await using slow = new Maintenance({ database: db, storage, ages })
        for await (const _event of slow.vacuum()) {
          // What it does is what is tried.
        }
        storage.stores.forget()
      },
    },
    async vacuum() {
      const events: VacuumEvent[] = []
      for await (const event of maintenance.vacuum()) if (event.kind !== 'end') events.push(event)
      storage.stores.forget()
      return events
    },
    async plan() {
      const lines: PlanLine[] = []
      for await (const event of maintenance.vacuum({ dryRun: true })) if (event.kind === 'line') lines.push(event.line)
      return lines.map(({ stage, action, bytes }) => `${stage} ${action} ${bytes}`)
    },
    async copies() {
      const rows = await db.read
        .selectFrom('file_copy')
        .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
        .select(['file_store.name', 'file_copy.state'])
        .execute()
      return rows.map((row) => `${row.name} ${row.state}`).toSorted()
    },
    async storesOf(artifact, path) {
      const rows = await db.read
        .selectFrom('artifact_file')
        .innerJoin('file_copy', 'file_copy.file_id', 'artifact_file.file_id')
        .innerJoin('file_store', 'file_store.id', 'file_copy.store_id')
        .select('file_store.name')
        .where('artifact_file.artifact_id', '=', artifact.id)
        .where('artifact_file.path', '=', path)
        .where('file_copy.state', '=', 'present')
        .execute()
      return rows.map((row) => row.name).toSorted()
    },
    async read(artifact, path) {
      return await readAll((await room.artifacts.openFile(room.workspace, artifact.id, path)).stream)
    },
    async stored(store) {
      const names = await readdir(directoryOf(store), { recursive: true })
      return names.filter((name) => /[0-9a-f]{64}/.test(name)).map((name) => join(directoryOf(store), name))
    },
    async [Symbol.asyncDispose]() {
      await maintenance[Symbol.asyncDispose]()
      await room[Symbol.asyncDispose]()
    },
  }
  return world
}
