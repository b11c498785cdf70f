/**
 * Vacuums as another process, and waits for little to be old: `vacuum.ts URL DATA-DIRECTORY [FAULT [DELETIONS UNNEEDED-MS]]`.
 * Once, or until it has deleted so many copies. Prints what failed, and ends.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { faultsFrom } from '../../../src/common/faults.ts'
import { openDatabase } from '../../../src/database/database.ts'
import { Maintenance } from '../../../src/maintenance/maintenance.ts'
import { openStorage } from '../../../src/storage/storage.ts'

const [url = '', dataDirectory = '', fault, deletions = '0', unneededMs = '0'] = process.argv.slice(2)
const faults = faultsFrom(fault)
const database = await openDatabase(url)
const storage = await openStorage({ database, dataDirectory, faults })
const ages = { leftoverMs: Number(unneededMs), unneededMs: Number(unneededMs), graceMs: 0 }
const maintenance = new Maintenance({ database, storage, faults, ages })
let deleted = 0
do {
  for await (const event of maintenance.vacuum()) {
    if (event.kind === 'failure') console.log(`failure: ${JSON.stringify(event)}`)
    if (event.kind === 'end') deleted += event.summary.deletions?.done ?? 0
  }
  if (deleted < Number(deletions)) await sleep(50)
} while (deleted < Number(deletions))
await maintenance[Symbol.asyncDispose]()
await storage[Symbol.asyncDispose]()
await database.close()
