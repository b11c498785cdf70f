import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { temporaryDirectory } from '../../../test/support/temporary-directory.ts'
import { openDatabase } from '../database.ts'

it('who reads page after page lets the rest of the process have its turns', async () => {
  await using directory = await temporaryDirectory()
  await using db = await openDatabase(`sqlite:${join(directory.path, 'ashlar.db')}`)
  let turns = 0
  const count = setInterval(() => (turns += 1), 1)
  const startedAt = performance.now()
  while (performance.now() - startedAt < 200) await db.read.selectFrom('scope').selectAll().execute()
  clearInterval(count)
  assert.ok(turns >= 2, `${turns} turns`)
})
