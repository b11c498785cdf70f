/** What is missing or damaged in an old repository is named, and then nothing of it is imported. */
import assert from 'node:assert/strict'
import { appendFile, cp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { AshlarError } from '../../src/common/errors.ts'
import { readAptly } from '../../src/import/aptly.ts'
import { readReprepro } from '../../src/import/reprepro.ts'
import { newAptly, newReprepro, programMissing, writeDebs } from '../support/old-programs.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const options = { skip: (await programMissing('aptly', 'reprepro')) ?? false }
const things = new AsyncDisposableStack()
after(() => things.disposeAsync())

interface Given {
  readonly aptly: string
  readonly reprepro: string
  readonly server: Server
}

let onlyOne: Promise<Given> | undefined

/** An aptly and a reprepro with a package each, and an empty server; made once. */
async function given(): Promise<Given> {
  onlyOne ??= (async () => {
    const home = things.use(await temporaryDirectory())
    const debs = await writeDebs(home.path, [{ name: 'alpha', version: '1' }])
    const aptly = await newAptly(home.path)
    await aptly('repo', 'create', 'prod')
    await aptly('repo', 'add', 'prod', ...debs)
    const distributions = 'Codename: bookworm\nArchitectures: amd64\nComponents: main\n'
    const reprepro = await newReprepro(home.path, { distributions })
    await reprepro('includedeb', 'bookworm', ...debs)
    await reprepro('gensnapshot', 'bookworm', 'one')
    const server = things.use(await serve({ home: home.path }))
    return { aptly: aptly.root, reprepro: reprepro.root, server }
  })()
  return onlyOne
}

/** Imports a copy of a repository that was damaged. Fails if anything but the message comes of it. */
async function refusal(program: 'aptly' | 'reprepro', damage: (root: string) => Promise<void>): Promise<string> {
  const { server, [program]: original } = await given()
  await using copy = await temporaryDirectory()
  await cp(original, copy.path, { recursive: true, preserveTimestamps: true })
  await damage(copy.path)
  const { code, stderr } = await server.ashlar('import', program, copy.path)
  assert.equal(code, 1, stderr)
  assert.deepEqual(await server.workspace.suites(), [])
  return stderr
}

/** The message of reading such a copy, which is done before any server is asked. */
async function readRefusal(program: 'aptly' | 'reprepro', damage: (root: string) => Promise<void>): Promise<string> {
  const { [program]: original } = await given()
  await using copy = await temporaryDirectory()
  await cp(original, copy.path, { recursive: true, preserveTimestamps: true })
  await damage(copy.path)
  const read = program === 'aptly' ? readAptly : readReprepro
  const error: unknown = await read(copy.path).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof AshlarError && error.code === 'import-unreadable', String(error))
  return error.message
}

async function findFile(root: string, folder: string, pattern: RegExp): Promise<string> {
  const names = await readdir(join(root, folder), { recursive: true })
  const found = names.find((name) => pattern.test(name))
  assert.ok(found !== undefined, `${folder} has no ${pattern}`)
  return join(root, folder, found)
}

/** Turns every bit of one byte. */
async function flip(file: string, at: number): Promise<void> {
  await using handle = await open(file, 'r+')
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at)
  await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 0xff]), 0, 1, at)
}

for (const program of ['aptly', 'reprepro'] as const) {
  test(`a pool file that ${program} has lost is named`, options, async () => {
    const said = await refusal(program, async (root) => rm(await findFile(root, 'pool', /alpha.*deb$/)))
    assert.match(said, /pool is not whole: \S*alpha_1_all\.deb is missing/)
  })

  test(`a pool file that has become shorter is named, of ${program}`, options, async () => {
    const said = await refusal(program, async (root) => truncate(await findFile(root, 'pool', /alpha.*deb$/), 100))
    assert.match(said, /alpha_1_all\.deb has 100 bytes, not \d+/)
  })

  test(`a pool file with other bytes is named, of ${program}`, options, async () => {
    const said = await refusal(program, async (root) => flip(await findFile(root, 'pool', /alpha.*deb$/), 1000))
    assert.match(said, /A file of the pool is not the one that was taken in: \S*alpha_1_all\.deb: /)
  })
}

test('a folder that is none of theirs is refused', options, async () => {
  const { server } = await given()
  await using empty = await temporaryDirectory()
  const { stderr: aptly } = await server.ashlar('import', 'aptly', empty.path)
  assert.match(aptly, /is not the root of an aptly: it has no db\/CURRENT/)
  const { stderr: reprepro } = await server.ashlar('import', 'reprepro', empty.path)
  assert.match(reprepro, /is not the base directory of a reprepro/)
})

