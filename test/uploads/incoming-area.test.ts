import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect } from '../support/databases.ts'
import { changesText, chunks, incomingRoom, type IncomingRoom } from '../support/incoming-room.ts'
import { makeDeb } from '../support/make-deb.ts'
import { generateArchiveKey } from '../../src/debian/openpgp.ts'
import { holdOnFile } from '../../src/maintenance/why-holds.ts'
import { isOfWorkspace } from '../../src/maintenance/why-files.ts'
import { scopesNeeding } from '../../src/maintenance/needs.ts'
import { defaultLimits, endWait, overdue } from '../../src/incoming/waiting-files.ts'

const daySeconds = 86_400
/** Settings of a suite into which strangers may upload what a developer has signed. */
const strangers = { keyrings: ['developers'], signatureSuffices: true }

const deb = makeDeb({ name: 'hello', version: '1.0' })

/** An unsigned .changes of one .deb. */
function changesOf(name: string, version: string, bytes: Uint8Array): string {
  return changesText({ source: name, version }, { [`${name}_${version}_all.deb`]: bytes })
}

async function age(given: IncomingRoom, seconds: number): Promise<void> {
  await given.db.write((trx) =>
    trx
      .updateTable('incoming_file')
      .set((eb) => ({ touched_at: eb('touched_at', '-', seconds * 1_000_000) }))
      .execute(),
  )
}

