/** Locks a data directory, says so, and stays; or says that it was refused, and ends. */
import { lockDataDirectory } from '../../../src/database/data-directory-lock.ts'

try {
  const lock = lockDataDirectory(process.argv[2] ?? '')
  console.log('locked')
  setInterval(() => lock, 1000)
} catch (error) {
  console.log(`refused: ${String(error)}`)
}
