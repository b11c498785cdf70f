/** Uploads that developers' tools built, good ones and each kind of bad one, sent file by file as dput does. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { buildToolMissing, buildUpload, type BuiltUpload, sign } from '../support/debian-build.ts'
import { GpgHome } from '../support/gpg.ts'
import { type OpenServer, openServer } from '../support/open-server.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type PutAnswer, put, sendUpload, type SendOptions } from '../support/upload-client.ts'

const skip = buildToolMissing() ?? false
const daySeconds = 86_400
const nowSeconds = Math.floor(Date.now() / 1000)

let home: GpgHome
let place: Awaited<ReturnType<typeof temporaryDirectory>>
/** hello 1.0-1 with its .orig, a .deb and a .buildinfo, signed by the developer. */
let hello: BuiltUpload
let helloText: string
const developer = 'Developer <dev@example.org>'
const keys = { developer: '', expired: '', tester: '', stranger: '' }

before(async () => {
  if (skip !== false) return
  home = new GpgHome()
  keys.developer = home.key(developer)
  keys.tester = home.key('Tester <test@example.org>')
  keys.stranger = home.key('Stranger <who@example.org>')
  keys.expired = home.key('Late <late@example.org>', { at: nowSeconds - 800 * daySeconds, expires: '1y' })
  place = await temporaryDirectory()
  hello = await buildUpload(place.path, {
    name: 'hello',
    version: '1.0-1',
    signer: { home, key: keys.developer },
  })
  helloText = unsigned(await readFile(hello.changes, 'utf8'))
})

after(async () => {
  if (skip !== false) return
  home.close()
  await place[Symbol.asyncDispose]()
})

function unsigned(changes: string): string {
  return changes.replace(/^-----BEGIN PGP SIGNED[^]*?\n\n/, '').replace(/-----BEGIN PGP SIGNATURE[^]*$/, '')
}

function signed(text: string, key = keys.developer): string {
  return home.clearsign(text, { by: key })
}

/** A workspace of the one server of this file. */
interface Archive extends OpenServer {
  readonly place: string
  /** Its address in the API. */
  readonly main: string
}

const shared = skip === false ? await openServer({ after }) : undefined
let archives = 0

/** An archive whose suite unstable trusts developers, and whose suite experimental trusts testers. */
async function archive(settings: object = { signedUploads: true }): Promise<Archive> {
  if (shared === undefined) throw new Error('There is no server')
  const { call } = shared
  archives += 1
  const place = `w${archives}`
  const main = `/workspaces/local/${place}`
  await call('POST', '/scopes/local/workspaces', { json: { name: place, public: true } })
  for (const [ring, fingerprints] of [
    ['developers', [keys.developer, keys.expired]],
    ['testers', [keys.tester]],
  ] as const) {
    const added = await call('POST', `${main}/keyrings/${ring}`, { json: { keys: home.armored(...fingerprints) } })
    assert.equal(added.status, 200, JSON.stringify(added.body))
  }
  const suite = { name: 'unstable', keyrings: ['developers'], aliases: ['sid'], ...settings }
  assert.equal((await call('POST', `${main}/suites`, { json: suite })).status, 201)
  const other = { name: 'experimental', keyrings: ['testers'], signedUploads: true }
  assert.equal((await call('POST', `${main}/suites`, { json: other })).status, 201)
  return { ...shared, place, main }
}

/** The number of the upload that an answer speaks of. */
function idOf({ reason }: PutAnswer): number {
  return Number(reason.split('/').at(-1))
}

function to({ url, place }: Archive, suite = 'unstable'): string {
  return `${url}/upload/local/${place}/${suite}`
}

async function send(server: Archive, options: SendOptions = {}, suite?: string): Promise<PutAnswer> {
  return sendUpload(to(server, suite), hello, { token: server.token, ...options })
}

async function packagesIn(server: Archive, suite = 'unstable'): Promise<string[]> {
  const { body } = await server.call('GET', `${server.main}/suites/${suite}/packages`)
  return body.packages.map((each: { name: string; version: string; architecture: string }) =>
    [each.name, each.version, each.architecture].join(' '),
  )
}

const helloPackages = ['hello 1.0-1 all', 'hello 1.0-1 source']

