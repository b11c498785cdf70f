/** Uploads of sources whose other files a lazy mirror lists: these come from upstream, and not from whoever has them here. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { Incoming, type ReceivedUpload } from '../../src/incoming/incoming.ts'
import { refused } from '../support/archive-world.ts'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false

function changesOf(name: string, version: string, dsc: Buffer): Buffer {
  const digest = (kind: string): string => createHash(kind).update(dsc).digest('hex')
  const file = `${name}_${version}.dsc`
  return Buffer.from(`Format: 1.8
Source: ${name}
Architecture: source
Version: ${version}
Distribution: own
Checksums-Sha256:
 ${digest('sha256')} ${dsc.length} ${file}
Files:
 ${digest('md5')} ${dsc.length} misc optional ${file}
`)
}

/** Sends the .dsc and a .changes that names nothing else. */
async function uploadWithoutTarball({ world }: MirrorWorld, dsc: Buffer): Promise<ReceivedUpload | undefined> {
  const { db: database, storage, artifacts, archives, workspace } = world
  await using incoming = new Incoming({ database, storage, artifacts, archives })
  const { id: userId } = await database.read.selectFrom('user').select('id').executeTakeFirstOrThrow()
  const target = { workspace, suite: await incoming.suite(workspace, 'own'), userId }
  let upload: ReceivedUpload | undefined
  for (const [name, bytes] of [
    ['tools_1.0.dsc', dsc],
    ['tools_1.0_source.changes', changesOf('tools', '1.0', dsc)],
  ] as const) {
    const content = (async function* () {
      yield bytes
    })()
    upload = await incoming.receive(target, { name, sizeBytes: bytes.length, bytes: content })
  }
  return upload
}

forEachDialect((_dialect, openFresh) => {
  it(
    'an upload gets what a mirror lists from upstream, and never what another has under its digest',
    { skip },
    async () => {
      await using given = await mirrorWorld(openFresh)
      const { upstream, world } = given
      const { artifacts, storage } = world
      const directory = await upstream.source('tools', '1.0')
      const dsc = await upstream.read(`${directory}/tools_1.0.dsc`)
      const tarball = `${directory}/tools_1.0.tar.gz`
      const bytes = await upstream.read(tarball)
      // The victim has the source; the other knows its digests, and lists it in an archive of their own.
      const victim = await world.emptyWorkspace()
      const spool = async (content: Buffer) => {
        const writer = await storage.spool.create()
        await writer.append([content])
        return writer.finish()
      }
      const others = new Map([['tools_1.0.tar.gz', await spool(bytes)]])
      await artifacts.ingestSource(victim, await spool(dsc), others, 'tools_1.0.dsc', { userId: null })
      await upstream.publish()
      await upstream.delete(tarball)
      await given.mirror({ sources: true })
      await given.update()
      await world.suite('own')
      await assert.rejects(uploadWithoutTarball(given, dsc), refused('upstream-failed', /404/))
      assert.deepEqual((await artifacts.list(world.workspace, {})).items, [])
      // What upstream gives need not be sent again.
      await upstream.source('tools', '1.0')
      const upload = await uploadWithoutTarball(given, dsc)
      assert.equal(upload?.state, 'accepted', JSON.stringify(upload))
      await upstream.delete(tarball)
      assert.ok((await given.download(tarball)).equals(bytes))
    },
  )
})
