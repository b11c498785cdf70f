/** What a signature is worth: a key that is taken away meanwhile counts no more, and what was signed counts once. */
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
import { forEachDialect } from '../support/databases.ts'
import { makeDeb } from '../support/make-deb.ts'

const deb = makeDeb({ name: 'hello', version: '1.0' })
const { privateKey, publicKey } = await openpgp.generateKey({
  userIDs: [{ name: 'Developer' }],
  format: 'object',
  date: new Date(Date.now() - 10_000),
})
const message = await openpgp.createCleartextMessage({ text: changesText() })
const signed = await openpgp.sign({ message, signingKeys: privateKey })
const changes = Buffer.from(signed.replaceAll('\r', ''))
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

type Base = Awaited<ReturnType<typeof artifactRoom>>

interface Sender {
  readonly who: 'known' | 'stranger'
  readonly signedUploads?: boolean
  /** What happens when the upload has been found good and is about to be recorded. */
  readonly before?: () => Promise<void>
}

/** Sends the same signed upload to a suite of a workspace, which trusts the developer. */
async function upload(base: Base, workspace: Base['workspace'], sender: Sender): Promise<ReceivedUpload | undefined> {
  const { db, storage, artifacts, userId } = base
  const { who, signedUploads = false, before = async () => {} } = sender
  const archives = await openArchives({ database: db, storage, publicUrl: () => 'http://localhost' })
  const faults: Faults = { reach: async (point) => (point === 'upload.record' ? before() : undefined) }
  await using incoming = new Incoming({ database: db, storage, artifacts, archives, faults })
  await new Keyrings(db).add(workspace, 'developers', publicKey.armor(), userId)
  const settings = { keyrings: ['developers'], signedUploads, signatureSuffices: true }
  await archives.submit(
    workspace,
    { kind: 'suite-create', suite: 'unstable', settings },
    { userId, idempotencyKey: 'suite' },
  )
  const send = async (name: string, bytes: Uint8Array): Promise<ReceivedUpload | undefined> => {
    const suite = await incoming.suite(workspace, 'unstable')
    const from = { workspace, suite, userId: who === 'known' ? userId : null }
    return incoming.receive(from, { name, sizeBytes: bytes.length, bytes: once(bytes) })
  }
  await send('hello_1.0_all.deb', deb)
  const received = await send('hello_1.0_all.changes', changes)
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
      await using base = await artifactRoom(openFresh)
      const { db, workspace } = base
      const before = (): Promise<void> => new Keyrings(db).removeKey(workspace, 'developers', fingerprint)
      const received = await upload(base, workspace, { ...options, before })
      assert.equal(received?.state, 'refused', JSON.stringify(received))
      const last = received.findings.at(-1)
      assert.deepEqual([last?.subject, last?.good], ['signature', false])
      assert.match(last?.text ?? '', new RegExp(`${fingerprint}.* taken out of the keyrings`))
    }
  })

  it('so is one whose keyring is going in the same moment', async () => {
    await using base = await artifactRoom(openFresh)
    let removal: Promise<void> | undefined
    const before = async (): Promise<void> => {
      const deleted = Promise.withResolvers<void>()
      removal = base.db.write(async (trx) => {
        await trx.deleteFrom('keyring_key').execute()
        await trx.deleteFrom('keyring').execute()
        deleted.resolve()
        // The upload is recorded meanwhile, if nothing keeps it from that.
        await sleep(500)
      })
      await deleted.promise
    }
    const received = await upload(base, base.workspace, { who: 'known', signedUploads: true, before })
    await removal
    assert.equal(received?.state, 'refused', JSON.stringify(received))
  })

  it('where no signature is asked for, an upload with a token goes on', async () => {
    await using base = await artifactRoom(openFresh)
    const { db, workspace } = base
    const before = (): Promise<void> => new Keyrings(db).remove(workspace, 'developers')
    const received = await upload(base, workspace, { who: 'known', before })
    assert.equal(received?.state, 'accepted', JSON.stringify(received))
  })

  it('what was accepted in one workspace gets into another only with a token', async () => {
    await using base = await artifactRoom(openFresh)
    const { foreign: other } = base
    assert.equal((await upload(base, base.workspace, { who: 'stranger' }))?.state, 'accepted')
    const replayed = await upload(base, other, { who: 'stranger' })
    assert.equal(replayed?.state, 'refused', JSON.stringify(replayed))
    assert.match(JSON.stringify(replayed), /accepted in another workspace before; without a token/)
    assert.equal((await upload(base, other, { who: 'known' }))?.state, 'accepted')
  })

  it('sent without a token to two workspaces at once, it is accepted in one', async () => {
    await using base = await artifactRoom(openFresh)
    let found = 0
    const both = Promise.withResolvers<void>()
    const before = async (): Promise<void> => {
      found += 1
      if (found === 2) both.resolve()
      await both.promise
    }
    const received = await Promise.all(
      [base.workspace, base.foreign].map((workspace) => upload(base, workspace, { who: 'stranger', before })),
    )
    assert.deepEqual(new Set(received.map((one) => one?.state)), new Set(['accepted', 'refused']))
    assert.match(JSON.stringify(received), /accepted in another workspace before; without a token/)
  })
})