test('a good upload is published as a whole, and kept with its verdict', { skip }, async () => {
  const server = await archive()
  const answer = await send(server)
  assert.equal(answer.status, 200, answer.text)
  assert.match(
    answer.reason,
    /^Accepted hello_1\.0-1_amd64\.changes into unstable, r\d+\. http:\/\/.*\/upload\/local\/w\d+\/\d+$/,
  )
  assert.match(answer.text, /ok {2}hello_1\.0-1_all\.deb +It is hello 1\.0-1 \(all\)\./)
  assert.deepEqual((await packagesIn(server)).toSorted(), helloPackages)
  const { body: upload } = await server.call('GET', `${server.main}/uploads/${idOf(answer)}`, { token: undefined })
  assert.equal(upload.state, 'accepted')
  assert.deepEqual(upload.signer, { fingerprint: keys.developer, userId: developer })
  assert.equal(upload.user, 'admin')
  const { body: artifact } = await server.call('GET', `${server.main}/artifacts/${upload.artifact}`)
  assert.equal(artifact.category, 'debian:upload')
  const names = artifact.files.map((file: { path: string }) => file.path)
  assert.deepEqual(names.toSorted(), [...hello.files, basename(hello.changes)].toSorted())
  assert.equal(artifact.relations.length, 2)
  // Nothing waits any more.
  assert.deepEqual((await server.call('GET', `${server.main}/incoming`)).body.files, [])
})

test('section and priority of the source are those of the .changes', { skip }, async () => {
  const server = await archive()
  await send(server)
  const { body } = await server.call('GET', `${server.main}/suites/unstable/packages`)
  const source = body.packages.find((each: { architecture: string }) => each.architecture === 'source')
  assert.deepEqual([source.section, source.priority], ['misc', 'optional'])
})

test('an alias of the suite serves as well, in the address and in the .changes', { skip }, async () => {
  const server = await archive()
  const text = signed(helloText.replace('Distribution: unstable', 'Distribution: sid'))
  const answer = await send(server, { instead: { [basename(hello.changes)]: text } }, 'sid')
  assert.equal(answer.status, 200, answer.text)
})

interface BadCase {
  readonly name: string
  /** Changes the .changes before it is signed anew. */
  readonly edit?: (text: string) => string
  /** The whole .changes. */
  readonly changes?: () => string
  readonly options?: () => SendOptions
  readonly suite?: string
  readonly subject: string
  readonly text: RegExp
}

const badCases: readonly BadCase[] = [
  { name: 'an unsigned one', changes: () => helloText, subject: 'signature', text: /takes only signed uploads/ },
  {
    name: 'a stranger',
    changes: () => signed(helloText, keys.stranger),
    subject: 'signature',
    text: /not trusted here/,
  },
  {
    name: 'an expired key',
    changes: () => home.clearsign(helloText, { by: keys.expired, at: nowSeconds - 700 * daySeconds }),
    subject: 'signature',
    text: /has expired at/,
  },
  {
    name: 'a key that another suite trusts',
    changes: () => signed(helloText, keys.tester),
    subject: 'signature',
    text: /not trusted here/,
  },
  {
    name: 'a text changed after signing',
    changes: () => signed(helloText).replace('urgency=medium', 'urgency=high'),
    subject: 'signature',
    text: /is not what the key .* has signed/,
  },
  {
    name: 'something before the signed text',
    changes: () => `Source: evil\n${signed(helloText)}`,
    subject: 'signature',
    text: /stands before the signed message/,
  },
  {
    name: 'a missing file',
    options: () => ({ without: ['hello_1.0.orig.tar.gz'] }),
    subject: 'hello_1.0.orig.tar.gz',
    text: /It is missing/,
  },
  {
    name: 'a file swapped after signing',
    options: () => ({ instead: { 'hello_1.0-1_all.deb': 'not the one that was signed' } }),
    subject: 'hello_1.0-1_all.deb',
    text: /not the file that .*\.changes lists: it has 27 bytes/,
  },
  {
    name: 'a path out of the directory',
    edit: (text) => text.replaceAll('hello_1.0.orig.tar.gz', '../hello_1.0.orig.tar.gz'),
    subject: 'hello_1.0-1_amd64.changes',
    text: /"\.\.\/hello_1\.0\.orig\.tar\.gz" is not a plain file name/,
  },
  {
    name: 'another suite',
    edit: (text) => text.replace('Distribution: unstable', 'Distribution: stable'),
    subject: 'distribution',
    text: /It is for stable, which is neither unstable nor/,
  },
  {
    name: 'another source than the packages',
    edit: (text) => text.replace('Source: hello', 'Source: howdy'),
    subject: 'hello_1.0-1_all.deb',
    text: /its source is hello, not howdy/,
  },
  {
    name: 'another version than the packages',
    edit: (text) => text.replace('Version: 1.0-1', 'Version: 1.0-2'),
    subject: 'hello_1.0-1.dsc',
    text: /its version is 1\.0-1, not 1\.0-2/,
  },
  {
    name: 'architectures that the files do not have',
    edit: (text) => text.replace('Architecture: source all', 'Architecture: source amd64'),
    subject: 'hello_1.0-1_amd64.changes',
    text: /Architecture does not have all/,
  },
  {
    name: 'a wrong MD5 sum',
    edit: (text) => text.replace(/^ [0-9a-f]{32} (\d+ misc optional hello_1\.0-1_all)/m, ` ${'0'.repeat(32)} $1`),
    subject: 'hello_1.0-1_all.deb',
    text: /Its MD5 sum is/,
  },
  {
    name: 'nothing that could be published',
    edit: (text) =>
      text
        .replaceAll(/^ .*(?:\.dsc|\.tar\.[gx]z|\.deb)\n/gm, '')
        .replace('Architecture: source all', 'Architecture: all'),
    subject: 'hello_1.0-1_amd64.changes',
    text: /lists no package/,
  },
]

