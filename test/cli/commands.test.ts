/** The commands, as a user or a script runs them, against a real server. */
import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeDeb, makeSource } from '../support/make-deb.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ashlar, ashlarJson, startServing } from './serving.ts'
import type { Serving } from './serving.ts'

const home = await temporaryDirectory()
let serving: Serving
before(async () => {
  serving = await startServing(home.path)
})
after(async () => {
  await serving[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

/** Writes files into a fresh folder below the home and gives their paths. */
async function files(folder: string, contents: Readonly<Record<string, Buffer | string>>): Promise<string[]> {
  const directory = join(home.path, folder)
  await mkdir(directory, { recursive: true })
  const paths: string[] = []
  for (const [name, content] of Object.entries(contents)) {
    paths.push(join(directory, name))
    await writeFile(join(directory, name), content)
  }
  return paths
}

async function done(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ashlar(words, serving.beside)
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, words.join(' '))
  return stdout
}

test('every command has a help that names its options, and exits 0', async () => {
  const groups: Record<string, string[]> = {
    '': [
      'serve',
      'upload',
      'import',
      'suite',
      'artifact',
      'scope',
      'workspace',
      'token',
      'user',
      'store',
      'vacuum',
      'fsck',
      'why',
      'purge',
      'completion',
      '--server',
      '--token',
    ],
    serve: [
      '--suite',
      '--data',
      '--listen',
      '--database',
      '--public-url',
      '--tls-cert',
      '--trust-proxy',
      '--log-level',
    ],
    upload: ['--suite', '--component', '--json', '--quiet', '--workspace'],
    suite: [
      'create',
      'list',
      'show',
      'packages',
      'history',
      'diff',
      'copy',
      'remove',
      'rollback',
      'sources',
      'alias',
      'set',
      'apply',
    ],
    'suite sources': ['--at'],
    'suite copy': ['--at', '--from-workspace', '--list', '--filter', '--with-deps', '--dry-run'],
    'suite create': ['--component', '--architecture', '--versions', '--alias'],
    'mirror set': ['--url', '--suite', '--keyring', '--filter', '--no-filter', '--every', '--no-every', '--max-fetch'],
    artifact: ['create', 'show', 'list', 'download', 'delete'],
    token: ['create', 'list', 'revoke'],
    user: ['create', 'list', 'attach'],
    'import aptly': ['--pool', '--origin', '--leave-out', '--overwrite', '--dry-run', '--no-uploaders'],
    'import reprepro': ['--origin', '--leave-out', '--overwrite', '--dry-run', '--no-uploaders'],
    store: ['create', 'list', 'show', 'set', 'delete', 'policy'],
    'store create': [
      '--kind',
      '--directory',
      '--bucket',
      '--access-key-id',
      '--secret-file',
      '--soft-max',
      '--uploads',
    ],
    'store policy': ['--scope', '--upload-priority', '--populate', '--drain-to', '--read-only', '--unset'],
  }
  for (const [command, words] of Object.entries(groups)) {
    const help = await done([...command.split(' ').filter((word) => word !== ''), '--help'])
    for (const word of words) assert.match(help, new RegExp(`(^|\\s)${word}\\b`), `${command} ${word}`)
  }
})

test('what is not understood is exit status 2, with a sentence on stderr or as JSON on stdout', async () => {
  for (const words of [
    [],
    ['frobnicate'],
    ['suite'],
    ['suite', 'create'],
    ['suite', 'list', '--frob'],
    ['upload', 'x.deb'],
  ]) {
    const { code, stdout, stderr } = await ashlar(words, serving.beside)
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' }, words.join(' '))
    assert.match(stderr, /^ashlar: .*\n {8}See --help\.\n$/m)
  }
  const { code, stdout, stderr } = await ashlar(['suite', 'frobnicate', '--json'], serving.beside)
  assert.deepEqual({ code, stderr }, { code: 2, stderr: '' })
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, 'usage')
})

test('a failure is exit status 1, with the sentence of the server and what to do about it', async () => {
  const { code, stdout, stderr } = await ashlar(['suite', 'show', 'nowhere'], serving.beside)
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  assert.match(stderr, /^ashlar: .*nowhere.*\n {8}`ashlar suite list` shows the suites/)
  const json = await ashlar(['suite', 'show', 'nowhere', '--json'], serving.beside)
  assert.deepEqual({ code: json.code, stderr: json.stderr }, { code: 1, stderr: '' })
  const { error } = JSON.parse(json.stdout) as { error: Record<string, string> }
  assert.deepEqual(Object.keys(error), ['code', 'detail', 'advice'])
  assert.equal(error['code'], 'suite-unknown')
})

test('packages are uploaded, listed, copied, removed and brought back', async () => {
  await done(['suite', 'create', 'testing'])
  await done(['suite', 'create', 'stable', '--alias', 'current', '--codename', 'rock'])
  const debs = await files('debs', {
    'hello_1.0_all.deb': makeDeb({ name: 'hello', version: '1.0' }),
    'world_2.0_amd64.deb': makeDeb({ name: 'world', version: '2.0', architecture: 'amd64' }),
  })
  const said = await done(['upload', '--suite', 'testing', ...debs])
  assert.match(said, /^Sent 2 files .*\ntesting: 2 packages added\.\n {2}\+ hello 1\.0 all\n {2}\+ world 2\.0 amd64\n/)
  assert.match(said, /installable from http:\/\/\S+\/apt\/local\/main\/snapshot\/r\d+\/\n$/)
  const again = await ashlarJson(['upload', '--suite', 'testing', ...debs], serving.beside)
  assert.deepEqual({ unchanged: again['unchanged'], sentFiles: again['sentFiles'] }, { unchanged: true, sentFiles: 0 })

  await done(['suite', 'copy', 'testing', 'stable', 'hello'])
  assert.equal(await done(['suite', 'packages', 'current', '--quiet']), 'hello=1.0:all\n')
  assert.equal(await done(['suite', 'packages', 'testing', '--filter', 'Name (% w*)', '--quiet']), 'world=2.0:amd64\n')
  assert.match(await done(['suite', 'packages', 'testing', '--filter', 'no-such']), /^The filter chooses no package/)
  const copied = await ashlarJson(['suite', 'show', 'stable'], serving.beside)
  assert.equal(copied['packages'], 1)
  assert.equal((copied['settings'] as Record<string, unknown>)['codename'], 'rock')

  await done(['suite', 'remove', 'testing', 'world=2.0:amd64'])
  assert.equal(await done(['suite', 'packages', 'testing', '--quiet']), 'hello=1.0:all\n')
  const difference = await ashlarJson(['suite', 'diff', 'testing'], serving.beside)
  assert.deepEqual(
    (difference['removed'] as { name: string }[]).map(({ name }) => name),
    ['world'],
  )
  const { history } = (await ashlarJson(['suite', 'history', 'testing'], serving.beside)) as {
    history: { revision: number }[]
  }
  const before = history[1]?.revision
  assert.match(await done(['suite', 'packages', 'testing', '--at', `r${before}`]), /^world +2\.0 +amd64 +main$/m)
  await done(['suite', 'rollback', 'testing', '--to', `r${before}`])
  assert.equal(await done(['suite', 'packages', 'testing', 'world', '--quiet']), 'world=2.0:amd64\n')
})

test('several changes are applied as one, from a file or from stdin, as TOML or as JSON', async () => {
  const [toml = '', deb = '', broken = ''] = await files('batch', {
    'steps.toml': `
      [[steps]]
      kind = "suite-create"
      suite = "candidate"
      settings = { versions = "newest" }

      [[steps]]
      kind = "copy"
      from = "batched"
      suite = "candidate"
      packages = ["both=1.0", "one:all"]
    `,
    'both_1.0_all.deb': makeDeb({ name: 'both', version: '1.0' }),
    'broken.toml': 'steps = ',
  })
  await done(['suite', 'create', 'batched'])
  const [one = ''] = await files('batch', { 'one_1.0_all.deb': makeDeb({ name: 'one', version: '1.0' }) })
  await done(['upload', '--suite', 'batched', deb, one])
  const said = await done(['suite', 'apply', toml])
  assert.match(
    said,
    /^candidate: changed\.\ncandidate: 2 packages added\.\n {2}\+ both 1\.0 all\n {2}\+ one 1\.0 all\nSealed/,
  )
  const steps = [
    { kind: 'remove', suite: 'candidate', packages: ['one'] },
    { kind: 'remove', suite: 'batched', packages: ['absent'] },
  ]
  const asked = await ashlar(['suite', 'apply', '-'], { ...serving.beside, input: JSON.stringify(steps) })
  assert.equal(asked.code, 1)
  assert.match(asked.stderr, /Step 2 \(remove of batched\) cannot be, .*'absent'/)
  assert.equal(await done(['suite', 'packages', 'candidate', '--quiet']), 'both=1.0:all\none=1.0:all\n')
  const wrong = await ashlar(['suite', 'apply', broken], serving.beside)
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /broken\.toml is neither JSON nor TOML/)
})

