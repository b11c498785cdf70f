/** The query language is that of aptly: the same queries choose the same packages. */
import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { type IncomingMessage, get } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { AshlarError } from '../../src/common/errors.ts'
import { parseParagraph } from '../../src/debian/deb822.ts'
import { parsePackageQuery } from '../../src/debian/package-query.ts'
import { paragraphSubject } from '../../src/debian/package-query-subject.ts'
import { type DebRecipe, makeDeb, makeSource } from '../support/make-deb.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const run = promisify(execFile)
const skip = spawnSync('aptly', ['version']).error === undefined ? false : 'aptly is not installed'

const recipes: readonly DebRecipe[] = [
  { name: 'hello', version: '2.10-3', architecture: 'amd64', section: 'devel', depends: 'libc6 (>= 2.34),awk' },
  { name: 'hello', version: '2.9-1', architecture: 'amd64', section: 'devel', extraControl: 'Installed-Size: 280\n' },
  { name: 'hello', version: '2.10-3', architecture: 'arm64', section: 'devel' },
  { name: 'hello-doc', version: '2.10-3', source: 'hello', section: 'doc', extraControl: 'Installed-Size: 9\n' },
  { name: 'libc6', version: '2.36-9+deb12u4', architecture: 'amd64', source: 'glibc', priority: 'required' },
  { name: 'libc-bin', version: '2.36-9+b1', architecture: 'amd64', source: 'glibc (2.36-9)', priority: 'required' },
  { name: 'mawk', version: '1.3.4.20200120-3.1', architecture: 'amd64', extraControl: 'Provides: awk, posix-awk\n' },
  { name: 'gawk', version: '1:5.2.1-2', architecture: 'amd64', extraControl: 'Provides: awk\nHomepage: https://a/b\n' },
  { name: 'exim4', version: '4.96-15', extraControl: 'Provides: mail-transport-agent\nConflicts: postfix\n' },
  { name: 'postfix', version: '3.7.11~rc1-0', architecture: 'amd64', extraControl: 'Provides: mail-transport-agent\n' },
  {
    name: 'perl',
    version: '5.36.0-7',
    architecture: 'amd64',
    priority: 'standard',
    extraControl: 'Multi-Arch: allowed\n',
  },
  { name: 'odd+plus.dots', version: '0~git20230311', extraControl: 'X-Note: a (b) | c, d\nBugs: it\'s "odd"\n' },
]

/** Queries with something of their own; the last ones can match nothing. */
const queries = [
  'hello',
  'hello (>= 2.10)',
  'hello (2.10-3)',
  'hello (= 2.10-3) {amd64}',
  'hello {all}',
  'hello-doc {amd64}',
  'hello {source}',
  'hello-doc {source}',
  'hello_2.10-3_amd64',
  'hello_2.10-3_source | hello-doc_2.10-3_all',
  'awk',
  'awk {arm64}',
  'awk (>= 1)',
  'mail-transport-agent, !exim4',
  'gawk (< 1:6)',
  'gawk (>> 1:5.2.1-2)',
  'gawk (<< 1:5.2.1-2)|gawk (<=1:5.2.1-2)',
  'libc6 (% 2.36-*)',
  'libc6 (~ deb12u[0-9]$)',
  'Name (% hel*)',
  'Name (% h?llo)',
  'Name (~ ^lib)',
  'Name (~ ^h), Section (doc)',
  'Name (~ "^(lib|hel)")',
  'Name (% lib[^c]*) | Name (% lib[a-d]*)',
  'Name',
  '!Name (hello)',
  '!(Name (hello) | Name (libc6)), Priority (required)',
  'Priority (required)',
  'Priority (required) | Priority (standard), $Architecture (amd64)',
  '(Priority (required) | Priority (standard)), !$Source (glibc)',
  'Priority (!= required)',
  'Section (>= doc)',
  'Section (<< doc)',
  'Installed-Size (> 1000)',
  'Installed-Size (<= 3)',
  'Installed-Size',
  '!Installed-Size',
  '$Version (>= 2.10)',
  '$Version (= 2.10-3)',
  '$Version (% 2.*)',
  '$Version (~ ^[0-9]+:)',
  'Version (>= 2.10)',
  '$Version',
  '$Architecture (amd64)',
  '$Architecture (source)',
  '$Architecture (all)',
  '$Architecture (% a*)',
  'Architecture (all)',
  '$Source (hello)',
  '$Source (glibc), $SourceVersion (2.36-9)',
  '$SourceVersion (% 2.36*)',
  '$SourceVersion (~ ^2.10)',
  'Source (glibc)',
  'Source (% "glibc (*")',
  '$PackageType (deb)',
  '$PackageType (source)',
  '$PackageType (udeb)',
  'Depends (~ libc6)',
  'Depends ("libc6 (>= 2.34), awk")',
  'Provides (% *awk)',
  'Build-Depends (~ debhelper)',
  'Format (% "3.0*")',
  'Multi-Arch (allowed)',
  'Conflicts (postfix)',
  'Homepage (% https:*)',
  'Homepage (% https://*/*)',
  'X-Note ("a (b) | c, d")',
  "Bugs ('it\\'s \"odd\"')",
  'Bugs ("it\'s \\"odd\\"")',
  "'odd+plus.dots'",
  'Description (~ "package he.*")',
  '  hello  ,  Name(% *)  '.replace('Name(', 'Name ('),
  'Maintainer (~ (?i)ASHLAR)',
  'No-Such-Field',
  'Name (= "")',
  'X-Nothing (= "")',
  'nothing-like-it',
  'hello,',
  'hello (>= )',
  'hello | | hello',
  '(hello',
  'hello)',
  'hello hello',
  'Name (~ "(")',
  '"hello',
  'Section {amd64}',
]