test('bad uploads are refused as a whole, with the reason', { skip }, async (t) => {
  const server = await archive()
  const changesName = basename(hello.changes)
  for (const one of badCases) {
    await t.test(one.name, async () => {
      const text = one.changes?.() ?? signed((one.edit ?? ((same: string) => same))(helloText))
      const options = one.options?.() ?? {}
      const before = await server.rooms.database.read.selectFrom('received_upload').select('id').execute()
      // What an earlier case has sent must not help this one.
      await server.rooms.database.write((trx) => trx.deleteFrom('incoming_file').execute())
      const answer = await send(server, { ...options, instead: { ...options.instead, [changesName]: text } })
      assert.equal(answer.status, 422, answer.text)
      assert.match(answer.reason, /^Refused hello_1\.0-1_amd64\.changes: .*http:\/\/.*\/upload\/local\/w\d+\/\d+$/)
      const id = idOf(answer)
      assert(!before.some((upload) => upload.id === id))
      const { body: upload } = await server.call('GET', `${server.main}/uploads/${id}`)
      const bad = upload.findings.filter((finding: { good: boolean }) => !finding.good)
      const found = bad.find((finding: { subject: string }) => finding.subject === one.subject)
      assert.match(found?.text ?? JSON.stringify(bad), one.text)
      assert.equal(upload.state, 'refused')
      // The .changes is kept, byte for byte, so that the uploader can look at it.
      const path = `${server.main}/artifacts/${upload.artifact}/files/${changesName}`
      assert.equal((await server.call('GET', path)).body, text)
    })
  }
  assert.deepEqual(await packagesIn(server), [])
  const { body } = await server.call('GET', `${server.main}/artifacts?category=debian:source-package`)
  assert.deepEqual(body.artifacts, [])
})

test('every fault of an upload is found, not only the first', { skip }, async () => {
  const server = await archive()
  const text = signed(helloText.replace('Distribution: unstable', 'Distribution: stable'), keys.stranger)
  const answer = await send(server, {
    instead: { [basename(hello.changes)]: text },
    without: ['hello_1.0-1_all.deb'],
  })
  assert.match(answer.reason, /and 2 more/)
  assert.deepEqual(
    [...answer.text.matchAll(/^BAD {2}(\S+)/gm)].map(([, subject]) => subject),
    ['signature', 'distribution', 'hello_1.0-1_all.deb'],
  )
})

test('what was missing can be sent after a refusal, and the same .changes again', { skip }, async () => {
  const server = await archive()
  assert.equal((await send(server, { without: ['hello_1.0-1_all.deb'] })).status, 422)
  const rest = hello.files.filter((name) => name !== 'hello_1.0-1_all.deb')
  assert.equal((await send(server, { without: rest })).status, 200)
  assert.deepEqual((await packagesIn(server)).toSorted(), helloPackages)
})

