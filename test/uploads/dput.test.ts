/** Unmodified dput, dput-ng and curl against a running server; then the real apt installs what they sent. */
import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { aptMissing, aptRoot, run } from '../support/apt-root.ts'
import { buildToolMissing, buildUpload, type BuiltUpload } from '../support/debian-build.ts'
import { type Dput, findDput, runDput } from '../support/dput.ts'
import { GpgHome } from '../support/gpg.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const missing = buildToolMissing() ?? (await aptMissing())
const dput = missing === undefined ? findDput('dput') : missing
const dputNg = missing === undefined ? findDput('dput-ng') : missing
const skipAll = missing ?? false
const skipDput = typeof dput === 'string' ? dput : false
const skipNg = typeof dputNg === 'string' ? dputNg : false

let gpg: GpgHome
let home: Awaited<ReturnType<typeof temporaryDirectory>>
let server: Server
let developer: string

before(async () => {
  if (skipAll !== false) return
  gpg = new GpgHome()
  developer = gpg.key('Developer <dev@example.org>')
  home = await temporaryDirectory()
  server = await serve({ home: home.path })
  await writeFile(join(home.path, 'developers.asc'), gpg.armored(developer))
  const said = [
    await server.ashlar('keyring', 'add', 'developers', 'developers.asc'),
    await server.ashlar('suite', 'create', 'unstable', '--keyring', 'developers', '--signed-uploads'),
    await server.ashlar('suite', 'create', 'open', '--keyring', 'developers', '--signature-suffices'),
  ]
  for (const { code, stderr } of said) assert.equal(code, 0, stderr)
  const address = server.url.replace('http://', '')
  const [forDput = '', forNg = ''] = await configurations()
  const here = (text: string): string =>
    text.replace('packages.example.org', address).replaceAll('https', 'http').replace('TOKEN', server.token)
  const open = `[open]\nfqdn = ${address}\nmethod = http\nincoming = /upload/local/main/open\n`
  const text = [here(forDput), here(forNg).replace('[ashlar]', '[ashlar-ng]'), open].join('\n')
  await writeFile(join(home.path, 'dput.cf'), text)
})

/** The dput.cf for dput and that for dput-ng, as the how-to has them. */
async function configurations(): Promise<string[]> {
  const page = await readFile(new URL('../../docs/how-to/upload-with-dput.md', import.meta.url), 'utf8')
  const found = Array.from(page.matchAll(/^```ini\n([^]*?)^```$/gm), ([, text = '']) => text)
  assert.equal(found.length, 2)
  return found
}

after(async () => {
  if (skipAll !== false) return
  await server.stop()
  gpg.close()
  await home[Symbol.asyncDispose]()
})

async function build(name: string, version: string, options: { signed?: false; distribution?: string } = {}) {
  const directory = join(home.path, 'build', `${name}-${version}`)
  const { signed, distribution } = options
  return buildUpload(directory, {
    name,
    version,
    ...(distribution === undefined ? {} : { distribution }),
    ...(signed === false ? {} : { signer: { home: gpg, key: developer } }),
  })
}

async function send(
  tool: Dput | string,
  host: string,
  built: BuiltUpload,
  more: readonly string[] = [],
  password?: string,
) {
  if (typeof tool === 'string') throw new Error(tool)
  const words = [...more, host, built.changes]
  return runDput(tool, {
    home: home.path,
    gnupgHome: gpg.directory,
    words,
    ...(password === undefined ? {} : { password }),
  })
}

async function versionsOf(name: string, suite = 'unstable'): Promise<string[]> {
  const page = await server.workspace.packages(suite, { name })
  return page.packages.map((each) => `${each.version} ${each.architecture}`).toSorted()
}

test(
  'dput uploads with the password that it asks for, and apt installs the package and gets its source',
  { skip: skipDput },
  async () => {
    const built = await build('hello', '1.0-1')
    const { code, output } = await send(dput, 'ashlar', built, [], server.token)
    assert.equal(code, 0, output)
    assert.match(output, /need authentication/)
    assert.deepEqual(await versionsOf('hello'), ['1.0-1 all', '1.0-1 source'])
    await using machine = await aptRoot()
    const { stdout: sources } = await server.ashlar('suite', 'sources', 'unstable')
    await machine.source(sources)
    assert.equal((await machine.update()).code, 0)
    const installed = await machine.get('install', 'hello')
    assert.equal(installed.code, 0, installed.output)
    assert.match(installed.output, /Setting up hello \(1\.0-1\)/)
    const source = await machine.download('source', '--download-only', 'hello')
    assert.deepEqual([...source.keys()].toSorted(), [
      'hello_1.0-1.debian.tar.xz',
      'hello_1.0-1.dsc',
      'hello_1.0.orig.tar.gz',
    ])
  },
)

