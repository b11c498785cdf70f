/** kill -9 at every step of the first scan of `serve DIR`. */
import assert from 'node:assert/strict'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { publishingFaultPoints } from '../../src/common/faults.ts'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve, tryServe } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { dropLeftovers } from './kill-walk.ts'

/** A package that the server takes in itself is recorded as complete. */
const points = publishingFaultPoints.filter((point) => point !== 'artifact.complete')

const first = makeDeb({ name: 'one', version: '1.0' })
const second = makeDeb({ name: 'two', version: '1.0', architecture: 'amd64' })

test('a first scan that is killed at any step is finished by the next start', async (t) => {
  await using prepared = await temporaryDirectory()
  await makeDataDirectory(prepared.path)
  let kills = 0
  for (const point of points) {
    const before = kills
    while (await isKilledAt(`${point}:kill:${kills - before + 1}`, prepared.path)) kills += 1
    assert.ok(kills > before, `nothing reaches ${point}`)
  }
  t.diagnostic(`killed ${kills} times`)
})

/** Everything that comes before the scan: the tables, the token. No point is reached on the way. */
async function makeDataDirectory(home: string): Promise<void> {
  await using server = await serve({ home, fault: points.map((point) => `${point}:kill:1`).join(',') })
  assert.deepEqual(await server.workspace.suites(), [])
  await server.stop()
}

/** One first scan on a copy of the prepared data directory. */
async function isKilledAt(fault: string, prepared: string): Promise<boolean> {
  await using home = await temporaryDirectory()
  await cp(prepared, home.path, { recursive: true })
  const debs = join(home.path, 'debs')
  await mkdir(join(debs, 'deeper'), { recursive: true })
  await writeFile(join(debs, 'one.deb'), first)
  await writeFile(join(debs, 'deeper/two.deb'), second)
  const wish = { home: home.path, words: [debs] }
  const faulty = await tryServe({ ...wish, fault })
  if ('url' in faulty) {
    await faulty.stop()
    return false
  }
  assert.equal(faulty.signal, 'SIGKILL', faulty.stderr)
  await dropLeftovers(wish)
  await using server = await serve(wish)
  const { packages, indexes } = await checkSuite(server.apt, 'stable')
  assert.deepEqual(packages, ['one 1.0 all', 'two 1.0 amd64'], fault)
  assert.equal(indexes.get('main/binary-amd64/Packages')?.length, 2)
  const { packages: members } = await server.workspace.packages('stable')
  assert.equal(members.length, 2)
  // The suite, then its packages: a crash makes no revision of its own.
  assert.equal((await server.workspace.suite('stable')).revision, 2, fault)
  return true
}
