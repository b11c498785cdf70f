/** What a .changes says is what has come, or nothing is published: files, names, suites, signatures. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { formatInRelease } from '../../src/debian/clearsign.ts'
import { type ArchiveKey, generateArchiveKey, loadSigner } from '../../src/debian/openpgp.ts'
import type { ReceivedUpload } from '../../src/incoming/incoming.ts'
import { announced } from '../support/artifact-room.ts'
import { forEachDialect } from '../support/databases.ts'
import { changesText, incomingRoom, type IncomingRoom } from '../support/incoming-room.ts'
import { makeDeb, makeSource } from '../support/make-deb.ts'

const deb = makeDeb({ name: 'hello', version: '1.0' })
const debName = 'hello_1.0_all.deb'
const changes = changesText({ source: 'hello', version: '1.0' }, { [debName]: deb })

/** What was found bad, as `subject: text`. */
function faults(upload: ReceivedUpload | undefined): string[] {
  return (upload?.findings ?? []).filter(({ good }) => !good).map(({ subject, text }) => `${subject}: ${text}`)
}

async function assertRefused(given: IncomingRoom, upload: ReceivedUpload | undefined, fault: RegExp): Promise<void> {
  assert.equal(upload?.state, 'refused', JSON.stringify(upload))
  assert.match(faults(upload).join('\n'), fault)
  assert.deepEqual(await given.packages(), [])
}

async function signed(text: string, key: ArchiveKey): Promise<string> {
  const signer = await loadSigner([key.privateKey])
  return formatInRelease(text, (await signer.signRelease(text, new Date())).clearSignature)
}

