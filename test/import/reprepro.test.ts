/** `ashlar import reprepro` on what the real reprepro has made. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { checkSuite } from '../support/check-archive.ts'
import { newReprepro, type OldProgram, programMissing, writeDebs, writeSource } from '../support/old-programs.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { listedIn } from './listed-in.ts'

const options = { skip: (await aptMissing()) ?? (await programMissing('reprepro')) ?? false }

const conf = {
  distributions: `
# The machines of the team.
Codename: bookworm
Suite: stable
Origin: Team
Label: Team
Version: 12
Description: What runs
Architectures: amd64 arm64 source
Components: main contrib
UDebComponents: main
DebOverride: override
ValidFor: 1m
Tracking: all includechanges
Log: bookworm.log

Codename: trixie
Suite: testing
Architectures: amd64
Components: main
NotAutomatic: yes
ButAutomaticUpgrades: yes
`,
  override: 'beta Section devel\nbeta Priority required\n',
}

/** A .changes with a .deb, as a build makes it. */
async function changesOf(folder: string, deb: string, changedBy: string): Promise<string> {
  const bytes = await readFile(deb)
  const digest = (algorithm: string): string => createHash(algorithm).update(bytes).digest('hex')
  const [name, version, architecture] = basename(deb, '.deb').split('_')
  const path = join(folder, `${name}_${version}_${architecture}.changes`)
  const line = `${bytes.length} ${basename(deb)}`
  await writeFile(
    path,
    `Format: 1.8\nDate: Wed, 25 Nov 2026 10:00:00 +0000\nSource: ${name}\nBinary: ${name}\nArchitecture: ${architecture}\n` +
      `Version: ${version}\nDistribution: bookworm\nUrgency: low\nMaintainer: Ashlar Tests <tests@example.org>\n` +
      `Changed-By: ${changedBy}\nDescription:\n ${name} - a package\nChanges:\n ${name} (${version}) bookworm; urgency=low\n .\n   * New.\n` +
      `Checksums-Sha1:\n ${digest('sha1')} ${line}\nChecksums-Sha256:\n ${digest('sha256')} ${line}\n` +
      `Files:\n ${digest('md5')} ${bytes.length} misc optional ${basename(deb)}\n`,
  )
  return path
}

async function livedIn(folder: string): Promise<OldProgram> {
  const reprepro = await newReprepro(folder, conf)
  const debs = join(folder, 'debs')
  const [alpha = '', ...others] = await writeDebs(debs, [
    { name: 'alpha', version: '1.0', depends: 'beta' },
    { name: 'beta', version: '1.0', architecture: 'amd64' },
    { name: 'beta', version: '1.0', architecture: 'arm64' },
  ])
  const [disk = ''] = await writeDebs(debs, [
    { name: 'disk', version: '1.0', architecture: 'amd64', section: 'debian-installer' },
  ])
  const [gamma = ''] = await writeDebs(debs, [{ name: 'gamma', version: '1.0', section: 'contrib/net' }])
  await reprepro(
    '--ignore=missingfield',
    'include',
    'bookworm',
    await changesOf(debs, alpha, 'Jane Doe <Jane@example.org>'),
  )
  await reprepro('includedeb', 'bookworm', ...others)
  await reprepro('-C', 'contrib', 'includedeb', 'bookworm', gamma)
  await reprepro('includeudeb', 'bookworm', disk)
  await reprepro('-S', 'misc', '-P', 'optional', 'includedsc', 'bookworm', await writeSource(debs, 'alpha', '1.0'))
  await reprepro('gensnapshot', 'bookworm', 'release-1')
  const newer = await writeDebs(debs, [
    { name: 'alpha', version: '2.0', depends: 'beta' },
    { name: 'beta', version: '2.0', architecture: 'amd64' },
  ])
  await reprepro('includedeb', 'bookworm', ...newer)
  await reprepro('remove', 'bookworm', 'gamma')
  await reprepro('includedeb', 'trixie', ...newer)
  return reprepro
}

/** What reprepro lists, as `name_version_architecture component`. */
async function reproHas(reprepro: OldProgram, codename: string): Promise<string[]> {
  const format = '${package}_${version}_${$type}_${$architecture}_${architecture} ${$component}\\n'
  const lines = (await reprepro('--list-format', format, 'list', codename)).split('\n').filter((line) => line !== '')
  const found = lines.map((line) => {
    const [, name, version, type, listed, own, component] = /^(.+?)_(.+?)_(.+?)_(.+?)_(\S*) (\S+)$/.exec(line) ?? []
    return `${name}_${version}_${type === 'dsc' ? 'source' : own === 'all' ? 'all' : listed} ${component}`
  })
  return [...new Set(found)].toSorted()
}