test('dput shows why an upload was refused, and where the details are', { skip: skipDput }, async () => {
  const built = await build('refused', '1.0', { signed: false })
  const { code, output } = await send(dput, 'ashlar', built, ['-u'], server.token)
  assert.notEqual(code, 0)
  assert.match(
    output,
    /Upload failed: 422 Refused refused_1\.0_amd64\.changes: signature: It is not signed, and unstable takes only signed uploads\. http:\/\/\S+\/upload\/local\/main\/\d+/,
  )
  const [, id = ''] = /\/upload\/local\/main\/(\d+)/.exec(output) ?? []
  const shown = await server.ashlar('queue', 'show', id)
  assert.match(shown.stdout, /^BAD +signature +It is not signed/m)
  const page = await (await fetch(`${server.url}/upload/local/main/${id}`)).text()
  assert.match(page, /refused_1\.0_amd64\.changes[^]*It is not signed/)
  assert.deepEqual(await versionsOf('refused'), [])
})

test('dput says that a password is wrong', { skip: skipDput }, async () => {
  const built = await build('stranger', '1.0')
  const { code, output } = await send(dput, 'ashlar', built, [], 'ash_wrong')
  assert.notEqual(code, 0)
  assert.match(output, /Upload failed as unauthorized: .*\n.*wrong username or password/)
})

test('dput needs no password where a signature suffices', { skip: skipDput }, async () => {
  const built = await build('signed', '1.0', { distribution: 'open' })
  const { code, output } = await send(dput, 'open', built)
  assert.equal(code, 0, output)
  assert.doesNotMatch(output, /need authentication/)
  assert.deepEqual(await versionsOf('signed', 'open'), ['1.0 all', '1.0 source'])
  const { stdout: queue } = await server.ashlar('queue', 'list', '--suite', 'open')
  assert.match(queue, /^ *\d+ +signed +1\.0 .* signed by .*<.*@.*>$/m)
  const { stdout: history } = await server.ashlar('suite', 'history', 'open')
  assert.match(history, / upload signed by .*<.*@.*>$/m)
})

test('dput-ng uploads with credentials in its configuration', { skip: skipNg }, async () => {
  const built = await build('howdy', '2.0-1')
  const { code, output } = await send(dputNg, 'ashlar-ng', built)
  assert.equal(code, 0, output)
  assert.deepEqual(await versionsOf('howdy'), ['2.0-1 all', '2.0-1 source'])
})

test('dput-ng fails, and shows the verdict, where an upload is refused', { skip: skipNg }, async () => {
  const built = await build('wrong', '1.0', { distribution: 'experimental' })
  const { code, output } = await send(dputNg, 'ashlar-ng', built, ['--force'])
  assert.notEqual(code, 0, output)
  assert.match(output, /422: Refused wrong_1\.0_amd64\.changes: distribution: It is for experimental/)
  assert.match(output, /BAD +distribution/)
})

test('dput-ng fails without credentials', { skip: skipNg }, async () => {
  const built = await build('nobody', '1.0')
  await rm(join(built.directory, 'nobody_1.0_amd64.ashlar.upload'), { force: true })
  const { code, output } = await send(dputNg, 'ashlar', built)
  assert.notEqual(code, 0, output)
  assert.match(output, /401: The workspace local\/main asks for a token/)
})

test('curl uploads file by file', { skip: skipAll }, async () => {
  const built = await build('curly', '1.0')
  const to = `${server.url}/upload/local/main/unstable/`
  const files = [...built.files, basename(built.changes)]
  const words = files.flatMap((name) => ['-T', join(built.directory, name), to])
  const { code, output } = await run('curl', [
    '--silent',
    '--show-error',
    '--fail-with-body',
    '-u',
    `me:${server.token}`,
    ...words,
  ])
  assert.equal(code, 0, output)
  assert.match(output, /Accepted curly_1\.0_amd64\.changes into unstable/)
  assert.deepEqual(await versionsOf('curly'), ['1.0 all', '1.0 source'])
})

test('the command uploads through the same gate', { skip: skipAll }, async () => {
  const built = await build('gate', '1.0')
  const good = await server.ashlar('upload', '--suite', 'unstable', built.changes)
  assert.equal(good.code, 0, good.stderr)
  assert.match(good.stdout, /Accepted gate_1\.0_amd64\.changes into unstable, sealed in r\d+\./)
  assert.deepEqual(await versionsOf('gate'), ['1.0 all', '1.0 source'])
  const again = await server.ashlar('upload', '--suite', 'unstable', built.changes)
  assert.equal(again.stdout.replace(/^Sent .*\n/, ''), good.stdout.replace(/^Sent .*\n/, ''))
  const bad = await build('ungated', '1.0', { signed: false })
  const refused = await server.ashlar('upload', '--suite', 'unstable', bad.changes)
  assert.equal(refused.code, 1)
  assert.match(refused.stdout, /^Refused ungated_1\.0_amd64\.changes for unstable\.$/m)
  const deb = join(bad.directory, 'ungated_1.0_all.deb')
  const alone = await server.ashlar('upload', '--suite', 'unstable', deb)
  assert.equal(alone.code, 1)
  assert.match(alone.stderr, /takes packages only by signed uploads, and no \.changes among the files lists/)
  assert.deepEqual(await versionsOf('ungated'), [])
})