test('what is copied is chosen by source, list or filter, and shown first', async () => {
  const debs = await files('chosen', {
    'app_1.0_amd64.deb': makeDeb({
      name: 'app',
      version: '1.0',
      architecture: 'amd64',
      extraControl: 'Depends: app-data (>= 1.0), libabsent1\n',
    }),
    'app-data_1.0_all.deb': makeDeb({ name: 'app-data', version: '1.0', source: 'app' }),
    'misc_1.0_all.deb': makeDeb({ name: 'misc', version: '1.0' }),
  })
  await done(['suite', 'create', 'from'])
  await done(['suite', 'create', 'to'])
  await done(['upload', '--suite', 'from', ...debs])
  const shown = await done(['suite', 'copy', 'from', 'to', 'app', '--with-deps', '--dry-run'])
  assert.equal(
    shown,
    'to: 2 packages added, if it were done.\n  + app 1.0 amd64\n  + app-data 1.0 all\n' +
      '  ! app 1.0 amd64 needs libabsent1\n',
  )
  assert.equal(await done(['suite', 'packages', 'to', '--quiet']), '')
  const [list = '', empty = ''] = await files('lists', { list: '# the release\nsrc:app=1.0\n\n', empty: '# nothing\n' })
  assert.match(
    await done(['suite', 'copy', 'from', 'to', '--list', list]),
    /\+ app 1\.0 amd64\n {2}\+ app-data 1\.0 all\n/,
  )
  assert.match(await done(['suite', 'copy', 'from', 'to', '--filter', 'Name (~ ^misc)']), /\+ misc 1\.0 all\n/)
  assert.equal((await ashlar(['suite', 'copy', 'from', 'to', '--list', empty], serving.beside)).code, 2)
  const wrong = await ashlar(['suite', 'copy', 'from', 'to', '--filter', 'Name (~ ('], serving.beside)
  assert.match(wrong.stderr, /The query, at character/)
})