async function here(server: Server, suite: string): Promise<string[]> {
  const { packages } = await server.workspace.packages(suite, { limit: 1000 })
  return packages
    .map(({ name, version, architecture, component }) => `${name}_${version}_${architecture} ${component}`)
    .toSorted()
}

interface Imported {
  readonly states: { name: string; revision: number | null }[]
  readonly unchanged: boolean
  readonly notes: string[]
}

async function importReprepro(server: Server, root: string): Promise<Imported> {
  const { code, stdout, stderr } = await server.ashlar('import', 'reprepro', root, '--json')
  assert.equal(code, 0, stdout + stderr)
  return JSON.parse(stdout) as Imported
}

let onlyOne: Promise<{ reprepro: OldProgram; server: Server; imported: Imported }> | undefined
const things = new AsyncDisposableStack()
after(() => things.disposeAsync())

async function moved(): Promise<{ reprepro: OldProgram; server: Server; imported: Imported }> {
  onlyOne ??= (async () => {
    const home = things.use(await temporaryDirectory())
    const reprepro = await livedIn(home.path)
    const server = things.use(await serve({ home: home.path }))
    return { reprepro, server, imported: await importReprepro(server, reprepro.root) }
  })()
  return onlyOne
}

test('every distribution and every snapshot of a reprepro has here what reprepro has', options, async () => {
  const { reprepro, server, imported } = await moved()
  assert.deepEqual(await here(server, 'bookworm'), await reproHas(reprepro, 'bookworm'))
  assert.deepEqual(await here(server, 'trixie'), await reproHas(reprepro, 'trixie'))
  const [snapshot] = imported.states
  assert.equal(snapshot?.name, 'bookworm/snapshots/release-1')
  assert.deepEqual(await listedIn(server.workspace, 'bookworm', `r${snapshot.revision}`), [
    'alpha_1.0_all',
    'alpha_1.0_source',
    'beta_1.0_amd64',
    'beta_1.0_arm64',
    'disk_1.0_amd64',
    'gamma_1.0_all',
  ])
  await checkSuite(server.apt, 'stable')
  assert.equal((await importReprepro(server, reprepro.root)).unchanged, true)
})

test(
  'settings, aliases and overrides of reprepro are kept, and what means nothing here is named',
  options,
  async () => {
    const { server, imported } = await moved()
    const bookworm = await server.workspace.suite('bookworm')
    assert.deepEqual(bookworm.aliases, ['stable'])
    const { suite, codename, origin, label, description, validUntilDays, versions } = bookworm.settings
    assert.deepEqual(
      { suite, codename, origin, label, description, validUntilDays, versions },
      {
        suite: 'stable',
        codename: 'bookworm',
        origin: 'Team',
        label: 'Team',
        description: 'What runs',
        validUntilDays: 31,
        versions: 'newest',
      },
    )
    const { notAutomatic, butAutomaticUpgrades, origin: none } = (await server.workspace.suite('testing')).settings
    assert.deepEqual([notAutomatic, butAutomaticUpgrades, none], [true, true, ''])
    const beta = await server.workspace.packages('bookworm', { name: 'beta' })
    assert.deepEqual([beta.packages[0]?.section, beta.packages[0]?.priority], ['devel', 'required'])
    assert.ok(
      imported.notes.some((note) => /bookworm: not taken over.*: Version, DebOverride, Tracking, Log\./.test(note)),
    )
  },
)

test('who uploaded is told by the .changes that reprepro kept, else by the package', options, async () => {
  const { server } = await moved()
  const { stdout } = await server.ashlar('user', 'list', '--quiet')
  assert.deepEqual(stdout.trim().split('\n'), ['admin', 'jane@example.org~reprepro', 'tests@example.org~reprepro'])
  const { stdout: attached } = await server.ashlar('user', 'attach', 'jane@example.org~reprepro', 'admin')
  assert.match(attached, /is admin now: 1 record moved/)
})

test('apt installs from an imported distribution by its alias, and from what a snapshot was', options, async () => {
  const { server, imported } = await moved()
  for (const [at, version] of [
    [undefined, '2.0'],
    [`r${imported.states[0]?.revision}`, '1.0'],
  ] as const) {
    await using machine = await aptRoot()
    await machine.source(await server.workspace.sources('stable', { at }))
    await machine.update()
    const { code, output } = await machine.get('install', 'alpha')
    assert.equal(code, 0, output)
    const copyright = await readFile(machine.file('usr/share/doc/beta/copyright'), 'utf8')
    assert.equal(copyright, `beta ${version}\n`)
  }
})
