/** Systems, copies and sources made by Debian's own tools from a suite of real packages, as it is and as it was. */
import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { aptMissing, aptRoot, run } from '../support/apt-root.ts'
import { debootstrap, fetchedKeyring, installedIn, mmdebstrap, type Origin } from '../support/chroots.ts'
import { makeDeb } from '../support/make-deb.ts'
import { minimalSystem, toolsMissing } from '../support/minimal-system.ts'
import { type Server, serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish } from '../support/upload.ts'

const found = await minimalSystem()
const missing =
  'missing' in found
    ? found.missing
    : ((await aptMissing()) ?? (await toolsMissing('debootstrap', 'mmdebstrap', 'debmirror', 'dpkg-source', 'gpgv')))

describe('a suite with the packages of a minimal Debian', { skip: missing ?? false }, () => {
  const closing = new AsyncDisposableStack()
  let home = ''
  let server: Server
  /** Of note 1.0; the live suite has 2.0. */
  let revision = 0
  let live: Origin
  let snapshot: Origin

  before(async () => {
    if ('missing' in found) return
    home = closing.use(await temporaryDirectory()).path
    server = closing.use(await serve({ home }))
    await server.workspace.createSuite({ name: 'anvil', versions: 'newest', pdiffs: 5 })
    const sent = await server.ashlar('upload', '--suite', 'anvil', ...found.debs, found.dsc)
    assert.equal(sent.code, 0, sent.stderr)
    revision = (await publish(server, 'anvil', { 'note_1.0_all.deb': makeDeb({ name: 'note', version: '1.0' }) }))
      .revision
    await publish(server, 'anvil', { 'note_2.0_all.deb': makeDeb({ name: 'note', version: '2.0' }) })
    const keyring = await fetchedKeyring(server.apt, home)
    live = { archive: server.apt, suite: 'anvil', keyring }
    snapshot = { ...live, archive: `${server.apt}snapshot/r${revision}/` }
  })
  after(() => closing.disposeAsync())

  /** `name version` of the suite's packages for machines of this kind. */
  async function listed(origin: Origin): Promise<Set<string>> {
    const answer = await fetch(`${origin.archive}dists/${origin.suite}/main/binary-amd64/Packages`)
    const stanzas = (await answer.text()).split('\n\n').filter((text) => text !== '')
    const field = (text: string, name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? ''
    return new Set(stanzas.map((text) => `${field(text, 'Package')} ${field(text, 'Version')}`))
  }

  it('debootstrap makes a system of it, all of whose packages are configured', async () => {
    const path = join(home, 'debootstrap')
    await debootstrap(live, { path, include: ['note'] })
    const installed = await installedIn(path)
    assert.ok(installed.includes('note 2.0') && installed.some((name) => name.startsWith('apt ')), String(installed))
    assert.deepEqual([...new Set(installed).difference(await listed(live))], [])
    const { code, output } = await run('chroot', [path, 'apt-cache', 'policy', 'note'])
    assert.equal(code, 0, output)
  })

  it('mmdebstrap makes a system of a snapshot of it', async () => {
    const path = join(home, 'mmdebstrap')
    await mmdebstrap(snapshot, { path, variant: 'apt', include: ['note'] })
    const installed = await installedIn(path)
    assert.ok(installed.includes('note 1.0') && installed.some((name) => name.startsWith('apt ')), String(installed))
    assert.deepEqual([...new Set(installed).difference(await listed(snapshot))], [])
  })

  it('debootstrap takes a snapshot, and mmdebstrap the suite as it is', async () => {
    const unpacked = join(home, 'unpacked')
    await mmdebstrap(live, { path: unpacked, variant: 'extract', include: ['note', 'hostname'] })
    assert.equal((await stat(join(unpacked, 'bin/hostname'))).mode & 0o111, 0o111)
    const downloaded = join(home, 'downloaded')
    await debootstrap(snapshot, { path: downloaded, include: ['note'], downloadOnly: true })
    const names = await readdir(join(downloaded, 'var/cache/apt/archives'))
    assert.ok(names.includes('note_1.0_all.deb') && names.some((name) => name.startsWith('apt_')), String(names))
  })

  it('apt-get source fetches a source package and unpacks it', async () => {
    if ('missing' in found) return
    await using apt = await aptRoot()
    const stanza = await server.workspace.sources('anvil')
    await apt.source(stanza.replace(/^Types: .*$/m, 'Types: deb deb-src'))
    assert.equal((await apt.update()).code, 0)
    const { code, output } = await apt.get('source', 'hello')
    assert.equal(code, 0, output)
    const folder = apt.file('downloads')
    const names = await readdir(folder)
    const unpacked = names.find((name) => /^hello-[\d.]+$/.test(name)) ?? ''
    assert.match(await readFile(join(folder, unpacked, 'debian/control'), 'utf8'), /^Source: hello$/m)
    for (const name of names.filter((each) => each !== unpacked)) {
      const bytes = await readFile(join(folder, name))
      assert.ok(bytes.equals(await readFile(join(dirname(found.dsc), name))), name)
    }
  })

  it('debmirror copies a snapshot and the suite as it is, and apt installs from the copies', async () => {
    for (const [origin, version] of [
      [snapshot, '1.0'],
      [live, '2.0'],
    ] as const) {
      const copy = join(home, `copy-${version}`)
      // Once more, so that what it did before is brought up to date.
      for (const _round of [1, 2]) {
        const { code, output } = await debmirror(origin, copy)
        assert.equal(code, 0, output)
        assert.doesNotMatch(output, /failed|errors:/i)
      }
      await using apt = await aptRoot()
      const source = `Types: deb deb-src\nURIs: file:${copy}\nSuites: anvil\nComponents: main\n`
      await apt.source(`${source}Signed-By: ${origin.keyring}\n`)
      const update = await apt.update()
      assert.equal(update.code, 0, update.output)
      assert.deepEqual(await apt.available('note'), [`note ${version}`])
      const sources = await apt.cache('showsrc', 'hello')
      assert.match(sources.stdout, /^Package: hello$/m)
      const installed = await apt.get('install', '--download-only', 'note', 'hostname')
      assert.equal(installed.code, 0, installed.output)
    }
  })

  async function debmirror({ archive, suite, keyring }: Origin, path: string) {
    const { host, pathname } = new URL(archive)
    const from = ['--method=http', `--host=${host}`, `--root=${pathname.slice(1, -1)}`, `--dist=${suite}`]
    const what = [
      '--section=main',
      '--arch=amd64',
      '--source',
      '--i18n',
      '--getcontents',
      '--rsync-extra=none',
      '--diff=none',
    ]
    await writeFile(join(home, 'debmirror.conf'), '1;\n')
    const own = [`--config-file=${join(home, 'debmirror.conf')}`, `--keyring=${keyring}`, '--verbose']
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, LC_ALL: 'C.UTF-8' }
    return run('debmirror', [...from, ...what, ...own, path], { env })
  }
})