test('sources are what apt wants, for now and for a past state', async () => {
  await done(['suite', 'create', 'sourced'])
  const now = await done(['suite', 'sources', 'sourced'])
  assert.match(now, /^Types: deb/m)
  assert.match(now, /^Suites: sourced$/m)
  const { revision } = await ashlarJson(['suite', 'show', 'sourced'], serving.beside)
  const past = await done(['suite', 'sources', 'sourced', '--at', `r${String(revision)}`])
  assert.match(past, new RegExp(`^URIs: .*/snapshot/r${String(revision)}/?$`, 'm'))
  const json = await ashlarJson(['suite', 'sources', 'sourced'], serving.beside)
  assert.equal(json['sources'], now)
})

test('a .dsc brings its files, and a .changes is remembered with what it lists', async () => {
  await done(['suite', 'create', 'sources'])
  const source = makeSource({ name: 'greeter', version: '1.0' })
  const [dsc = ''] = await files('source', source)
  assert.match(dsc, /\.dsc$/)
  const change = await ashlarJson(['upload', '--suite', 'sources', dsc], serving.beside)
  assert.deepEqual(change['added'], [{ name: 'greeter', version: '1.0', architecture: 'source', component: 'main' }])
  assert.equal(change['sentFiles'], 2)
})

test('a file that is missing, or not what a .dsc says, is named before anything is sent', async () => {
  await done(['suite', 'create', 'refusing'])
  const source = makeSource({ name: 'broken', version: '1.0' })
  const [dsc = '', tarball = ''] = await files('broken', source)
  await writeFile(tarball, 'something else')
  const { code, stderr } = await ashlar(['upload', '--suite', 'refusing', dsc], serving.beside)
  assert.equal(code, 1)
  assert.match(stderr, /broken_1\.0\.tar\.gz is not the file that broken_1\.0\.dsc lists/)
  const missing = await ashlar(['upload', '--suite', 'refusing', '/nonexistent/x.deb'], serving.beside)
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /^ashlar: \/nonexistent\/x\.deb does not exist\./)
  const odd = await ashlar(['upload', '--suite', 'refusing', tarball], serving.beside)
  assert.equal(odd.code, 2)
  assert.match(odd.stderr, /none of the files that can be uploaded/)
})

