/** kill -9 around the commit of a seal, with PostgreSQL; the next process waits for the lease of the dead one. */
import { it } from 'node:test'
import type { FaultPoint } from '../../src/common/faults.ts'
import { forEachDialect } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { killWalk } from './kill-walk.ts'

const points: readonly FaultPoint[] = ['artifact.complete', 'change.record', 'seal.before-commit', 'seal.after-commit']

forEachDialect((dialect, _open, createEmpty) => {
  if (dialect === 'sqlite') return
  it('what was acknowledged survives kills, and no number is used twice', async () => {
    await Promise.all(
      points.map(async (point) => {
        await using home = await temporaryDirectory()
        const { url } = await createEmpty()
        await killWalk({ home: home.path, database: url }, [point], { withBatches: true })
      }),
    )
  })
})