forEachDialect((_dialect, openFresh) => {
  it('a file that has the size of the listed one, and other bytes, is not it', async () => {
    await using given = await incomingRoom(openFresh)
    const other = makeDeb({ name: 'hello', version: '1.0', section: 'libs' })
    const swapped = Buffer.concat([other, Buffer.alloc(Math.max(0, deb.length - other.length))]).subarray(0, deb.length)
    await given.send(debName, swapped)
    const upload = await given.send('hello_1.0_all.changes', changes)
    await assertRefused(given, upload, /^hello_1\.0_all\.deb: It is not the file .* lists: its SHA-256 is/)
    assert.deepEqual(await given.waiting(), [debName])
  })

  it('a package under the name of another is refused', async () => {
    await using given = await incomingRoom(openFresh)
    await given.send('other_1.0_all.deb', deb)
    const text = changesText({ source: 'hello', version: '1.0' }, { 'other_1.0_all.deb': deb })
    const upload = await given.send('hello_1.0_all.changes', text)
    await assertRefused(given, upload, /^other_1\.0_all\.deb: .*its file name is hello_1\.0_all\.deb, not other_1/)
  })

  it('every suite that a .changes names has to be the one that it is sent to', async () => {
    await using given = await incomingRoom(openFresh)
    await given.send(debName, deb)
    const text = changesText({ source: 'hello', version: '1.0', suite: 'unstable stable' }, { [debName]: deb })
    await assertRefused(given, await given.send('hello_1.0_all.changes', text), /^distribution: It is for stable/)
  })

  it('a .dsc and a .changes that mean different files by one name are refused', async () => {
    await using given = await incomingRoom(openFresh)
    const source = makeSource({ name: 'hello', version: '1.0' })
    const files = { ...source, 'hello_1.0.tar.gz': Buffer.from('another tarball') }
    for (const [name, bytes] of Object.entries(files)) await given.send(name, bytes)
    const text = changesText({ source: 'hello', version: '1.0', architecture: 'source' }, files)
    const upload = await given.send('hello_1.0_source.changes', text)
    await assertRefused(given, upload, /^hello_1\.0\.tar\.gz: hello_1\.0\.dsc and .* with different checksums/)
  })

  it('a file that waits in another suite, or that another upload has taken, has not come', async () => {
    // The disk fails when an upload has been decided and nothing of it is published yet.
    await using given = await incomingRoom(openFresh, { faults: 'artifact.record:eio:1' })
    const { workspace, userId, archives } = given
    await archives.submit(workspace, { kind: 'suite-create', suite: 'experimental', settings: {} }, { userId })
    await given.send(debName, deb, 'known', 'experimental')
    const missing = /^hello_1\.0_all\.deb: It is missing/
    await assertRefused(given, await given.send('hello_1.0_all.changes', changes), missing)
    await given.send(debName, deb)
    await assert.rejects(given.send('hello_1.0_all.changes', changes), { code: 'storage-failed' })
    const another = await given.send('hello_1.0_amd64.changes', `${changes}Urgency: high\n`)
    assert.match(faults(another).join('\n'), missing)
    // Whoever finds the first one ends it.
    await given.incoming.resume(0)
    assert.deepEqual(await given.packages(), ['hello 1.0 all'])
    const uploads = await given.incoming.uploads(workspace, { limit: 10 })
    assert.deepEqual(
      uploads.map(({ name, state }) => [name, state]),
      [
        ['hello_1.0_amd64.changes', 'refused'],
        ['hello_1.0_all.changes', 'accepted'],
        ['hello_1.0_all.changes', 'refused'],
      ],
    )
    assert.equal((await given.waiting()).length, 1)
  })

  it('an upload that is finished later is published once, whatever became of its packages meanwhile', async () => {
    await using given = await incomingRoom(openFresh, { faults: 'upload.finish:eio:1' })
    const { workspace, userId, archives } = given
    await given.send(debName, deb)
    await assert.rejects(given.send('hello_1.0_all.changes', changes), { code: 'storage-failed' })
    const removed = await archives.submit(
      workspace,
      { kind: 'remove', suite: 'unstable', packages: [{ name: 'hello' }] },
      { userId },
    )
    await given.incoming.resume(0)
    const [upload] = await given.incoming.uploads(workspace, { limit: 1 })
    assert.deepEqual([upload?.state, upload?.revision], ['accepted', removed.revision - 1])
    assert.deepEqual(await given.packages(), [])
  })

  it('where no signature is asked for, one of a stranger says nothing, and one that is broken refuses', async () => {
    await using given = await incomingRoom(openFresh, { settings: { keyrings: ['developers'] } })
    const [developer, stranger] = await Promise.all(
      ['Developer', 'Stranger'].map((name) => generateArchiveKey({ name, date: new Date() })),
    )
    assert.ok(developer !== undefined && stranger !== undefined)
    await given.incoming.keyrings.add(given.workspace, 'developers', developer.publicKey, given.userId)
    await given.send(debName, deb)
    const broken = (await signed(changes, developer)).replace('Architecture: all', 'Architecture: all amd64')
    const refused = await given.send('hello_1.0_all.changes', broken)
    await assertRefused(given, refused, /^signature: .* is not what the key .* has signed/)
    const upload = await given.send('hello_1.0_all.changes', await signed(changes, stranger))
    assert.deepEqual([upload?.state, upload?.signer], ['accepted', null], JSON.stringify(upload))
    assert.deepEqual(await given.packages(), ['hello 1.0 all'])
  })

  it('a keyring of another workspace trusts nobody here', async () => {
    await using given = await incomingRoom(openFresh, { settings: { keyrings: ['developers'], signedUploads: true } })
    const key = await generateArchiveKey({ name: 'Elsewhere', date: new Date() })
    await given.incoming.keyrings.add(given.base.foreign, 'developers', key.publicKey, given.userId)
    await given.send(debName, deb)
    const upload = await given.send('hello_1.0_all.changes', await signed(changes, key))
    await assertRefused(given, upload, /^signature: .* not trusted here/)
  })

  it('only a debian:upload that is whole can be submitted', async () => {
    await using given = await incomingRoom(openFresh)
    const { workspace, userId, base } = given
    const files = { [debName]: deb, 'hello_1.0_all.changes': Buffer.from(changes) }
    const suite = await given.incoming.suite(workspace, 'unstable')
    const target = { workspace, suite, userId }
    const generic = await base.announce('generic', files)
    for (const [path, bytes] of Object.entries(files)) await base.send(generic, path, bytes)
    await assert.rejects(given.incoming.submit(target, generic.id), { code: 'category-invalid' })
    const all = { [debName]: deb, 'hello_1.0.buildinfo': Buffer.from('This comes later.\n') }
    const text = changesText({ source: 'hello', version: '1.0' }, all)
    const wish = { category: 'debian:upload', files: announced({ ...all, 'hello_1.0_all.changes': Buffer.from(text) }) }
    const [upload] = await base.artifacts.create(workspace, [wish], { userId })
    await assert.rejects(given.incoming.submit(target, upload?.id ?? 0), { code: 'artifact-incomplete' })
    assert.deepEqual(await given.packages(), [])
  })
})
