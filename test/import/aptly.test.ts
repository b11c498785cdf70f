/** `ashlar import aptly` on what the real aptly has made: the same packages in every suite and in every snapshot. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { readdir, readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { WorkspaceClient } from '../../src/client/client.ts'
import { AshlarError } from '../../src/common/errors.ts'
import { readAptly } from '../../src/import/aptly.ts'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { checkSuite } from '../support/check-archive.ts'
import { newAptly, type OldProgram, programMissing, writeDebs, writeSource } from '../support/old-programs.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { listedIn } from './listed-in.ts'

const options = { skip: (await aptMissing()) ?? (await programMissing('aptly')) ?? false }
const publishing = ['-skip-signing', '-skip-contents', '-batch']

/** The folder over HTTP, as aptly mirrors it. */
async function upstream(folder: string): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer((request, response) => {
    readFile(join(folder, decodeURIComponent(request.url ?? '/'))).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A year of a team in a minute: releases of two components, a hotfix in another prefix, a mirror. */
async function livedIn(folder: string): Promise<OldProgram> {
  const aptly = await newAptly(folder)
  const debs = join(folder, 'debs')
  const first = await writeDebs(debs, [
    { name: 'alpha', version: '1.0', depends: 'beta' },
    { name: 'beta', version: '1:1.0+a~b', architecture: 'amd64' },
    { name: 'beta', version: '1:1.0+a~b', architecture: 'arm64' },
    { name: 'disk', version: '1.0', architecture: 'amd64', section: 'debian-installer' },
  ])
  await aptly('repo', 'create', '-distribution=stable', 'prod')
  await aptly('repo', 'add', 'prod', ...first, await writeSource(debs, 'alpha', '1.0'))
  await aptly('repo', 'create', '-component=contrib', 'extra')
  await aptly('repo', 'add', 'extra', ...(await writeDebs(debs, [{ name: 'gamma', version: '1.0' }])))
  await aptly('snapshot', 'create', 'prod-1', 'from', 'repo', 'prod')
  await aptly('snapshot', 'create', 'extra-1', 'from', 'repo', 'extra')
  const release = ['-origin=Team', '-label=Team stable', '-architectures=amd64,arm64,source', '-component=main,contrib']
  await aptly('publish', 'snapshot', ...publishing, ...release, '-distribution=stable', 'prod-1', 'extra-1')

  await aptly('repo', 'add', 'prod', ...(await writeDebs(debs, [{ name: 'alpha', version: '2.0', depends: 'beta' }])))
  await aptly('repo', 'remove', 'prod', 'alpha (= 1.0), $Architecture (all)', 'disk')
  await aptly('snapshot', 'create', 'prod-2', 'from', 'repo', 'prod')
  await aptly('publish', 'switch', ...publishing, '-component=main,contrib', 'stable', 'prod-2', 'extra-1')
  await aptly('snapshot', 'merge', 'all-2', 'prod-2', 'extra-1')

  // The same version with other bytes in another repo: aptly keeps both.
  await aptly('repo', 'create', 'hotfix')
  const other = { name: 'alpha', version: '2.0', files: { 'usr/share/doc/alpha/hotfix': 'yes\n' } }
  await aptly('repo', 'add', 'hotfix', ...(await writeDebs(join(folder, 'other'), [other])))
  await aptly('publish', 'repo', ...publishing, '-distribution=hot', '-architectures=amd64', 'hotfix', 'fixes')
  await aptly('repo', 'create', 'later')
  await aptly('repo', 'add', 'later', ...(await writeDebs(debs, [{ name: 'delta', version: '1.0' }])))
  await aptly('publish', 'repo', ...publishing, '-distribution=later', '-architectures=amd64', 'later')
  await aptly('repo', 'add', 'later', ...(await writeDebs(debs, [{ name: 'delta', version: '2.0' }])))

  await using server = await upstream(join(aptly.root, 'public'))
  await aptly('mirror', 'create', '-ignore-signatures', 'up', server.url, 'stable', 'main')
  await aptly('mirror', 'update', '-ignore-signatures', 'up')
  return aptly
}

/** What aptly says it has, as `name_version_architecture`. */
async function aptlyHas(aptly: OldProgram, kind: 'snapshot' | 'repo' | 'mirror', name: string): Promise<string[]> {
  const text = await aptly(kind, 'show', '-with-packages', name)
  return [...text.matchAll(/^ {2}(\S+_\S+_\S+)$/gm)].map(([, line]) => line ?? '').toSorted()
}

interface Imported {
  readonly suites: { name: string; was: string }[]
  readonly states: { name: string; suites: string[]; revision: number | null }[]
  readonly sentFiles: number
  readonly unchanged: boolean
  readonly notes: string[]
}

async function importAptly(server: Server, root: string, place: string, ...words: string[]): Promise<Imported> {
  const command = ['import', 'aptly', root, '--workspace', place, '--json', ...words]
  const { code, stdout, stderr } = await server.ashlar(...command)
  assert.equal(code, 0, stdout + stderr)
  return JSON.parse(stdout) as Imported
}

const things = new AsyncDisposableStack()
after(() => things.disposeAsync())

let onlyServer: Promise<Server> | undefined

/** One server for all tests. */
async function oneServer(): Promise<Server> {
  onlyServer ??= (async () => {
    const home = things.use(await temporaryDirectory())
    return things.use(await serve({ home: home.path }))
  })()
  return onlyServer
}

/** A workspace of its own for a test. */
async function fresh(name: string): Promise<{ server: Server; place: string; workspace: WorkspaceClient }> {
  const server = await oneServer()
  await server.client.createWorkspace('local', { name, public: true })
  return { server, place: `local/${name}`, workspace: server.client.workspace('local', name) }
}

/** The aptly that was lived in, imported into local/main; made once for the tests that only look. */
let onlyOne: Promise<{ aptly: OldProgram; server: Server; imported: Imported }> | undefined

async function moved(): Promise<{ aptly: OldProgram; server: Server; imported: Imported }> {
  onlyOne ??= (async () => {
    const home = things.use(await temporaryDirectory())
    const aptly = await livedIn(home.path)
    const server = await oneServer()
    return { aptly, server, imported: await importAptly(server, aptly.root, 'local/main') }
  })()
  return onlyOne
}

test('every suite and every snapshot of an aptly has here what aptly says it has', options, async () => {
  const { aptly, server, imported } = await moved()
  const { workspace } = server
  const suites = imported.suites.map(({ name }) => name).toSorted()
  const named = ['fixes/hot', 'later', 'mirror/up', 'repo/extra', 'repo/later', 'repo/prod', 'snapshot/all-2', 'stable']
  assert.deepEqual(suites, named)
  assert.deepEqual(await listedIn(workspace, 'repo/prod'), await aptlyHas(aptly, 'repo', 'prod'))
  assert.deepEqual(await listedIn(workspace, 'repo/extra'), await aptlyHas(aptly, 'repo', 'extra'))
  assert.deepEqual(await listedIn(workspace, 'repo/later'), await aptlyHas(aptly, 'repo', 'later'))
  assert.deepEqual(await listedIn(workspace, 'fixes/hot'), await aptlyHas(aptly, 'repo', 'hotfix'))
  assert.deepEqual(await listedIn(workspace, 'mirror/up'), await aptlyHas(aptly, 'mirror', 'up'))
  assert.deepEqual(await listedIn(workspace, 'snapshot/all-2'), await aptlyHas(aptly, 'snapshot', 'all-2'))
  // Published before delta 2.0 came.
  assert.deepEqual(await listedIn(workspace, 'later'), ['delta_1.0_all'])

  const [prod1, prod2] = [await aptlyHas(aptly, 'snapshot', 'prod-1'), await aptlyHas(aptly, 'snapshot', 'prod-2')]
  const extra1 = await aptlyHas(aptly, 'snapshot', 'extra-1')
  const revisionOf = new Map(imported.states.map(({ name, revision }) => [name, `r${revision}`]))
  assert.deepEqual(await listedIn(workspace, 'repo/prod', revisionOf.get('prod-1')), prod1)
  assert.deepEqual(await listedIn(workspace, 'repo/prod', revisionOf.get('prod-2')), prod2)
  assert.deepEqual(await listedIn(workspace, 'repo/extra', revisionOf.get('extra-1')), extra1)
  assert.deepEqual(await listedIn(workspace, 'stable', revisionOf.get('extra-1')), [...prod1, ...extra1].toSorted())
  assert.deepEqual(await listedIn(workspace, 'stable'), [...prod2, ...extra1].toSorted())
  const stable = await workspace.packages('stable', { name: 'gamma' })
  assert.equal(stable.packages[0]?.component, 'contrib')

  const { settings, architectures, components } = await workspace.suite('stable')
  const { origin, label, codename, contents } = settings
  assert.deepEqual(
    { origin, label, codename, contents },
    { origin: 'Team', label: 'Team stable', codename: 'stable', contents: false },
  )
  assert.deepEqual(
    [architectures, components],
    [
      ['amd64', 'arm64'],
      ['main', 'contrib'],
    ],
  )
  // aptly filled these in, so that apt knows them.
  assert.equal((await workspace.suite('fixes/hot')).settings.label, 'fixes hot')
  await checkSuite(server.apt, 'stable')
  await checkSuite(server.apt, 'fixes/hot')
  assert.ok(
    imported.notes.some((note) => note.includes('The mirror up')),
    imported.notes.join('\n'),
  )
})

test('apt installs from an imported suite, and from what an old snapshot was', options, async () => {
  const { server, imported } = await moved()
  const before = imported.states.find(({ name }) => name === 'extra-1')?.revision
  for (const [at, version] of [
    [undefined, '2.0'],
    [`r${before}`, '1.0'],
  ] as const) {
    await using machine = await aptRoot()
    await machine.source(await server.workspace.sources('stable', { at }))
    await machine.update()
    const { code, output } = await machine.get('install', 'alpha', 'gamma')
    assert.equal(code, 0, output)
    const copyright = await readFile(machine.file('usr/share/doc/alpha/copyright'), 'utf8')
    assert.equal(copyright, `alpha ${version}\n`)
  }
})

test(
  'what was there already is not brought again, and what is new since comes as one more state',
  options,
  async () => {
    await using home = await temporaryDirectory()
    const aptly = await newAptly(home.path)
    const add = async (version: string): Promise<void> => {
      await aptly('repo', 'add', 'prod', ...(await writeDebs(home.path, [{ name: 'alpha', version }])))
      await aptly('snapshot', 'create', `prod-${version}`, 'from', 'repo', 'prod')
    }
    await aptly('repo', 'create', 'prod')
    await add('1')
    await aptly('publish', 'snapshot', ...publishing, '-distribution=stable', '-architectures=amd64', 'prod-1')
    const { server, place, workspace } = await fresh('again')
    await importAptly(server, aptly.root, place)
    const again = await importAptly(server, aptly.root, place)
    assert.deepEqual([again.unchanged, again.sentFiles], [true, 0])

    await add('2')
    await add('3')
    await aptly('publish', 'switch', ...publishing, 'stable', 'prod-3')
    const more = await importAptly(server, aptly.root, place)
    assert.equal(more.sentFiles, 2)
    assert.deepEqual(
      more.states.map(({ name, revision }) => [name, revision]),
      [
        ['prod-1', 2],
        ['prod-2', 3],
        ['prod-3', 4],
      ],
    )
    assert.deepEqual(await listedIn(workspace, 'stable', 'r3'), ['alpha_1_all', 'alpha_2_all'])
    assert.deepEqual(await listedIn(workspace, 'stable'), await aptlyHas(aptly, 'snapshot', 'prod-3'))
  },
)

test('what was done here since is not undone unasked', options, async () => {
  await using home = await temporaryDirectory()
  const aptly = await newAptly(home.path)
  await aptly('repo', 'create', 'prod')
  const [old = '', own = ''] = await writeDebs(home.path, [
    { name: 'alpha', version: '1' },
    { name: 'own', version: '1' },
  ])
  await aptly('repo', 'add', 'prod', old)
  const { server, place, workspace } = await fresh('undone')
  await importAptly(server, aptly.root, place)
  await server.ashlar('upload', '--workspace', place, '--suite', 'repo/prod', own)
  const refused = await server.ashlar('import', 'aptly', aptly.root, '--workspace', place)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /repo\/prod has been changed here \(r3\) since it was imported \(r2\)/)
  assert.deepEqual(await listedIn(workspace, 'repo/prod'), ['alpha_1_all', 'own_1_all'])
  await server.ashlar('import', 'aptly', aptly.root, '--workspace', place, '--overwrite')
  assert.deepEqual(await listedIn(workspace, 'repo/prod'), ['alpha_1_all'])
})

test('a suite that no import has made is left alone', options, async () => {
  await using home = await temporaryDirectory()
  const aptly = await newAptly(home.path)
  await aptly('repo', 'create', 'prod')
  await aptly('repo', 'add', 'prod', ...(await writeDebs(home.path, [{ name: 'alpha', version: '1' }])))
  await aptly('publish', 'repo', ...publishing, '-distribution=stable', '-architectures=amd64', 'prod')
  const { server, place, workspace } = await fresh('taken')
  await workspace.createSuite({ name: 'stable' })
  const { code, stderr } = await server.ashlar('import', 'aptly', aptly.root, '--workspace', place)
  assert.equal(code, 1)
  assert.match(stderr, /published distribution \. stable would become the suite stable, but that name is taken/)
  assert.deepEqual((await workspace.artifacts()).artifacts, [])
  assert.deepEqual(
    (await workspace.suites()).map(({ name }) => name),
    ['stable'],
  )
})

test('what would become one suite though it is two is told, before anything is brought', options, async () => {
  await using home = await temporaryDirectory()
  const aptly = await newAptly(home.path)
  for (const name of ['my repo', 'my-repo']) await aptly('repo', 'create', name)
  await assert.rejects(readAptly(aptly.root), {
    code: 'import-unreadable',
    message: /would become the suite repo\/my-repo; so would the local repo my.repo\. Rename it in aptly/,
  })
})

test('packages are of those who maintain them, until these are attached to an account', options, async () => {
  await using home = await temporaryDirectory()
  const aptly = await newAptly(home.path)
  await aptly('repo', 'create', 'prod')
  await aptly('repo', 'add', 'prod', ...(await writeDebs(home.path, [{ name: 'alpha', version: '1' }])))
  const { server, place, workspace } = await fresh('people')
  await importAptly(server, aptly.root, place, '--origin', 'elsewhere')
  const users = async (): Promise<(string | null | undefined)[]> => {
    const { history } = await workspace.history('repo/prod')
    return history.flatMap(({ changes }) => changes.map(({ user }) => user))
  }
  assert.deepEqual(await users(), ['tests@example.org~elsewhere', 'admin'])
  await server.ashlar('user', 'create', 'tess')
  const { stdout } = await server.ashlar('user', 'attach', 'tests@example.org~elsewhere', 'tess')
  assert.match(stdout, /^tests@example\.org~elsewhere is tess now: 3 records moved/)
  assert.deepEqual(await users(), ['tess', 'admin'])
  assert.equal((await importAptly(server, aptly.root, place, '--origin', 'elsewhere')).unchanged, true)
})

test('a package that cannot be taken keeps all away, and is left out where it is named', options, async () => {
  await using home = await temporaryDirectory()
  const aptly = await newAptly(home.path)
  await aptly('repo', 'create', 'prod')
  const debs = await writeDebs(home.path, [
    { name: 'alpha', version: '1' },
    { name: 'odd', version: '1', control: oddControl },
  ])
  await aptly('repo', 'add', 'prod', ...debs)
  await aptly('snapshot', 'create', 'one', 'from', 'repo', 'prod')
  const { server, place, workspace } = await fresh('refused')
  const refused = await server.ashlar('import', 'aptly', aptly.root, '--workspace', place)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /_odd_1_all\.deb: /)
  assert.deepEqual(await workspace.suites(), [])
  const { code, stderr } = await server.ashlar(
    'import',
    'aptly',
    aptly.root,
    '--workspace',
    place,
    '--leave-out',
    'odd_1_all.deb',
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(await listedIn(workspace, 'repo/prod', 'r2'), ['alpha_1_all'])
})

/** A Source that is no name of a package. */
const oddControl =
  'Package: odd\nSource: Not A Name\nVersion: 1\nArchitecture: all\nMaintainer: Ashlar Tests <tests@example.org>\nDescription: odd\n'

test('an aptly that was killed, or is at work, is read as aptly itself reads it, or not at all', options, async () => {
  await using home = await temporaryDirectory()
  const aptly = await newAptly(home.path)
  await aptly('repo', 'create', 'prod')
  const names = Array.from({ length: 150 }, (_, i) => ({ name: `many-${i}`, version: '1' }))
  const debs = await writeDebs(home.path, names)
  await aptly('repo', 'add', 'prod', ...debs.slice(0, 1))
  const before = await aptlyHas(aptly, 'repo', 'prod')
  const child = spawn('aptly', [`-config=${join(home.path, 'aptly.conf')}`, 'repo', 'add', 'prod', ...debs], {
    stdio: 'ignore',
  })
  const ended = once(child, 'close')
  // Once it has stored half of the packages; what the repo has, it writes at last.
  while (child.exitCode === null && (await readdir(join(aptly.root, 'pool')).catch(() => [])).length < 75) {
    const seen = await presentOrAtWork(aptly.root)
    if (seen !== 'at work') assert.deepEqual(seen, before)
  }
  child.kill('SIGKILL')
  await ended
  const ours = await presentOf(aptly.root)
  assert.deepEqual(ours, await aptlyHas(aptly, 'repo', 'prod'))
})

async function presentOrAtWork(root: string): Promise<string[] | 'at work'> {
  try {
    return await presentOf(root)
  } catch (error) {
    assert.ok(error instanceof AshlarError && error.code === 'import-unreadable', String(error))
    return 'at work'
  }
}

async function presentOf(root: string): Promise<string[]> {
  const { packages, present } = await readAptly(root)
  const indexes = (present.get('repo/prod') ?? []).flatMap((group) => [...group.packages])
  return indexes
    .flatMap((index) => packages[index] ?? [])
    .map(({ name, version, architecture }) => `${name}_${version}_${architecture}`)
    .toSorted()
}