test('artifacts are made, listed, fetched back and deleted', async () => {
  const [log = ''] = await files('logs', { 'build.log': 'it builds\n' })
  const made = await ashlarJson(
    ['artifact', 'create', '--category', 'generic', '--data', '{"a":1}', log],
    serving.beside,
  )
  const id = String(made['id'])
  assert.deepEqual({ complete: made['complete'], data: made['data'] }, { complete: true, data: { a: 1 } })
  assert.match(await done(['artifact', 'show', id]), /^Category +generic$/m)
  assert.ok((await done(['artifact', 'list', '--category', 'generic', '--quiet'])).split('\n').includes(id))
  const output = join(home.path, 'fetched')
  await done(['artifact', 'download', id, '--output', output])
  assert.equal(await readFile(join(output, 'build.log'), 'utf8'), 'it builds\n')
  await writeFile(join(output, 'build.log'), 'mine')
  const refused = await ashlar(['artifact', 'download', id, '--output', output], serving.beside)
  assert.equal(refused.code, 1)
  assert.equal(await readFile(join(output, 'build.log'), 'utf8'), 'mine')
  await done(['artifact', 'download', id, '--output', output, '--force'])
  assert.equal(await readFile(join(output, 'build.log'), 'utf8'), 'it builds\n')
  await done(['artifact', 'delete', id])
  assert.equal((await ashlar(['artifact', 'show', id], serving.beside)).code, 1)
})

test('scopes, workspaces and tokens are made and listed; a revoked token opens nothing', async () => {
  await done(['scope', 'create', 'team'])
  await done(['workspace', 'create', 'team/secret', '--private'])
  assert.match(await done(['workspace', 'list']), /^team\/secret +tokens$/m)
  const { id, token } = await ashlarJson(['token', 'create', 'ci'], serving.beside)
  const words = ['suite', 'list', '--workspace', 'team/secret', '--server', serving.url]
  assert.equal((await ashlar([...words, '--token', String(token)])).code, 0)
  const anonymous = await ashlar(words)
  assert.equal(anonymous.code, 1)
  await done(['token', 'revoke', String(id)])
  assert.match(await done(['token', 'list']), new RegExp(`^ *${String(id)} +ci +admin .* revoked `, 'm'))
})