test('the same .changes after a lost answer gets the first verdict, once more', { skip }, async () => {
  const server = await archive()
  const first = await send(server)
  const again = await send(server, { without: hello.files })
  assert.deepEqual(again, first)
  const all = await send(server)
  assert.deepEqual(all, first)
  assert.deepEqual((await server.call('GET', `${server.main}/uploads`)).body.uploads.length, 1)
})

test('an old signed upload cannot bring its packages back', { skip }, async () => {
  const server = await archive()
  const changesName = basename(hello.changes)
  assert.equal((await send(server)).status, 200)
  const removed = await server.call('POST', `${server.main}/suites/unstable/remove`, {
    json: { packages: [{ name: 'hello' }] },
  })
  assert.equal(removed.status, 200)
  // In another frame: the same text, with other bytes around it.
  const bytes = await readFile(hello.changes, 'utf8')
  const reframed = bytes
    .replace('Hash: SHA512\n', 'Hash: SHA512\nHash: SHA256\n')
    .replace('Hash: SHA256\n', 'Hash: SHA256, SHA512\n')
  assert.notEqual(reframed, bytes)
  const replay = await send(server, { instead: { [changesName]: reframed } })
  assert.equal(replay.status, 422)
  assert.match(replay.reason, /text: What is signed was accepted before, as upload \d+/)
  // With blanks that no signature covers.
  const blanks = await send(server, {
    instead: { [changesName]: bytes.replace('Urgency: medium', 'Urgency: medium  ') },
  })
  assert.match(blanks.reason, /accepted before/)
  // The same bytes, a long time later.
  const database = server.rooms.database
  await database.write((trx) =>
    trx.updateTable('received_upload').set({ decided_at: 1 }).where('state', '=', 'accepted').execute(),
  )
  assert.match((await send(server)).reason, /accepted before/)
  assert.deepEqual(await packagesIn(server), [])
})

test('an .orig that the archive has need not be sent again, nor listed', { skip }, async (t) => {
  const server = await archive({ signedUploads: true, refuseLowerVersions: true })
  const source = { name: 'hello', signer: { home, key: keys.developer }, only: 'source' as const, withoutOrig: true }
  const second = await buildUpload(place.path, { ...source, version: '1.0-2' })
  assert(!second.files.includes('hello_1.0.orig.tar.gz'))
  const before = await sendUpload(to(server), second, { token: server.token })
  assert.equal(before.status, 422)
  assert.match(before.text, /BAD {2}hello_1\.0\.orig\.tar\.gz +hello_1\.0-2\.dsc needs it/)
  assert.equal((await send(server)).status, 200)
  const answer = await sendUpload(to(server), second, { token: server.token })
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.text, /ok {2}hello_1\.0\.orig\.tar\.gz +The archive has it already\./)
  assert((await packagesIn(server)).includes('hello 1.0-2 source'))

  await t.test('a version below the suite’s is refused where the suite says so', async () => {
    const changes = basename(hello.changes)
    const text = signed(`${helloText}X-Again: yes\n`)
    const lower = await send(server, { instead: { [changes]: text } })
    assert.equal(lower.status, 422)
    assert.match(
      lower.text,
      /BAD {2}hello_1\.0-1\.dsc +hello 1\.0-1 \(source\) is lower than 1\.0-2, which unstable has/,
    )
    // Past the uploads as well.
    const { body } = await server.call('GET', `${server.main}/artifacts?category=debian:source-package`)
    const artifacts = body.artifacts.map((each: { id: number }) => each.id)
    await server.call('PATCH', `${server.main}/suites/unstable`, { json: { signedUploads: false } })
    await server.call('POST', `${server.main}/suites/unstable/remove`, {
      json: { packages: [{ name: 'hello', version: '1.0-1' }] },
    })
    const refused = await server.call('POST', `${server.main}/suites/unstable/packages`, { json: { artifacts } })
    assert.equal(refused.body.code, 'conflict')
    assert.match(refused.body.detail, /refuses versions below its own/)
  })
})

