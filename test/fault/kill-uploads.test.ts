/** kill -9 at every step of taking files in, during every kind of change. */
import { test } from 'node:test'
import type { FaultPoint } from '../../src/common/faults.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { killWalk } from './kill-walk.ts'

const points: readonly FaultPoint[] = [
  'spool.write',
  'spool.sync',
  'store.move',
  'store.sync-directory',
  'store.record',
  'artifact.record',
  'artifact.complete',
]

test('what was acknowledged survives a kill at every step of an upload, whole, and the work goes on', async (t) => {
  await using home = await temporaryDirectory()
  const kills = await killWalk({ home: home.path }, points)
  t.diagnostic(`killed ${kills} times`)
})
