/** A data directory with very many small files, as years of artifacts would have made it. */
import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openAccess } from '../../src/access/access.ts'
import { openDatabase } from '../../src/database/database.ts'
import { openStorage } from '../../src/storage/storage.ts'

export const fileBytes = 200
const filesPerArtifact = 10
const monthMicros = 30 * 24 * 3600 * 1_000_000

/** The content of the n-th file. */
export function contentOf(index: number): Buffer {
  return Buffer.alloc(fileBytes, `file ${index}\n`)
}

/** Makes the directory anew: `count` files of 200 bytes in the default store, all of complete artifacts, a month old. */
export async function makeManyFiles(dataDirectory: string, count: number): Promise<void> {
  await rm(dataDirectory, { recursive: true, force: true })
  await mkdir(dataDirectory, { recursive: true })
  const path = join(dataDirectory, 'ashlar.db')
  const database = await openDatabase(`sqlite:${path}`)
  const storage = await openStorage({ database, dataDirectory })
  await openAccess(database).ensureFirstStart()
  await storage[Symbol.asyncDispose]()
  await database.close()
  await fillStore(join(dataDirectory, 'store'), count)
  fillDatabase(path, count)
}

async function fillStore(store: string, count: number): Promise<void> {
  const atOnce = 64
  for (let start = 0; start < count; start += atOnce) {
    const indexes = Array.from({ length: Math.min(atOnce, count - start) }, (_, i) => start + i)
    await Promise.all(
      indexes.map(async (index) => {
        const content = contentOf(index)
        const digest = createHash('sha256').update(content).digest('hex')
        await writeFile(join(store, digest.slice(0, 2), digest), content)
      }),
    )
  }
}

/** In bulk, past the rooms: what is measured is what comes after. */
function fillDatabase(path: string, count: number): void {
  const db = new DatabaseSync(path)
  const then = Date.now() * 1000 - monthMicros
  db.exec('begin')
  const artifact = db.prepare(
    `insert into artifact (id, workspace_id, category, data_json, created_at, completed_at)
     values (?, 1, 'generic', '{}', ${then}, ${then})`,
  )
  const file = db.prepare(`insert into file (id, sha256, size, created_at) values (?, ?, ${fileBytes}, ${then})`)
  const copy = db.prepare(
    `insert into file_copy (file_id, store_id, generation, state, created_at, kept_at, used_at)
     values (?, 1, 0, 'present', ${then}, ${then}, ${then})`,
  )
  const name = db.prepare(
    `insert into artifact_file (artifact_id, path, sha256, size, file_id) values (?, ?, ?, ${fileBytes}, ?)`,
  )
  for (let index = 0; index < count; index += 1) {
    const id = index + 1
    const artifactId = Math.floor(index / filesPerArtifact) + 1
    const digest = createHash('sha256').update(contentOf(index)).digest('hex')
    if (index % filesPerArtifact === 0) artifact.run(artifactId)
    file.run(id, digest)
    copy.run(id)
    name.run(artifactId, `file-${index}`, digest, id)
  }
  db.exec(`update file_store set used_files = ${count}, used_bytes = ${count * fileBytes}`)
  db.exec('commit')
  db.close()
}
