/** The same digests are uploaded, deleted and uploaded again at one process while another vacuums them away. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import { onRealS3 } from '../support/buckets.ts'
import { startProgram } from '../support/child.ts'
import { forEachDialect, type OpenFresh } from '../support/databases.ts'
import { storageWorld, type StorageWorld } from '../support/storage-world.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const program = new URL('../support/programs/vacuum.ts', import.meta.url)
/** So many copies are vacuumed away meanwhile. */
const deletions = 12
/** Longer than an upload takes from its bytes to its record. */
const unneededMs = 1500

forEachDialect((_dialect, openFresh) => {
  it('between processes, in a directory: what is acknowledged is readable until it is deleted', async () => {
    await using world = await storageWorld(openFresh)
    await playBeside(world, world.dataDirectory)
  })
})

onRealS3((freshBucket) => {
  forEachDialect((dialect, openFresh: OpenFresh) => {
    if (dialect === 'sqlite') return
    it('between processes, on one PostgreSQL and one bucket: the same', async () => {
      await using bucket = await freshBucket()
      await using directory = await temporaryDirectory()
      await using world = await storageWorld(openFresh)
      await world.addBucket('bucket', bucket, { upload_priority: 200 })
      await world.policy('local', { upload_priority: null })
      await playBeside(world, directory.path)
      const keys = (await bucket.keys()).filter((key) => /[0-9a-f]{64}/.test(key))
      const rows = await world.copies()
      assert.ok(keys.length >= rows.filter((row) => row === 'bucket present').length)
    })
  })
})

async function playBeside(world: StorageWorld, vacuumDirectory: string): Promise<void> {
  const contents = Array.from({ length: 4 }, () => randomBytes(3000))
  const words = [world.databaseUrl, vacuumDirectory, '', String(deletions), String(unneededMs)]
  await using child = startProgram(program, words)
  const over = new AbortController()
  const said: string[] = []
  const listening = (async () => {
    for (let line = await child.line(); line !== undefined; line = await child.line()) said.push(line)
    over.abort()
  })()
  let rounds = 0
  const play = async (bytes: Buffer, pauseMs: number): Promise<void> => {
    while (!over.signal.aborted) {
      const artifact = await world.artifact({ a: bytes })
      assert.ok((await world.read(artifact, 'a')).equals(bytes))
      await pause(pauseMs)
      assert.ok((await world.read(artifact, 'a')).equals(bytes))
      await world.deleteArtifact(artifact)
      rounds += 1
      // Long enough, now and then, for the vacuum to begin with it.
      if (rounds % 3 === 0) await pause(unneededMs)
    }
  }
  await Promise.all(contents.map((bytes, index) => play(bytes, index * 30)))
  await listening
  assert.equal(await child.ended(), 0)
  assert.deepEqual(said, [])
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
}
