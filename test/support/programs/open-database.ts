/** Opens a database and closes it: exits with 0 if both succeed. `open-database.ts URL leave` leaves it open instead. */
import { openDatabase } from '../../../src/database/database.ts'

const [url = '', mode] = process.argv.slice(2)
const database = await openDatabase(url)
await database.read.selectFrom('scope').select('id').execute()
console.log('open')
if (mode !== 'leave') await database.close()