test(
  'other bytes of a version that was published are refused by the archive, and nothing of them stays',
  { skip },
  async () => {
    const server = await archive()
    await using elsewhere = await temporaryDirectory()
    assert.equal((await send(server)).status, 200)
    const twin = await buildUpload(elsewhere.path, { name: 'hello', version: '1.0-1' })
    // dpkg-deb gives equal input equal bytes; this one is of another maker.
    await sign(join(elsewhere.path, 'hello_1.0-1.dsc'), { home, key: keys.tester })
    const dsc = await readFile(join(elsewhere.path, 'hello_1.0-1.dsc'))
    const { createHash } = await import('node:crypto')
    const digest = (kind: string): string => createHash(kind).update(dsc).digest('hex')
    const text = (await readFile(twin.changes, 'utf8'))
      .replace(/^ [0-9a-f]{64} \d+ (hello_1\.0-1\.dsc)/m, ` ${digest('sha256')} ${dsc.length} $1`)
      .replace(/^ [0-9a-f]{40} \d+ (hello_1\.0-1\.dsc)/m, ` ${digest('sha1')} ${dsc.length} $1`)
      .replace(/^ [0-9a-f]{32} \d+ (misc optional hello_1\.0-1\.dsc)/m, ` ${digest('md5')} ${dsc.length} $1`)
    const count = async (): Promise<number> =>
      (await server.call('GET', `${server.main}/artifacts?limit=1000`)).body.artifacts.length
    const before = await count()
    const answer = await sendUpload(to(server), twin, {
      token: server.token,
      instead: { [basename(twin.changes)]: signed(text) },
    })
    assert.equal(answer.status, 422, answer.text)
    assert.match(answer.reason, /has been published with other bytes/)
    // The .changes alone.
    assert.equal(await count(), before + 1)
    // Its text may still be accepted one day.
    const used = server.rooms.database.read
      .selectFrom('signed_text')
      .innerJoin('workspace', 'workspace.id', 'signed_text.workspace_id')
      .select('upload_id')
      .where('workspace.name', '=', server.place)
    assert.equal((await used.execute()).length, 1)
  },
)

test('where a signature suffices nobody is asked for a token, and the signature decides', { skip }, async () => {
  const server = await archive({ signatureSuffices: true })
  const bad = await send(server, { token: undefined, instead: { [basename(hello.changes)]: helloText } })
  assert.equal(bad.status, 422)
  assert.match(bad.reason, /It is not signed, and it came without a token/)
  // What strangers send is not looked into.
  assert.deepEqual([...bad.text.matchAll(/^(?: ok |BAD) /gm)].length, 1)
  // A text of its own: without a token one counts once in all workspaces.
  const text = signed(helloText.replace(/^Date: .*$/m, 'Date: Thu, 01 Jan 2026 00:00:00 +0000'))
  const good = await send(server, { token: undefined, instead: { [basename(hello.changes)]: text } })
  assert.equal(good.status, 200, good.text)
  const { body: upload } = await server.call('GET', `${server.main}/uploads/${idOf(good)}`)
  assert.deepEqual([upload.user, upload.signer?.fingerprint], [null, keys.developer])
  // Its history tells who that was, though no account did it.
  const { body: past } = await server.call('GET', `${server.main}/suites/unstable/history`)
  const signer = { fingerprint: keys.developer, userId: developer }
  assert.deepEqual(
    past.history[0].changes.map(({ kind, user, upload: by }: Record<string, unknown>) => [kind, user, by]),
    [['add', null, { id: upload.id, signer }]],
  )
  for (const path of [
    `/upload/local/${server.place}/`,
    `/upload/local/${server.place}/${upload.id}`,
    `/apt/local/${server.place}/?suite=unstable`,
  ]) {
    const page = await (await fetch(new URL(path, server.url))).text()
    assert.match(page, /signed by Developer &lt;dev@example\.org&gt;/, path)
  }
  assert.deepEqual((await packagesIn(server)).toSorted(), helloPackages)
  // Elsewhere one is.
  assert.equal((await send(server, { token: undefined }, 'experimental')).status, 401)
})

