/** Which clients see which packages: architectures, installer packages, debug symbols, sources. */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { aptMissing, aptRoot, run } from '../support/apt-root.ts'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb, makeSource } from '../support/make-deb.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type Files, publish } from '../support/upload.ts'

const options = { skip: (await aptMissing()) ?? false }

/** Writes the files into a folder beside the data directory and uploads the named ones by the command. */
async function upload(server: Server, files: Files, ...named: string[]): Promise<void> {
  const folder = join(server.home, 'upload')
  await mkdir(folder, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes)
  const paths = named.map((name) => join(folder, name))
  const { code, stderr } = await server.ashlar('upload', '--suite', 'stable', ...paths)
  assert.equal(code, 0, stderr)
}

test(
  'a client sees the packages of its architecture and those of all, and nothing for installers',
  options,
  async () => {
    await using home = await temporaryDirectory()
    await using server = await serve({ home: home.path })
    await server.workspace.createSuite({ name: 'stable' })
    const symbols = 'Auto-Built-Package: debug-symbols\n'
    await upload(
      server,
      {
        'every_1.0_all.deb': makeDeb({ name: 'every', version: '1.0' }),
        'native_1.0_amd64.deb': makeDeb({ name: 'native', version: '1.0', architecture: 'amd64' }),
        'native_1.1_arm64.deb': makeDeb({ name: 'native', version: '1.1', architecture: 'arm64' }),
        'disk_1.0_amd64.udeb': makeDeb({
          name: 'disk',
          version: '1.0',
          architecture: 'amd64',
          section: 'debian-installer',
          extraControl: 'Package-Type: udeb\n',
        }),
        'native-dbgsym_1.0_amd64.deb': makeDeb({
          name: 'native-dbgsym',
          version: '1.0',
          architecture: 'amd64',
          section: 'debug',
          extraControl: symbols,
        }),
      },
      'every_1.0_all.deb',
      'native_1.0_amd64.deb',
      'native_1.1_arm64.deb',
      'disk_1.0_amd64.udeb',
      'native-dbgsym_1.0_amd64.deb',
    )
    const sources = await server.workspace.sources('stable')
    const names = ['every', 'native', 'disk', 'native-dbgsym']
    for (const [architecture, expected] of [
      ['amd64', ['every 1.0', 'native 1.0']],
      ['arm64', ['every 1.0', 'native 1.1']],
    ] as const) {
      await using apt = await aptRoot({ architecture })
      await apt.source(sources)
      const { code, output } = await apt.update()
      assert.equal(code, 0, output)
      assert.doesNotMatch(output, /^[WN]:/m)
      assert.deepEqual(await apt.available(...names), expected)
    }
    await using debug = await aptRoot()
    await debug.source(sources.replace(/^Components: .*$/m, 'Components: main main/debug'))
    const { code, output } = await debug.update()
    assert.equal(code, 0, output)
    assert.deepEqual(await debug.available(...names), ['every 1.0', 'native 1.0', 'native-dbgsym 1.0'])
    const { indexes } = await checkSuite(server.apt, 'stable')
    assert.ok(indexes.has('main/debian-installer/binary-amd64/Packages'), [...indexes.keys()].join())
  },
)

test('debug symbols of an upload are installed from the suite that is named for them', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  for (const words of [
    ['create', 'stable-debug'],
    ['create', 'stable', '--debug-suite', 'stable-debug'],
  ]) {
    const { code, stderr } = await server.ashlar('suite', ...words)
    assert.equal(code, 0, stderr)
  }
  const built = { version: '1.0', architecture: 'amd64' }
  const symbols = { section: 'debug', depends: 'tool (= 1.0)', extraControl: 'Auto-Built-Package: debug-symbols\n' }
  const files = {
    'tool_1.0_amd64.deb': makeDeb({ name: 'tool', ...built }),
    'tool-dbgsym_1.0_amd64.deb': makeDeb({ name: 'tool-dbgsym', ...built, ...symbols }),
  }
  await upload(server, files, ...Object.keys(files))
  await using apt = await aptRoot()
  await apt.source(await server.workspace.sources('stable'))
  assert.equal((await apt.update()).code, 0)
  assert.deepEqual(await apt.available('tool', 'tool-dbgsym'), ['tool 1.0'])
  const sources = await server.workspace.sources('stable-debug')
  assert.match(sources, /^Components: main$/m)
  await apt.source(sources, 'debug')
  assert.equal((await apt.update()).code, 0)
  const { code, output } = await apt.get('install', 'tool-dbgsym')
  assert.equal(code, 0, output)
  assert.match(output, /tool-dbgsym/)
})

test('a source package that was uploaded is fetched bit for bit and unpacked', options, async () => {
  await using home = await temporaryDirectory()
  await using server = await serve({ home: home.path })
  await server.workspace.createSuite({ name: 'stable' })
  const files = await builtSource(home.path)
  const dsc = Object.keys(files).find((name) => name.endsWith('.dsc')) ?? ''
  await upload(server, files, dsc)
  await publish(server, 'stable', makeSource({ name: 'plain', version: '1:0.5~rc1+b2' }))
  const { packages } = await checkSuite(server.apt, 'stable')
  assert.deepEqual(packages, ['plain 1:0.5~rc1+b2 source', 'wall 2.0-1 source'])

  await using apt = await aptRoot()
  const sources = await server.workspace.sources('stable')
  assert.match(sources, /^Types: deb deb-src$/m)
  await apt.source(sources)
  const { code, output } = await apt.update()
  assert.equal(code, 0, output)
  const got = await apt.download('source', '--download-only', 'wall')
  assert.deepEqual(got, new Map(Object.entries(files)))
  const unpacked = await run('dpkg-source', ['-x', apt.file(`downloads/${dsc}`), join(home.path, 'unpacked')])
  assert.equal(unpacked.code, 0, unpacked.output)
  assert.equal((await apt.download('source', '--download-only', 'plain')).size, 2)
})

/** A 3.0 (quilt) source package with a patch, built by dpkg-source. */
async function builtSource(folder: string): Promise<Files> {
  const top = join(folder, 'wall-2.0')
  await mkdir(join(top, 'debian/source'), { recursive: true })
  await writeFile(join(top, 'stones'), 'one\ntwo\n')
  const tar = await run('tar', ['-czf', join(folder, 'wall_2.0.orig.tar.gz'), '-C', folder, 'wall-2.0/stones'])
  assert.equal(tar.code, 0, tar.output)
  const texts = {
    'debian/control':
      'Source: wall\nSection: misc\nPriority: optional\nMaintainer: Ashlar Tests <tests@example.org>\n' +
      'Standards-Version: 4.6.2\n\nPackage: wall\nArchitecture: any\nDescription: stones\n Upon stones.\n',
    'debian/changelog':
      'wall (2.0-1) unstable; urgency=low\n\n  * First.\n\n' +
      ' -- Ashlar Tests <tests@example.org>  Mon, 02 Nov 2026 10:00:00 +0000\n',
    'debian/source/format': '3.0 (quilt)\n',
    'debian/rules': '#!/usr/bin/make -f\n',
  }
  for (const [name, text] of Object.entries(texts)) await writeFile(join(top, name), text)
  const built = await run('dpkg-source', ['-b', 'wall-2.0'], { cwd: folder })
  assert.equal(built.code, 0, built.output)
  const names = ['wall_2.0-1.debian.tar.xz', 'wall_2.0-1.dsc', 'wall_2.0.orig.tar.gz']
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))])))
}