test('a table of aptly’s database that is lost or damaged is named', options, async () => {
  const table = /\.ldb$/
  const lost = await readRefusal('aptly', async (root) => rm(await findFile(root, 'db', table)))
  assert.match(lost, /db\/\d+\.ldb is damaged: it is missing/)
  for (const at of [10, 60]) {
    const said = await readRefusal('aptly', async (root) => flip(await findFile(root, 'db', table), at))
    assert.match(said, /db\/\d+\.ldb is damaged: the block at byte \d+ is damaged/)
  }
  const cut = await readRefusal('aptly', async (root) => {
    const file = await findFile(root, 'db', table)
    await truncate(file, (await stat(file)).size - 1)
  })
  assert.match(cut, /db\/\d+\.ldb is damaged: the end/)
})

test('a manifest of aptly’s database that is damaged in its middle is named', options, async () => {
  const said = await readRefusal('aptly', async (root) => flip(await findFile(root, 'db', /^MANIFEST/), 20))
  assert.match(said, /db\/MANIFEST-\d+ is damaged: the record at byte 0 is damaged/)
})

test('a journal of aptly’s database that is damaged is named', options, async () => {
  const said = await readRefusal('aptly', async (root) => {
    const journal = await findFile(root, 'db', /\.log$/)
    await flip(journal, (await stat(journal)).size - 1)
  })
  assert.match(said, /db\/\d+\.log is damaged: the record at byte \d+ is damaged/)
})

test(
  'a journal of aptly’s database whose end a crash has cut is read as far as it was acknowledged',
  options,
  async () => {
    const { aptly } = await given()
    await using copy = await temporaryDirectory()
    await cp(aptly, copy.path, { recursive: true })
    const journal = await findFile(copy.path, 'db', /\.log$/)
    const whole = await readAptly(copy.path)
    // The header of a record and a part of it.
    await appendFile(journal, Buffer.from([1, 2, 3, 4, 200, 0, 1, 5, 5, 5]))
    assert.deepEqual(await readAptly(copy.path), whole)
  },
)

test('a database of reprepro that is cut or damaged is named', options, async () => {
  const file = (root: string): string => join(root, 'db/packages.db')
  const cut = await readRefusal('reprepro', async (root) => truncate(file(root), 4096 * 2))
  assert.match(cut, /packages\.db is damaged: page \d+ is missing/)
  const page = await readRefusal('reprepro', async (root) => flip(file(root), 4096 + 8))
  assert.match(page, /packages\.db is damaged: page 1 is damaged/)
  const first = await readRefusal('reprepro', async (root) => flip(file(root), 12))
  assert.match(first, /packages\.db is damaged: it does not begin as a B-tree of Berkeley DB does/)
  const lost = await readRefusal('reprepro', async (root) => rm(join(root, 'db/checksums.db')))
  assert.match(lost, /checksums\.db is missing/)
})

test('an index of a snapshot that is not the one that its Release lists is named', options, async () => {
  const said = await readRefusal('reprepro', async (root) => {
    await appendFile(join(root, 'dists/bookworm/snapshots/one/main/binary-amd64/Packages'), '\n')
  })
  assert.match(said, /binary-amd64\/Packages is not the file that the Release of the snapshot lists/)
})

test('a reprepro that is at work, or was killed, is left alone', options, async () => {
  const said = await readRefusal('reprepro', async (root) => writeFile(join(root, 'db/lockfile'), ''))
  assert.match(said, /db\/lockfile says that reprepro is at work, or was killed/)
})

test('nothing of an old repository is written to', options, async () => {
  const { aptly, reprepro } = await given()
  const state = async (root: string): Promise<string[]> => {
    const names = await readdir(root, { recursive: true })
    return Promise.all(
      names.toSorted().map(async (name) => {
        const { size, mtimeMs, ctimeMs, ino } = await stat(join(root, name))
        return `${name} ${ino} ${size} ${mtimeMs} ${ctimeMs}`
      }),
    )
  }
  const before = [await state(aptly), await state(reprepro)]
  await readAptly(aptly)
  await readReprepro(reprepro)
  assert.deepEqual([await state(aptly), await state(reprepro)], before)
  assert.ok((await readFile(join(aptly, 'db/CURRENT'), 'utf8')).startsWith('MANIFEST'))
})
