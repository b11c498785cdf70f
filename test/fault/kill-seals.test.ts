/** kill -9 at every step of sealing revisions, during every kind of change. */
import { test } from 'node:test'
import type { FaultPoint } from '../../src/common/faults.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { killWalk } from './kill-walk.ts'

const points: readonly FaultPoint[] = [
  'change.record',
  'seal.prepare',
  'seal.pack',
  'seal.sign',
  'seal.before-commit',
  'seal.after-commit',
  'index.assemble',
]

test('what was acknowledged survives a kill at every step of a seal, whole, and the work goes on', async (t) => {
  await using home = await temporaryDirectory()
  const kills = await killWalk({ home: home.path }, points, { withBatches: true })
  t.diagnostic(`killed ${kills} times`)
})