test('with a token an unsigned upload is taken where the suite does not ask for signatures', { skip }, async () => {
  const server = await archive({})
  const instead = { [basename(hello.changes)]: helloText }
  const answer = await send(server, { instead })
  assert.equal(answer.status, 200, answer.text)
  assert.match(answer.text, /signature +It is not signed, which the suite does not ask for/)
  // Removed, and sent again as a whole, it is wanted again.
  await server.call('POST', `${server.main}/suites/unstable/remove`, { json: { packages: [{ name: 'hello' }] } })
  assert.equal((await send(server, { instead })).status, 200)
  assert.deepEqual((await packagesIn(server)).toSorted(), helloPackages)
})

test('a suite that takes only signed uploads has no other way in', { skip }, async () => {
  const server = await archive()
  const { body: made } = await server.call('POST', `${server.main}/artifacts`, {
    json: { artifacts: [{ category: 'generic', files: [] }] },
  })
  const { body } = await server.call('POST', `${server.main}/suites/unstable/packages`, {
    json: { artifacts: [made.artifacts[0].id] },
  })
  assert.notEqual(body.code, undefined)
  await send(server, {}, 'unstable')
  const { body: sources } = await server.call('GET', `${server.main}/artifacts?category=debian:source-package`)
  const refused = await server.call('POST', `${server.main}/suites/experimental/packages`, {
    json: { artifacts: [sources.artifacts[0].id] },
  })
  assert.equal(refused.body.code, 'signed-upload-required')
  const steps = [
    { kind: 'suite-create', suite: 'fresh' },
    { kind: 'add', suite: 'fresh', artifacts: [sources.artifacts[0].id] },
  ]
  assert.equal((await server.call('POST', `${server.main}/changes`, { json: { steps } })).status, 200)
  const around = [{ ...steps[1], suite: 'experimental' }]
  const batch = await server.call('POST', `${server.main}/changes`, { json: { steps: around } })
  assert.equal(batch.body.code, 'signed-upload-required')
})

test('a key that is removed from the keyring signs nothing any more', { skip }, async () => {
  const server = await archive()
  const path = `${server.main}/keyrings/developers`
  assert.equal((await server.call('DELETE', `${path}/keys/${keys.developer}`)).status, 204)
  assert.match((await send(server)).reason, /signature: .*not trusted here/)
  await server.call('POST', path, { json: { keys: home.armored(keys.developer) } })
  assert.equal((await send(server)).status, 200)
})

test('who may only read uploads nothing, whatever a good signature says', { skip }, async () => {
  const server = await archive()
  const user = `reader-${server.place}`
  await server.call('POST', '/users', { json: { name: user } })
  const grant = `/scopes/local/workspaces/${server.place}/grants/${user}`
  assert.equal((await server.call('PUT', grant, { json: { role: 'reader' } })).status, 204)
  const { body } = await server.call('POST', '/tokens', { json: { name: 'test', user } })
  const answer = await send(server, { token: body.token })
  assert.deepEqual([answer.status, await packagesIn(server)], [401, []], answer.reason)
  assert.deepEqual((await server.call('GET', `${server.main}/incoming`)).body.files, [])
})

test('addresses that are no uploads are answered in the status line too', { skip }, async () => {
  const server = await archive()
  const { url, token } = server
  const cases: [string, number, RegExp][] = [
    ['/upload/local/HERE/nowhere/x_1.dsc', 404, /no suite 'nowhere'/],
    ['/upload/local/HERE/x_1.dsc', 400, /SUITE\/FILE/],
    ['/upload/local/HERE/unstable/..%2f..%2fetc', 404, /no suite 'unstable\/\.\.\/\.\.'/],
    ['/upload/local/HERE/unstable/.hidden', 400, /is not the name of a file/],
    ['/upload/local/HERE/unstable/a%20b', 400, /is not the name of a file/],
    // A status line is ASCII.
    ['/upload/local/HERE/unstable/%C3%A9', 400, /"\?" is not the name of a file/],
    ['/upload/local/other/unstable/x_1.dsc', 404, /no workspace local\/other/],
  ]
  for (const [path, status, reason] of cases) {
    const answer = await put(`${url}${path.replace('HERE', server.place)}`, 'bytes', token)
    assert.deepEqual([answer.status, reason.test(answer.reason)], [status, true], `${path}: ${answer.reason}`)
  }
  const anonymous = await put(`${to(server)}/x_1.dsc`, 'x'.repeat(2 ** 20))
  assert.deepEqual([anonymous.status, anonymous.reason], [401, `The workspace local/${server.place} asks for a token.`])
})
