/** A second store for a server that stands still: its data are opened as the server would, and closed again. */
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { openDatabase } from '../../src/database/database.ts'
import { markDirectory } from '../../src/storage/store-marker.ts'
import { openStorage } from '../../src/storage/storage.ts'

/** Adds the store `backup`, and gives it a copy of everything. */
export async function withBackup(dataDirectory: string): Promise<void> {
  const database = await openDatabase(`sqlite:${join(dataDirectory, 'ashlar.db')}`)
  try {
    const identity = randomUUID()
    await markDirectory(join(dataDirectory, 'backup'), identity)
    await database.write(async (trx) => {
      const { id } = await trx
        .insertInto('file_store')
        .values({
          name: 'backup',
          kind: 'local',
          location_json: JSON.stringify({ directory: 'backup', identity }),
          next_generation: 0,
          used_files: 0,
          used_bytes: 0,
          holds_uploads: 0,
          created_at: 0,
        })
        .returning('id')
        .executeTakeFirstOrThrow()
      const policy = { populate: 1, drain: 0, read_only: 0, write_only: 0 } as const
      await trx
        .insertInto('store_policy')
        .values({ ...policy, store_id: id, scope_id: null })
        .execute()
    })
    await using storage = await openStorage({ database, dataDirectory })
    await using maintenance = new Maintenance({ database, storage })
    for await (const _event of maintenance.vacuum()) {
      // Carried out to its end.
    }
  } finally {
    await database.close()
  }
}

/** The paths of all files that lie in the store. */
export async function storedFiles(dataDirectory: string, store: 'store' | 'backup'): Promise<string[]> {
  const root = join(dataDirectory, store)
  const names = await readdir(root, { recursive: true })
  return names
    .filter((name) => /[0-9a-f]{64}/.test(name))
    .toSorted()
    .map((name) => join(root, name))
}