let aptly: (query: string) => Promise<string[] | 'refused'>
let subjects: ReturnType<typeof paragraphSubject>[]
const server = new AsyncDisposableStack()

before(async () => {
  if (skip !== false) return
  const directory = server.use(await temporaryDirectory())
  const debs = join(directory.path, 'debs')
  await mkdir(debs)
  for (const recipe of recipes) {
    const { name, version, architecture = 'all' } = recipe
    await writeFile(join(debs, `${name}_${version.replace(/^.*:/, '')}_${architecture}.deb`), makeDeb(recipe))
  }
  for (const [name, bytes] of Object.entries(makeSource({ name: 'hello', version: '2.10-3' }))) {
    await writeFile(join(debs, name), bytes)
  }
  const config = join(directory.path, 'aptly.conf')
  await writeFile(config, JSON.stringify({ rootDir: join(directory.path, 'root'), architectures: [] }))
  const call = (...words: string[]) =>
    run('aptly', [`-config=${config}`, ...words], { env: { PATH: process.env['PATH'] } })
  await call('repo', 'create', 'r')
  await call('repo', 'add', 'r', debs)
  const shown = await call('package', 'show', 'Name')
  subjects = shown.stdout
    .split('\n\n')
    .filter((text) => text.trim() !== '')
    .map((text) => {
      const paragraph = parseParagraph(text)
      return paragraphSubject(paragraph, paragraph.has('Files') ? 'source' : 'deb')
    })
  aptly = await serve(config, join(directory.path, 'socket'))
})

/** One process for all queries; it would take longer to start than to answer. */
async function serve(config: string, socketPath: string): Promise<typeof aptly> {
  const child = spawn('aptly', [`-config=${config}`, 'api', 'serve', `-listen=unix://${socketPath}`], {
    env: { PATH: process.env['PATH'] },
    stdio: 'ignore',
  })
  server.defer(() => void child.kill())
  const deadline = Date.now() + 30_000
  while (!existsSync(socketPath)) {
    if (Date.now() > deadline) throw new Error('aptly does not listen.')
    await setTimeout(50)
  }
  return async (query) => {
    const path = `/api/repos/r/packages?q=${encodeURIComponent(query)}`
    const [answer] = (await once(get({ socketPath, path }), 'response')) as [IncomingMessage]
    const body = await text(answer)
    if (answer.statusCode === 400 && body.includes('parsing failed')) return 'refused'
    // `Pamd64 hello 2.10-3 ba42087429d7dfd2`
    const keys = (JSON.parse(body) as string[]).map((key) => key.slice(1).split(' '))
    return keys.map(([architecture, name, version]) => `${name}_${version}_${architecture}`).toSorted()
  }
}

after(() => server.disposeAsync())

function ours(text: string): string[] | 'refused' {
  try {
    const query = parsePackageQuery(text)
    const found = subjects.filter((subject) => query.matches(subject))
    return found.map(({ name, version, architecture }) => `${name}_${version}_${architecture}`).toSorted()
  } catch (error) {
    if (error instanceof AshlarError && error.code === 'query-invalid') return 'refused'
    throw error
  }
}

test('a table of queries chooses what aptly chooses, and is refused where aptly refuses', { skip }, async () => {
  assert.equal(subjects.length, recipes.length + 1)
  let chosen = 0
  for (const query of queries) {
    const theirs = await aptly(query)
    assert.deepEqual(ours(query), theirs, query)
    if (theirs !== 'refused' && theirs.length > 0) chosen += 1
  }
  assert(chosen > 50, `only ${chosen} queries chose anything`)
})

test('queries that are put together by chance choose what aptly chooses', { skip }, async () => {
  const value = (...values: string[]) => fc.constantFrom(...values)
  const condition = (values: fc.Arbitrary<string>) =>
    fc
      .tuple(fc.constantFrom('', '=', '>=', '<=', '>>', '<<', '<', '>'), values)
      .map(([sign, text]) => ` (${sign} ${text})`)
  const versions = condition(value('2.10-3', '2.9', '1:0', '2.10~', '2.36-9', '0'))
  const name = value('hello', 'hello-doc', 'awk', 'mail-transport-agent', 'libc6', 'perl')
  const field = (names: fc.Arbitrary<string>, conditions: fc.Arbitrary<string>) =>
    fc.tuple(names, conditions).map(([one, other]) => one + other)
  const term = fc.oneof(
    name,
    field(name, versions),
    field(name, value(' {amd64}', ' {all}', ' {arm64}', ' {source}')),
    field(value('$Version'), versions),
    field(value('Name', '$Source', 'Section'), condition(value('hello', 'glibc', 'doc', 'misc'))),
    field(value('Priority', '$Architecture'), value(' (required)', ' (amd64)', ' (% a*)', ' (~ l$)', '')),
  )
  const { query } = fc.letrec<{ query: string }>((tie) => ({
    query: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      term,
      tie('query').map((inner) => `!${inner.startsWith('(') || !/[,|]/.test(inner) ? inner : `(${inner})`}`),
      tie('query').map((inner) => `(${inner})`),
      fc.tuple(tie('query'), value(',', ' | ', ', '), tie('query')).map((parts) => parts.join('')),
    ),
  }))
  await fc.assert(
    fc.asyncProperty(query, async (text) => {
      assert.deepEqual(ours(text), await aptly(text), text)
    }),
    { numRuns: 500 },
  )
})
