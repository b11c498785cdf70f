/**
 * Vacuums once as another process, and waits for nothing to be old: `vacuum.ts URL DATA-DIRECTORY [FAULT]`. Prints what
 * failed, and ends.
 */
import { faultsFrom } from '../../../src/common/faults.ts'
import { openDatabase } from '../../../src/database/database.ts'
import { Maintenance } from '../../../src/maintenance/maintenance.ts'
import { openStorage } from '../../../src/storage/storage.ts'

const [url = '', dataDirectory = '', fault] = process.argv.slice(2)
const faults = faultsFrom(fault)
const database = await openDatabase(url)
const storage = await openStorage({ database, dataDirectory, faults })
const ages = { leftoverMs: 0, unneededMs: 0, graceMs: 0 }
const maintenance = new Maintenance({ database, storage, faults, ages })
for await (const event of maintenance.vacuum()) {
  if (event.kind === 'failure') console.log(`failure: ${JSON.stringify(event)}`)
}
await maintenance[Symbol.asyncDispose]()
await storage[Symbol.asyncDispose]()
await database.close()
