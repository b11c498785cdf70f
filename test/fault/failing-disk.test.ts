/** A disk that is full or broken: the request is refused with a sentence, and nothing else suffers. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { AshlarError } from '../../src/common/errors.ts'
import { type FaultPoint, publishingFaultPoints } from '../../src/common/faults.ts'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish, Refused } from '../support/upload.ts'

const effects = [
  // Full for as long as the process lives; one point of each room.
  {
    effect: 'enospc',
    times: '1+',
    code: 'storage-full',
    sentence: /room|full/i,
    points: ['spool.write', 'store.move', 'store.record', 'artifact.complete', 'seal.pack', 'seal.before-commit'],
  },
  // Broken once.
  {
    effect: 'eio',
    times: '1',
    code: 'storage-failed',
    sentence: /refused|could not|failed/i,
    points: publishingFaultPoints,
  },
] as const

/** After the commit there is nothing left to refuse. */
const committed: ReadonlySet<FaultPoint> = new Set(['seal.after-commit'])

/** Uploads by the command. */
async function upload(server: Server, name: string): Promise<{ code: number | null; stderr: string }> {
  const file = `${server.home}/${name}_1.0_all.deb`
  await writeFile(file, makeDeb({ name, version: '1.0' }))
  return server.ashlar('upload', '--suite', 'stable', file)
}

async function namesIn(server: Server): Promise<string[]> {
  const { packages } = await checkSuite(server.apt, 'stable')
  return packages.map((line) => line.split(' ')[0] ?? '')
}

for (const { effect, times, code, sentence, points } of effects) {
  test(`${effect} at any step refuses the request as ${code}; what was there is served, and later requests work`, async () => {
    await using home = await temporaryDirectory()
    const setUp = await serve({ home: home.path })
    await setUp.workspace.createSuite({ name: 'stable' })
    assert.equal((await upload(setUp, 'kept')).code, 0)
    await setUp.stop()
    const kept = ['kept']
    for (const point of points.filter((each) => !committed.has(each))) {
      const name = `${effect}-${point.replaceAll('.', '-')}`
      await using server = await serve({ home: home.path, fault: `${point}:${effect}:${times}` })
      const before = await server.workspace.suite('stable')
      await assert.rejects(send(server, name), (error) => {
        assert.ok(error instanceof AshlarError || error instanceof Refused, String(error))
        assert.equal(error.code, code, `${point}: ${error.message}`)
        assert.match(error.message, sentence)
        return true
      })
      assert.deepEqual(await namesIn(server), kept, `${point}:${effect}`)
      assert.equal((await server.workspace.suite('stable')).revision, before.revision)

      // The disk has room again; the same request is made once more.
      const again = times === '1' ? server : await restarted(server)
      await send(again, name)
      kept.push(name)
      kept.sort()
      assert.deepEqual(await namesIn(again), kept)
      await again.stop()
    }
  })
}

async function restarted(server: Server): Promise<Server> {
  await server.stop()
  return await serve({ home: server.home })
}

/** By the client, which asks once. */
async function send(server: Server, name: string): Promise<void> {
  await publish(server, 'stable', { [`${name}_1.0_all.deb`]: makeDeb({ name, version: '1.0' }) }, { key: name })
}

test('the command says what is wrong with the disk, gives status 1, and succeeds when there is room again', async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path, fault: 'spool.write:enospc:6' })
  await server.workspace.createSuite({ name: 'stable' })
  // Written by now: three Releases of directories; a package and a chunk of the indexes.
  assert.equal((await upload(server, 'one')).code, 0)
  const { code, stderr } = await upload(server, 'two')
  assert.equal(code, 1, stderr)
  assert.match(stderr, /no room/)
  assert.deepEqual(await namesIn(server), ['one'])
  assert.equal((await upload(server, 'two')).code, 0)
  assert.deepEqual(await namesIn(server), ['one', 'two'])
})
