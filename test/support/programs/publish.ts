/**
 * Publishes packages as one of several servers: `publish.ts URL DATA-DIRECTORY SUITE TTL-MS PACKAGE-ID...` adds them one
 * after the other, prints `change revision` for each, or the code of its refusal, and ends.
 */
import { openAccess } from '../../../src/access/access.ts'
import { AshlarError } from '../../../src/common/errors.ts'
import { openDatabase } from '../../../src/database/database.ts'
import { openRooms } from '../archive-world.ts'

const [url = '', dataDirectory = '', suite = '', ttlMs = '', ...packageIds] = process.argv.slice(2)
const database = await openDatabase(url)
const rooms = await openRooms(database, dataDirectory, { leaseTtlMs: Number(ttlMs) })
const workspace = await openAccess(database).workspace({ kind: 'anonymous' }, 'local', 'main', 'read')
console.log('open')
for (const packageId of packageIds.map(Number)) {
  try {
    const request = { kind: 'add', suite, packages: [{ packageId }] } as const
    const { change, revision } = await rooms.archives.submit(workspace, request, { userId: null })
    console.log(`${change} ${revision}`)
  } catch (error) {
    console.log(error instanceof AshlarError ? error.code : String(error))
  }
}
await rooms[Symbol.asyncDispose]()
for (const error of rooms.errors) console.log(`error: ${String(error)}`)
await database.close()
