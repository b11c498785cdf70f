/** A folder as it is served, and what the real apt makes of it, now and of every past state. */
import assert from 'node:assert/strict'
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../cli/serving.ts'
import { aptMissing, type AptRoot, aptRoot } from '../support/apt-root.ts'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb } from '../support/make-deb.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const missing = await aptMissing()
const options = { skip: missing ?? false }

const one = makeDeb({ name: 'one', version: '1.0', files: { 'usr/share/one/text': 'first\n' } })
const oneNewer = makeDeb({ name: 'one', version: '1.1', files: { 'usr/share/one/text': 'second\n' } })
const two = makeDeb({ name: 'two', version: '2.0', depends: 'one (>= 1.0)', compression: 'xz' })

/** Copied under another name first, as a careful tool does. */
async function drop(folder: string, name: string, bytes: Buffer): Promise<void> {
  await writeFile(join(folder, `.${name}.new`), bytes)
  await rename(join(folder, `.${name}.new`), join(folder, name))
}

/** `20261123T080127Z`: the state at the end of that second. */
function momentOf(time: string): string {
  return `${time.slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

async function endOfSecond(time: string): Promise<void> {
  const end = Date.parse(`${time.slice(0, 19)}Z`) + 1000
  while (Date.now() < end) await new Promise((resolve) => setTimeout(resolve, end - Date.now()))
}

async function sourcesOf(server: Server, at?: string): Promise<string> {
  return server.workspace.sources('stable', { at })
}

/** Updates until apt knows exactly these versions. */
async function updatedTo(apt: AptRoot, names: readonly string[], expected: readonly string[]): Promise<void> {
  await eventually(async () => {
    const { code, output } = await apt.update()
    assert.equal(code, 0, output)
    return (await apt.available(...names)).join() === expected.join() ? true : undefined
  })
}

test('a served folder is installed and upgraded by apt, and its past states stay installable', options, async () => {
  await using home = await temporaryDirectory()
  const debs = join(home.path, 'debs')
  await mkdir(debs)
  await drop(debs, 'one.deb', one)
  await drop(debs, 'two.deb', two)
  await using server = await serve({ home: home.path, words: [debs] })
  await using apt = await aptRoot()
  const sources = await sourcesOf(server)
  assert.doesNotMatch(sources, /trusted/i)
  await apt.source(sources)

  const update = await apt.update()
  assert.equal(update.code, 0, update.output)
  const installed = await apt.get('install', 'two')
  assert.equal(installed.code, 0, installed.output)
  assert.match(installed.stdout, /Setting up one \(1\.0\)[^]*Setting up two \(2\.0\)/)
  assert.deepEqual((await apt.download('download', 'one')).get('one_1.0_all.deb'), one)
  assert.deepEqual((await apt.download('download', 'two')).get('two_2.0_all.deb'), two)
  const first = await server.workspace.suite('stable')
  await endOfSecond(first.sealedAt)

  await drop(debs, 'one-newer.deb', oneNewer)
  await rm(join(debs, 'one.deb'))
  await updatedTo(apt, ['one'], ['one 1.1'])
  const upgraded = await apt.get('upgrade')
  assert.equal(upgraded.code, 0, upgraded.output)
  assert.match(upgraded.stdout, /Setting up one \(1\.1\)/)

  await rm(join(debs, 'two.deb'))
  await updatedTo(apt, ['one', 'two'], ['one 1.1'])

  for (const at of [`r${first.revision}`, momentOf(first.sealedAt)]) {
    await using then = await aptRoot()
    await then.source(sources.replace(server.apt, `${server.apt}snapshot/${at}/`))
    const ran = await then.update()
    assert.equal(ran.code, 0, `${at}: ${ran.output}`)
    assert.deepEqual(await then.available('one', 'two'), ['one 1.0', 'two 2.0'], at)
    assert.deepEqual((await then.download('download', 'one')).get('one_1.0_all.deb'), one)
    assert.deepEqual((await then.download('download', 'two')).get('two_2.0_all.deb'), two)
  }
})

test('the example packages are served as they are', options, async () => {
  await using home = await temporaryDirectory()
  const debs = join(home.path, 'debs')
  await cp(new URL('../../examples/debs', import.meta.url), debs, { recursive: true })
  await using server = await serve({ home: home.path, words: [debs] })
  const checked = await checkSuite(server.apt, 'stable')
  assert.deepEqual(checked.packages, ['ashlar-greeting 1.0 all', 'ashlar-hello 1.0 all'])
  await using apt = await aptRoot()
  await apt.source(await sourcesOf(server))
  assert.equal((await apt.update()).code, 0)
  const { code, output } = await apt.get('install', 'ashlar-hello')
  assert.equal(code, 0, output)
})