forEachDialect((_dialect, openFresh) => {
  it('files wait for their .changes, and are published with it', async () => {
    await using given = await incomingRoom(openFresh)
    assert.equal(await given.send('hello_1.0_all.deb', deb), undefined)
    assert.equal(await given.send('hello_1.0_all.deb', deb), undefined)
    assert.deepEqual(await given.waiting(), ['hello_1.0_all.deb'])
    const upload = await given.send('hello_1.0_all.changes', changesOf('hello', '1.0', deb))
    assert.equal(upload?.state, 'accepted', JSON.stringify(upload))
    assert.deepEqual(await given.waiting(), [])
    const page = await given.archives.packages(given.workspace, { suite: 'unstable' }, { limit: 10 })
    assert.deepEqual(
      page.items.map((item) => item.name),
      ['hello'],
    )
  })

  it('files of one name with different bytes wait side by side, and the .changes chooses', async () => {
    await using given = await incomingRoom(openFresh, { settings: strangers })
    await given.send('hello_1.0_all.deb', deb)
    await given.send('hello_1.0_all.deb', 'what a stranger puts in its place', 'stranger')
    assert.equal((await given.waiting()).length, 2)
    const upload = await given.send('hello_1.0_all.changes', changesOf('hello', '1.0', deb))
    assert.equal(upload?.state, 'accepted', JSON.stringify(upload))
    assert.deepEqual(await given.waiting(), ['hello_1.0_all.deb'])
  })

  it('what comes together takes no more room than there is, and strangers share a little', async () => {
    const limits = { known: { bytes: 10_000, files: 3 }, unknown: { bytes: 3000, files: 2 }, refused: 3 }
    await using given = await incomingRoom(openFresh, { settings: strangers, limits })
    const numbers = Array.from({ length: 20 }, (_, i) => i + 10)
    // As many connections as there can be, so that none of what comes has to wait for one, and be alone.
    await Promise.all(numbers.map(() => given.db.write((trx) => given.db.now(trx))))
    const outcomes = await Promise.allSettled(
      numbers.map((number) => given.send(`x_${number}.dsc`, String(number).repeat(500), 'stranger')),
    )
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.deepEqual(
      [refused.length, new Set(refused.map((outcome) => outcome.reason.code))],
      [18, new Set(['incoming-full'])],
    )
    await assert.rejects(given.send('x_6.dsc', 'x'.repeat(4000), 'stranger'), { code: 'too-large' })
    // Those who have a token have their own room.
    await given.send('y_1.dsc', 'y'.repeat(9000))
    await assert.rejects(given.send('y_2.dsc', 'y'.repeat(2000)), { code: 'incoming-full' })
    assert.equal((await given.waiting()).length, 3)
  })

  it('a file that comes shorter or longer than announced leaves nothing, not even its room', async () => {
    await using given = await incomingRoom(openFresh)
    const suite = await given.incoming.suite(given.workspace, 'unstable')
    const target = { workspace: given.workspace, suite, userId: given.userId }
    for (const sizeBytes of [5, 20]) {
      const sent = { name: 'x_1.dsc', sizeBytes, bytes: chunks(Buffer.from('ten bytes.')) }
      await assert.rejects(given.incoming.receive(target, sent), { code: /digest-mismatch|too-large/ })
    }
    assert.deepEqual(await given.db.read.selectFrom('incoming_file').selectAll().execute(), [])
  })

  it('a file is needed while it waits, and waits for a day', async () => {
    await using given = await incomingRoom(openFresh)
    await given.send('hello_1.0_all.deb', deb)
    const rows = await given.db.read.selectFrom('incoming_file').select(['id', 'file_id']).execute()
    const fileId = rows[0]?.file_id ?? 0
    assert.deepEqual([...((await scopesNeeding(given.db.read, [fileId])).get(fileId) ?? [])], [given.workspace.scopeId])
    assert.match(
      (await holdOnFile(given.db.read, fileId, given.workspace.id))?.because ?? '',
      /^hello_1\.0_all\.deb waits/,
    )
    assert(await isOfWorkspace(given.db.read, fileId, given.workspace.id))
    await age(given, daySeconds - 60)
    assert.deepEqual(await overdue(given.db), [])
    await age(given, 120)
    const [old] = await overdue(given.db)
    assert.equal(old?.name, 'hello_1.0_all.deb')
    assert.equal(await endWait(given.db, old.id), true)
    assert.equal(await endWait(given.db, old.id), false)
    assert.equal((await scopesNeeding(given.db.read, [fileId])).size, 0)
  })

  it('a rebuild of the binaries is of the source version that it names, and epochs stand in no file name', async () => {
    await using given = await incomingRoom(openFresh)
    const cases = [
      { source: 'hello (1.0)', version: '1.0+b1', file: 'hello_1.0+b1_all.deb' },
      { source: 'hello', version: '2:0.9', file: 'hello_0.9_all.deb' },
    ]
    for (const { source, version, file } of cases) {
      const bytes = makeDeb({ name: 'hello', version, source })
      const plain = version.replace('2:', '')
      const text = changesOf('hello', plain, bytes)
        .replace('Source: hello', `Source: ${source}`)
        .replace(`Version: ${plain}`, `Version: ${version}`)
      await given.send(file, bytes)
      const upload = await given.send(file.replace('.deb', '.changes'), text)
      assert.equal(upload?.state, 'accepted', JSON.stringify(upload?.findings))
      // Of another source version it is refused.
      const other = text.replace(`Source: ${source}`, 'Source: hello (7)')
      await given.send(file, bytes)
      const refused = await given.send(file.replace('.deb', '.changes'), other)
      assert.match(refused?.findings.find((finding) => finding.subject === file)?.text ?? '', /its source version is/)
    }
  })

  it('the same .changes twice at once is one upload', async () => {
    await using given = await incomingRoom(openFresh)
    await given.send('hello_1.0_all.deb', deb)
    const text = changesOf('hello', '1.0', deb)
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => given.send('hello_1.0_all.changes', text)))
    const states = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value?.state : outcome.reason.code,
    )
    assert.deepEqual(states, ['accepted', 'accepted', 'accepted'])
    const page = await given.archives.packages(given.workspace, { suite: 'unstable' }, { limit: 10 })
    assert.equal(page.items.length, 1)
    const accepted = await given.incoming.uploads(given.workspace, { state: 'accepted', limit: 10 })
    assert.equal(accepted.length, 1, states.join())
  })

  it('a suite that is frozen refuses, and the files wait on', async () => {
    await using given = await incomingRoom(openFresh)
    await given.send('hello_1.0_all.deb', deb)
    const { workspace, userId } = given
    await given.archives.submit(
      workspace,
      { kind: 'suite-update', suite: 'unstable', settings: { frozen: true } },
      { userId },
    )
    const text = changesOf('hello', '1.0', deb)
    const refused = await given.send('hello_1.0_all.changes', text)
    assert.equal(refused?.state, 'refused')
    assert.match(refused.findings.at(-1)?.text ?? '', /frozen/)
    assert.deepEqual(await given.waiting(), ['hello_1.0_all.deb'])
    await given.archives.submit(
      workspace,
      { kind: 'suite-update', suite: 'unstable', settings: { frozen: false } },
      { userId },
    )
    assert.equal((await given.send('hello_1.0_all.changes', text))?.state, 'accepted')
  })

  it('what cannot be installed is told in the verdict, or refused, as the suite wants it', async () => {
    await using given = await incomingRoom(openFresh, { settings: { installability: 'flag' } })
    const { workspace, userId } = given
    const app = makeDeb({ name: 'app', version: '1', depends: 'missing' })
    await given.send('app_1_all.deb', app)
    const flagged = await given.send('app_1_all.changes', changesOf('app', '1', app))
    assert.equal(flagged?.state, 'accepted')
    assert.match(flagged.findings.at(-1)?.text ?? '', /^app 1 \(all\) cannot be installed from unstable/)
    const settings = { installability: 'refuse' } as const
    await given.archives.submit(workspace, { kind: 'suite-update', suite: 'unstable', settings }, { userId })
    const other = makeDeb({ name: 'other', version: '1', depends: 'missing' })
    await given.send('other_1_all.deb', other)
    const refused = await given.send('other_1_all.changes', changesOf('other', '1', other))
    assert.equal(refused?.state, 'refused')
    assert.match(refused.findings.at(-1)?.text ?? '', /missing/)
    assert.deepEqual(await given.waiting(), ['other_1_all.deb'])
  })

  it('of what strangers send and is refused only so much is kept', async () => {
    await using given = await incomingRoom(openFresh, { settings: strangers, limits: { ...defaultLimits, refused: 3 } })
    const states: string[] = []
    for (let number = 1; number <= 5; number += 1) {
      const text = changesOf('hello', `1.${number}`, deb)
      states.push(
        await given.send('hello_1.0_all.changes', text, 'stranger').then(
          (upload) => upload?.state ?? '',
          (error: { code: string }) => error.code,
        ),
      )
    }
    assert.deepEqual(states, ['refused', 'refused', 'refused', 'upload-refused', 'upload-refused'])
    assert.equal((await given.incoming.uploads(given.workspace, { limit: 1000 })).length, 3)
    const { artifacts } = await given.db.read
      .selectFrom('artifact')
      .select((eb) => eb.fn.countAll<number>().as('artifacts'))
      .executeTakeFirstOrThrow()
    assert.equal(artifacts, 3)
    assert.deepEqual(await given.waiting(), [])
  })

  it('keyrings keep what a newer copy of a key says, and lose nothing', async () => {
    await using given = await incomingRoom(openFresh)
    const { keyrings } = given.incoming
    const date = new Date()
    const [one, two] = [
      await generateArchiveKey({ name: 'One', date }),
      await generateArchiveKey({ name: 'Two', date }),
    ]
    await keyrings.add(given.workspace, 'developers', one.publicKey, given.userId)
    const both = await keyrings.add(given.workspace, 'developers', one.publicKey + two.publicKey, given.userId)
    assert.deepEqual(
      both.keys.map((key) => key.fingerprint),
      [one.fingerprint, two.fingerprint].toSorted(),
    )
    assert.equal((await keyrings.trusted(given.workspace.id, ['developers', 'nobody'])).keys.length, 2)
    assert.equal((await keyrings.trusted(given.workspace.id, [])).keys.length, 0)
    await keyrings.removeKey(given.workspace, 'developers', one.fingerprint.toLowerCase())
    await assert.rejects(keyrings.removeKey(given.workspace, 'developers', one.fingerprint), { code: 'not-found' })
    assert.deepEqual(
      (await keyrings.list(given.workspace)).map(({ name, keys }) => [name, keys.length]),
      [['developers', 1]],
    )
    await keyrings.remove(given.workspace, 'developers')
    await assert.rejects(keyrings.get(given.workspace, 'developers'), { code: 'not-found' })
    for (const name of ['', 'Ä', '../x', 'UPPER']) {
      await assert.rejects(keyrings.add(given.workspace, name, one.publicKey, given.userId), {
        code: 'request-invalid',
      })
    }
    await assert.rejects(keyrings.add(given.workspace, 'x', one.privateKey, given.userId), {
      code: 'keyring-invalid',
    })
  })
})
