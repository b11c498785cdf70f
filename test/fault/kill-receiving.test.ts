/** kill -9 at every step of an upload as dput makes it; it is there as a whole in the end, once. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { receivingFaultPoints } from '../../src/common/faults.ts'
import { buildToolMissing, buildUpload } from '../support/debian-build.ts'
import { GpgHome } from '../support/gpg.ts'
import { serve, tryServe } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { put, sendUpload } from '../support/upload-client.ts'

/** In the order of their steps. From `upload.record` on the next server goes on with the upload by itself. */
const kills = [
  'incoming.reserve:kill:1',
  'spool.sync:kill:2',
  'store.record:kill:3',
  'incoming.record:kill:4',
  'upload.record:kill:1',
  'artifact.record:kill:1',
  'artifact.record:kill:2',
  'change.record:kill:1',
  'seal.before-commit:kill:1',
  'seal.after-commit:kill:1',
  'upload.finish:kill:1',
]

test(
  'an upload that is killed at each of its steps is published once, as a whole',
  { skip: buildToolMissing() ?? false },
  async (t) => {
    for (const point of receivingFaultPoints)
      assert(
        kills.some((kill) => kill.startsWith(`${point}:`)),
        point,
      )
    const gpg = new GpgHome()
    t.after(() => gpg.close())
    await using home = await temporaryDirectory()
    const key = gpg.key('Developer')
    const built = await buildUpload(join(home.path, 'build'), {
      name: 'hello',
      version: '1.0',
      only: 'source',
      signer: { home: gpg, key },
    })
    {
      await using server = await serve({ home: home.path })
      await writeFile(join(home.path, 'developers.asc'), gpg.armored(key))
      await server.ashlar('keyring', 'add', 'developers', 'developers.asc')
      await server.workspace.createSuite({ name: 'unstable', keyrings: ['developers'], signedUploads: true })
      await server.stop()
    }
    const before: string[] = []
    for (const fault of kills) {
      const server = await tryServe({ home: home.path, fault })
      if ('url' in server) {
        before.push(fault)
        const answer = sendUpload(`${server.url}/upload/local/main/unstable`, built, { token: server.token })
        await assert.rejects(answer, /ECONNRESET|socket hang up|ECONNREFUSED/, fault)
        assert.equal((await server.ended).signal, 'SIGKILL', fault)
      } else {
        // It was going on with the upload.
        assert.equal(server.signal, 'SIGKILL', `${fault}: ${server.stderr}`)
      }
    }
    assert.deepEqual(before, kills.slice(0, 6), 'what is recorded needs nobody to send it again')
    await using server = await serve({ home: home.path })
    const { uploads } = await server.workspace.uploads()
    assert.deepEqual(
      uploads.map((upload) => [upload.id, upload.state]),
      [[1, 'accepted']],
    )
    const { packages } = await server.workspace.packages('unstable')
    assert.deepEqual(
      packages.map((each) => `${each.name} ${each.version} ${each.architecture}`),
      ['hello 1.0 source'],
    )
    const { history } = await server.workspace.history('unstable')
    assert.equal(history.filter((entry) => entry.changes.some((change) => change.kind === 'add')).length, 1)
    assert.deepEqual(await server.workspace.incoming(), [])
    const { artifacts } = await server.workspace.artifacts()
    assert.deepEqual(artifacts.map((artifact) => artifact.category).toSorted(), [
      'debian:source-package',
      'debian:upload',
    ])
    const name = basename(built.changes)
    const again = await put(
      `${server.url}/upload/local/main/unstable/${name}`,
      await readFile(built.changes),
      server.token,
    )
    assert.equal(again.status, 200)
    assert.match(again.reason, /^Accepted .* r2\. /)
  },
)
