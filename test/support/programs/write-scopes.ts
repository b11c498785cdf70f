/**
 * Writes triples of scopes, each in one transaction: `write-scopes.ts URL half` stops in the middle of the second
 * transaction and says so; `write-scopes.ts URL all` goes on for ever and prints each number once it is acknowledged.
 */
import { openDatabase } from '../../../src/database/database.ts'

const [url = '', mode] = process.argv.slice(2)
const database = await openDatabase(url)
for (let number = 1; ; number += 1) {
  await database.write(async (trx) => {
    for (const part of ['a', 'b', 'c']) {
      await trx
        .insertInto('scope')
        .values({ name: `${number}${part}`, created_at: number })
        .execute()
      if (mode === 'half' && number === 2 && part === 'b') {
        console.log('half')
        await new Promise(() => setInterval(() => {}, 1000))
      }
    }
  })
  console.log(number)
}
