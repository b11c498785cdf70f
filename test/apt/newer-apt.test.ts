/** Newer apts than this machine's, in a directory of their own: Sequoia's signature checks, and snapshots by option. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aptRoot } from '../support/apt-root.ts'
import { makeDeb } from '../support/make-deb.ts'
import { otherRelease } from '../support/other-release.ts'
import { serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish } from '../support/upload.ts'

for (const name of ['trixie', 'sid'] as const) {
  const found = await otherRelease(name)
  const skip = 'missing' in found ? `there is no ${name} here: ${found.missing}` : false
  const release = 'path' in found ? found.path : ''

  describe(`the apt of ${name}`, { skip }, () => {
    it('updates, downloads, and takes a snapshot by number or moment where the Release names them', async () => {
      await using home = await temporaryDirectory()
      await using server = await serve({ home: home.path })
      await server.workspace.createSuite({ name: 'stable', versions: 'newest' })
      const old = makeDeb({ name: 'one', version: '1.0' })
      const first = await publish(server, 'stable', { 'one_1.0_all.deb': old })
      await endOfSecond(first.sealedAt)
      await publish(server, 'stable', { 'one_1.1_all.deb': makeDeb({ name: 'one', version: '1.1' }) })
      await publish(server, 'stable', { 'one_1.2_all.deb': makeDeb({ name: 'one', version: '1.2' }) })
      await using apt = await aptRoot({ release })
      await apt.source(await server.workspace.sources('stable'))
      const live = await apt.update()
      assert.equal(live.code, 0, live.output)
      assert.doesNotMatch(live.output, /^W:/m)
      assert.deepEqual(await apt.available('one'), ['one 1.2'])
      const moment = `${first.sealedAt.slice(0, 19).replaceAll(/[-:]/g, '')}Z`
      for (const id of [`r${first.revision}`, moment]) {
        const { code, output } = await apt.update('--snapshot', id)
        assert.equal(code, 0, output)
        const got = await apt.download('download', '-S', id, 'one=1.0')
        assert.deepEqual(got.get('one_1.0_all.deb'), old, id)
      }
      const unknown = await apt.update('-S', 'r99')
      assert.equal(unknown.code, 100, unknown.output)
    })

    it('reads long descriptions of their own, and packages for all architectures once', async () => {
      await using home = await temporaryDirectory()
      await using server = await serve({ home: home.path })
      await server.workspace.createSuite({ name: 'stable', translations: true, architectureAll: 'separate' })
      const description = 'greets\n Says hello to whom it meets.'
      await publish(server, 'stable', { 'every_1.0_all.deb': makeDeb({ name: 'every', version: '1.0', description }) })
      await using apt = await aptRoot({ release })
      await apt.source(await server.workspace.sources('stable'))
      const { code, output } = await apt.update()
      assert.equal(code, 0, output)
      assert.doesNotMatch(output, /^W:/m)
      assert.deepEqual(await apt.available('every'), ['every 1.0'])
      assert.match((await apt.cache('show', 'every')).stdout, /^Description(?:-en)?: greets\n Says hello/m)
      assert.equal((await apt.download('download', 'every')).size, 1)
    })
  })
}

async function endOfSecond(time: string): Promise<void> {
  const end = Date.parse(`${time.slice(0, 19)}Z`) + 1000
  while (Date.now() < end) await new Promise((resolve) => setTimeout(resolve, end - Date.now()))
}
