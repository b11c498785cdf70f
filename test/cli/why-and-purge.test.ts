/** `ashlar why` and `ashlar purge`, as a user runs them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeDeb } from '../support/make-deb.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { ashlar, ashlarJson, type Serving, startServing } from './serving.ts'

const home = await temporaryDirectory()
let serving: Serving
before(async () => {
  serving = await startServing(home.path)
  await done(['suite', 'create', 'stable'])
})
after(async () => {
  await serving[Symbol.asyncDispose]()
  await home[Symbol.asyncDispose]()
})

async function done(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ashlar(words, serving.beside)
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, words.join(' '))
  return stdout
}

/** Publishes a package of this name; its digest. */
async function publish(name: string): Promise<string> {
  const bytes = makeDeb({ name, version: '1.0' })
  const path = join(home.path, `${name}_1.0_all.deb`)
  await writeFile(path, bytes)
  await done(['upload', '--suite', 'stable', path])
  return createHash('sha256').update(bytes).digest('hex')
}

test('why says first what becomes of it, then who holds it and where it is', async () => {
  const digest = await publish('hello')
  const path = 'pool/main/h/hello/hello_1.0_all.deb'
  for (const subject of [digest, path, path.slice('pool/'.length), `${serving.url}apt/local/main/${path}`]) {
    const lines = (await done(['why', subject])).split('\n')
    assert.match(lines[0] ?? '', /^Kept: suite stable has hello 1\.0 since r\d+\.$/)
    assert.match(lines.join('\n'), /^suite stable +local\/main +hello 1\.0 all +in the suite now, since r\d+$/m)
    assert.match(lines.join('\n'), new RegExp(`^${digest} +\\d.*B +local +present$`, 'm'))
  }
  assert.match(await done(['why', '1']), /^Kept: suite stable has hello/)
  assert.match(await done(['why', digest, '--everywhere']), /^Kept: suite stable has hello/)
  assert.match(await done(['why', digest, '--quiet']), /^Kept: .*\.\n$/)
  const { fate, heldBy } = await ashlarJson(['why', digest], serving.beside)
  assert.equal((fate as { kind: string }).kind, 'kept')
  assert.equal((heldBy as unknown[]).length, 2)
})

test('what is not there is not found, and what is no subject not understood', async () => {
  assert.equal((await ashlar(['why', '4711'], serving.beside)).code, 1)
  assert.equal((await ashlar(['why', 'hello'], serving.beside)).code, 2)
})

test('purge says what it did, what clients see, and what is left to do', async () => {
  const digest = await publish('leaky')
  const told = await done(['purge', digest, '--reason', 'a key is in it', '--yes'])
  const lines = told.trimEnd().split('\n')
  assert.equal(lines[0], `Purged ${digest}: deleted from local.`)
  assert.match(told, /gone \(410\)/)
  assert.match(told, /Caches and CDNs .* by hand/)
  const [command = ''] = lines.slice(-1)
  assert.equal(command, '  ashlar suite remove stable leaky=1.0:all')
  assert.equal((await fetch(`${serving.url}apt/local/main/pool/main/l/leaky/leaky_1.0_all.deb`)).status, 410)
  const why = await done(['why', digest])
  assert.match(why, /^Gone since \d{4}-\d\d-\d\d: purged by admin \(a key is in it\)\.\n/)
  await done(command.trim().split(' ').slice(1))
  const again = await ashlarJson(['purge', digest, '--reason', 'again', '--yes'], serving.beside)
  assert.deepEqual([again['copies'], again['listedIn']], [[], []])
})

test('without --yes, and nobody to ask, nothing is purged', async () => {
  const digest = await publish('kept')
  const { code, stderr } = await ashlar(['purge', digest, '--reason', 'a key is in it'], serving.beside)
  assert.equal(code, 2)
  assert.match(stderr, /cannot be undone: say --yes/)
  assert.match(await done(['why', digest]), /^Kept/)
  assert.equal((await ashlar(['purge', digest, '--yes'], serving.beside)).code, 2)
  assert.equal((await ashlar(['purge', 'abc', '--reason', 'x', '--yes'], serving.beside)).code, 2)
})

/** The command on a terminal, where somebody types this when asked. */
async function onTerminal(words: string, typed: string): Promise<{ code: number | null; shown: string }> {
  const launcher = join(import.meta.dirname, '../../bin/ashlar.js')
  const child = spawn('script', ['-qec', `${process.execPath} ${launcher} ${words}`, '/dev/null'], {
    cwd: home.path,
    env: { ...process.env, XDG_CONFIG_HOME: '/nonexistent' },
  })
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => {
    const before = shown
    shown += chunk.toString()
    if (!before.includes('Type the first') && shown.includes('Type the first')) child.stdin.write(`${typed}\n`)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, shown }
}

test('on a terminal it shows what it touches, and asks for the first digits', async () => {
  const digest = await publish('asked')
  const wrong = await onTerminal(`purge ${digest} --reason leaked`, 'yes')
  assert.equal(wrong.code, 2)
  assert.match(wrong.shown, /Kept: suite stable has asked 1\.0/)
  assert.match(wrong.shown, /nothing was purged/)
  assert.match(await done(['why', digest]), /^Kept/)
  const right = await onTerminal(`purge ${digest} --reason leaked`, digest.slice(0, 8))
  assert.equal(right.code, 0)
  assert.match(await done(['why', digest]), /^Gone/)
})
