/** A key that is taken out of a keyring while an upload with its signature is looked at counts no more. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as openpgp from 'openpgp'
import { openArchives } from '../../src/archive/archives.ts'
import type { Faults } from '../../src/common/faults.ts'
import { Incoming, type ReceivedUpload } from '../../src/incoming/incoming.ts'
import { Keyrings } from '../../src/incoming/keyrings.ts'
import { artifactRoom } from '../support/artifact-room.ts'
import { forEachDialect, type OpenFresh } from '../support/databases.ts'
import { makeDeb } from '../support/make-deb.ts'

const deb = makeDeb({ name: 'hello', version: '1.0' })
const { privateKey, publicKey } = await openpgp.generateKey({
  userIDs: [{ name: 'Developer' }],
  format: 'object',
  date: new Date(Date.now() - 10_000),
})
const fingerprint = publicKey.getFingerprint().toUpperCase()

function changesText(): string {
  const digest = (kind: string): string => createHash(kind).update(deb).digest('hex')
  const file = 'hello_1.0_all.deb'
  return `Format: 1.8
Source: hello
Architecture: all
Version: 1.0
Distribution: unstable
Checksums-Sha256:
 ${digest('sha256')} ${deb.length} ${file}
Files:
 ${digest('md5')} ${deb.length} misc optional ${file}
`
}

/** Sends a signed upload; what `before` does happens when it has been found good and is about to be recorded. */
async function upload(
  openFresh: OpenFresh,
  options: { readonly signedUploads: boolean; readonly who: 'known' | 'stranger' },
  before: (base: Awaited<ReturnType<typeof artifactRoom>>) => Promise<void>,
): Promise<ReceivedUpload | undefined> {
  await using base = await artifactRoom(openFresh)
  const { db, storage, artifacts, workspace, userId } = base
  const archives = await openArchives({ database: db, storage, publicUrl: () => 'http://localhost' })
  const faults: Faults = { reach: async (point) => (point === 'upload.record' ? before(base) : undefined) }
  await using incoming = new Incoming({ database: db, storage, artifacts, archives, faults })
  await new Keyrings(db).add(workspace, 'developers', publicKey.armor(), userId)
  const { signedUploads, who } = options
  const settings = { keyrings: ['developers'], signedUploads, signatureSuffices: true }
  await archives.submit(workspace, { kind: 'suite-create', suite: 'unstable', settings }, { userId })
  const message = await openpgp.createCleartextMessage({ text: changesText() })
  const changes = await openpgp.sign({ message, signingKeys: privateKey })
  const send = async (name: string, bytes: Uint8Array): Promise<ReceivedUpload | undefined> => {
    const suite = await incoming.suite(workspace, 'unstable')
    const sender = who === 'known' ? userId : null
    return incoming.receive({ workspace, suite, userId: sender }, { name, sizeBytes: bytes.length, bytes: once(bytes) })
  }
  await send('hello_1.0_all.deb', deb)
  const received = await send('hello_1.0_all.changes', Buffer.from(changes.replaceAll('\r', '')))
  await archives.close()
  return received
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const subjectToIt = [
  { signedUploads: true, who: 'known' },
  { signedUploads: false, who: 'stranger' },
] as const

forEachDialect((_dialect, openFresh) => {
  it('an upload whose key was removed before it is recorded is refused, with the key', async () => {
    for (const options of subjectToIt) {
      const received = await upload(openFresh, options, async ({ db, workspace }) =>
        new Keyrings(db).removeKey(workspace, 'developers', fingerprint),
      )
      assert.equal(received?.state, 'refused', JSON.stringify(received))
      const last = received.findings.at(-1)
      assert.deepEqual([last?.subject, last?.good], ['signature', false])
      assert.match(last?.text ?? '', new RegExp(`${fingerprint}.* taken out of the keyrings`))
    }
  })

  it('so is one whose keyring is going in the same moment', async () => {
    let removal: Promise<void> | undefined
    const received = await upload(openFresh, { signedUploads: true, who: 'known' }, async ({ db }) => {
      const deleted = Promise.withResolvers<void>()
      removal = db.write(async (trx) => {
        await trx.deleteFrom('keyring_key').execute()
        await trx.deleteFrom('keyring').execute()
        deleted.resolve()
        // The upload is recorded meanwhile, if nothing keeps it from that.
        await sleep(500)
      })
      await deleted.promise
    })
    await removal
    assert.equal(received?.state, 'refused', JSON.stringify(received))
  })

  it('where no signature is asked for, an upload with a token goes on', async () => {
    const received = await upload(openFresh, { signedUploads: false, who: 'known' }, async ({ db, workspace }) =>
      new Keyrings(db).remove(workspace, 'developers'),
    )
    assert.equal(received?.state, 'accepted', JSON.stringify(received))
  })
})
