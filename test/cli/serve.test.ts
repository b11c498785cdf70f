/** `ashlar serve` as a user starts and stops it. */
import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeDeb } from '../support/make-deb.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ashlar, ashlarJson, eventually, startServing } from './serving.ts'

const examples = new URL('../../examples/debs', import.meta.url).pathname

/** Names and versions in a suite, sorted. */
async function packagesIn(suite: string, options: { cwd: string }): Promise<string[]> {
  const { packages } = (await ashlarJson(['suite', 'packages', suite], options)) as {
    packages: { name: string; version: string }[]
  }
  return packages.map(({ name, version }) => `${name} ${version}`).sort()
}

test('serve DIR prints the ready line and the source to paste, when the packages are published', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path, [examples])
  const index = await fetch(new URL('/apt/local/main/dists/stable/main/binary-amd64/Packages', serving.url))
  assert.equal(index.status, 200)
  assert.match(await index.text(), /^Package: ashlar-greeting$[^]*^Package: ashlar-hello$/m)
  const { stdout } = await serving.stop()
  const [ready, ...rest] = stdout.split('\n')
  assert.equal(ready, `Ashlar is ready on ${serving.url}`)
  assert.equal(stdout.match(/ready on/g)?.length, 1)
  assert.deepEqual(
    rest.filter((line) => /^(Types|URIs|Suites|Components|Signed-By):/.test(line)).map((line) => line.split(':')[0]),
    ['Types', 'URIs', 'Suites', 'Components', 'Signed-By'],
  )
  assert.match(stdout, new RegExp(`^URIs: ${serving.url}apt/local/main`, 'm'))
})

test('commands beside the data directory find the server and its token by client.toml, which only its owner may read', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  assert.equal((await stat(join(home.path, 'ashlar-data'))).mode & 0o777, 0o700)
  const file = join(home.path, 'ashlar-data/client.toml')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.match(await readFile(file, 'utf8'), new RegExp(`^url = "${serving.url}"\\ntoken = "ash_`))
  const { code, stdout } = await ashlar(['suite', 'create', 'stable'], serving.beside)
  assert.equal(code, 0, stdout)
})

test('a restart keeps the token of client.toml, and makes a new one if it is lost', async () => {
  await using home = await temporaryDirectory()
  const file = join(home.path, 'ashlar-data/client.toml')
  const token = async (): Promise<string | undefined> => /token = "(.*)"/.exec(await readFile(file, 'utf8'))?.[1]
  await (await startServing(home.path)).stop()
  const first = await token()
  await (await startServing(home.path)).stop()
  assert.equal(await token(), first)
  await rm(file)
  await using serving = await startServing(home.path)
  assert.notEqual(await token(), first)
  assert.equal((await ashlar(['suite', 'create', 'stable'], serving.beside)).code, 0)
})

test('SIGTERM and SIGINT end it well', async () => {
  await using home = await temporaryDirectory()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const serving = await startServing(home.path, [examples])
    const { code, stderr } = await serving.stop(signal)
    assert.equal(code, 0, stderr)
  }
})

test('with --json the ready line is one document on one line', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path, [examples, '--json'])
  const { stdout } = await serving.stop()
  assert.equal(stdout.split('\n').length, 2)
  const { url, suite, packages } = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual({ url, suite, packages }, { url: serving.url, suite: 'stable', packages: 2 })
})

test('a port that is taken is named, and nothing is left behind', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  const listen = new URL(serving.url).host
  const other = join(home.path, 'other')
  const { code, stdout, stderr } = await ashlar(['serve', '--listen', listen, '--data', other])
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  assert.match(
    stderr,
    new RegExp(`^ashlar: Ashlar cannot listen on ${listen}: another program listens there\\.\n +Choose`),
  )
  await assert.rejects(stat(other), { code: 'ENOENT' })
})

test('a data directory in use is refused with the pid that uses it', async () => {
  await using home = await temporaryDirectory()
  await using serving = await startServing(home.path)
  const data = join(home.path, 'ashlar-data')
  const { code, stderr } = await ashlar(['serve', '--listen', '127.0.0.1:0', '--data', data])
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`is used by the process with pid ${serving.child.pid}`))
})

test('what cannot work is refused with a sentence, before anything is made', async () => {
  await using home = await temporaryDirectory()
  const data = join(home.path, 'data')
  await writeFile(join(home.path, 'file'), '')
  const refused: [string[], number, RegExp][] = [
    [[join(home.path, 'missing')], 1, /missing does not exist/],
    [[join(home.path, 'file')], 1, /file is not a folder/],
    [[home.path, '--suite', '../up'], 1, /“\.\.\/up” cannot be the name of a suite/],
    [['--listen', 'nowhere'], 2, /“nowhere” is no address/],
    [['--public-url', 'example.org'], 2, /“example\.org” is not the URL/],
    [['--tls-cert', join(home.path, 'file')], 2, /both --tls-cert and --tls-key/],
    [['--workspace', 'main'], 2, /“main” does not name a workspace/],
  ]
  for (const [words, status, sentence] of refused) {
    const { code, stdout, stderr } = await ashlar(['serve', '--listen', '127.0.0.1:0', '--data', data, ...words])
    assert.deepEqual({ code, stdout }, { code: status, stdout: '' }, words.join(' '))
    assert.match(stderr, sentence)
    await assert.rejects(stat(join(data, 'ashlar.db')), { code: 'ENOENT' })
  }
  const { code, stderr } = await ashlar(['serve', '--listen', '127.0.0.1:0', '--data', join(home.path, 'file/data')])
  assert.equal(code, 1)
  assert.match(stderr, /The data directory .*file\/data cannot be used/)
})

test('packages that come, change and go are published so, and a restart knows them', async () => {
  await using home = await temporaryDirectory()
  const debs = join(home.path, 'debs')
  await mkdir(debs)
  const until = async (expected: string[], options: { cwd: string }): Promise<void> => {
    await eventually(async () => {
      const found = await packagesIn('stable', options)
      return JSON.stringify(found) === JSON.stringify(expected) ? true : undefined
    })
  }
  await writeFile(join(debs, 'one.deb'), makeDeb({ name: 'one', version: '1.0' }))
  const first = await startServing(home.path, [debs])
  assert.deepEqual(await packagesIn('stable', first.beside), ['one 1.0'])
  await writeFile(join(debs, 'two.deb'), makeDeb({ name: 'two', version: '1.0' }))
  await until(['one 1.0', 'two 1.0'], first.beside)
  await writeFile(join(debs, 'two.deb'), makeDeb({ name: 'two', version: '2.0' }))
  await until(['one 1.0', 'two 2.0'], first.beside)
  await rm(join(debs, 'one.deb'))
  await until(['two 2.0'], first.beside)
  assert.equal((await first.stop()).code, 0)
  await cp(examples, debs, { recursive: true })
  await rm(join(debs, 'two.deb'))
  await using second = await startServing(home.path, [debs])
  assert.deepEqual(await packagesIn('stable', second.beside), ['ashlar-greeting 1.0', 'ashlar-hello 1.0'])
})