test('the server and the token are taken from the environment, and options go before it', async () => {
  const text = await readFile(join(home.path, 'ashlar-data/client.toml'), 'utf8')
  const token = /token = "(.*)"/.exec(text)?.[1] ?? ''
  const env = { ASHLAR_SERVER: serving.url, ASHLAR_TOKEN: token }
  assert.equal((await ashlar(['token', 'list'], { env })).code, 0)
  const elsewhere = await ashlar(['token', 'list', '--server', 'http://127.0.0.1:1/'], { env })
  assert.match(elsewhere.stderr, /No Ashlar server answers on http:\/\/127\.0\.0\.1:1\//)
  const empty = { ...serving.beside, env: { ASHLAR_SERVER: '', ASHLAR_TOKEN: '' } }
  assert.equal((await ashlar(['token', 'list'], empty)).code, 0, 'an empty variable is as good as none')
})

test('a client.toml that others may read is not read, and its token goes to no other server', async () => {
  const directory = join(home.path, 'elsewhere')
  await mkdir(join(directory, 'ashlar-data'), { recursive: true })
  const file = join(directory, 'ashlar-data/client.toml')
  await writeFile(file, await readFile(join(home.path, 'ashlar-data/client.toml')))
  await chmod(file, 0o644)
  const open = await ashlar(['token', 'list', '--server', serving.url], { cwd: directory })
  assert.equal(open.code, 1)
  assert.match(open.stderr, /client\.toml is not read: others may read it\. .*chmod 600/)
  await chmod(file, 0o600)
  assert.equal((await ashlar(['token', 'list'], { cwd: directory })).code, 0)
  await writeFile(file, 'url = "http://127.0.0.1:1/"\ntoken = "ash_other"\n')
  const other = await ashlar(['token', 'list', '--server', serving.url, '--json'], { cwd: directory })
  assert.equal((JSON.parse(other.stdout) as { error: { code: string } }).error.code, 'token-required')
  assert.match(other.stdout, /token/i)
})

test('completion knows the commands and options', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = await done(['completion', shell])
    for (const word of ['rollback', 'workspace', 'public-url'])
      assert.match(script, new RegExp(word), `${shell} ${word}`)
  }
})

test('what was given an end can be without one again', async () => {
  await done(['suite', 'create', 'endless', '--valid-until-days', '3'])
  await done(['suite', 'set', 'endless', '--valid-until-days', 'never'])
  const suite = JSON.parse(await done(['suite', 'show', 'endless', '--json'])) as { settings: object }
  assert.equal(Object.entries(suite.settings).find(([name]) => name === 'validUntilDays')?.[1] ?? null, null)
  await done([
    'workspace',
    'set',
    'local/main',
    '--keep-revisions',
    '90d',
    '--expire-after',
    '30d',
    '--keep-history',
    '1y',
  ])
  const endless = ['--keep-revisions', 'forever', '--expire-after', 'never', '--keep-history', 'forever']
  await done(['workspace', 'set', 'local/main', ...endless])
  assert.doesNotMatch(await done(['workspace', 'show', 'local/main']), /\d+ (?:days|year)/)
})

test('what is set is named by its options, and a name that means nothing is refused with what there is', async () => {
  await done(['suite', 'create', 'named'])
  assert.match(
    await done(['suite', 'set', 'named', '--no-contents', '--suite-field', 'x', '--component', 'main,x']),
    /^Set --suite-field, --component, --no-contents of named\.$/m,
  )
  const { code, stderr } = await ashlar(['suite', 'set', 'named', '--debug-suite', 'nmaed'], serving.beside)
  assert.equal(code, 1)
  assert.match(stderr, /names the suite 'nmaed', which does not exist; there .*named/)
})

test('a list without entries says that there are none, and how to make one', async () => {
  await done(['workspace', 'create', 'local/empty'])
  const empty = ['--workspace', 'local/empty']
  for (const [words, text] of [
    [['mirror', 'list'], /^There is no mirror yet\. Make one with `ashlar mirror create /],
    [['suite', 'list'], /^There is no suite yet\. Make one with /],
    [['keyring', 'list'], /^There is no keyring yet\. Make one with /],
    [['queue', 'list'], /^No upload /],
    [['queue', 'waiting'], /^Nothing waits/],
    [['artifact', 'list'], /^There is no such artifact/],
  ] as const) {
    assert.match(await done([...words, ...empty]), text)
  }
})

test('a folder that is not what another program left is named, with what to do', async () => {
  for (const program of ['aptly', 'reprepro']) {
    const gone = await ashlar(['import', program, 'nodir'], serving.beside)
    assert.equal(gone.code, 1)
    assert.match(gone.stderr, /^ashlar: There is no folder nodir\.\n +Name the folder that docs\/how-to/)
    const other = await ashlar(['import', program, '.'], serving.beside)
    assert.match(other.stderr, /^ashlar: \. is not the (root of an aptly|base directory of a reprepro)/)
  }
})
