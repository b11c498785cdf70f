/** bin/ashlar.js, copied into a made-up package, under the oldest Node that PATH has and under this one. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const launcher = new URL('../../bin/ashlar.js', import.meta.url)
const modules = new URL('../../node_modules', import.meta.url).pathname
const launched = new URL('../../src/cli/launched.ts', import.meta.url)

/** A Node below 26, as a user's system has it; undefined where there is none. */
const olderNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((directory) => !directory.includes('node_modules'))
  .map((directory) => join(directory, 'node'))
  .find((file) => existsSync(file) && majorOf(execFileSync(file, ['--version'], { encoding: 'utf8' })) < 26)

const skip = olderNode === undefined ? 'PATH has no Node below 26' : false

function majorOf(version: string): number {
  return Number.parseInt(version.replace(/^v/, ''), 10)
}

/** A package with the launcher and this main file. */
async function packageWith(
  directory: string,
  main: string,
  options: { place?: 'src/main.ts' | 'dist/main.js'; modules?: boolean } = {},
): Promise<string> {
  const place = join(directory, options.place ?? 'src/main.ts')
  await mkdir(join(place, '..'), { recursive: true })
  await mkdir(join(directory, 'bin'))
  await writeFile(join(directory, 'package.json'), '{"type":"module"}')
  await writeFile(place, main)
  await copyFile(launcher, join(directory, 'bin/ashlar.js'))
  if (options.modules !== false) await symlink(modules, join(directory, 'node_modules'))
  return join(directory, 'bin/ashlar.js')
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

async function run(node: string, args: readonly string[]): Promise<Ended> {
  return ended(spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, stdout, stderr }
}

/** Starts the package, waits for its first line, sends a signal, and tells how it ended and what it said after. */
async function signalled(node: string, file: string, signal: NodeJS.Signals): Promise<Ended & { first: string }> {
  const child = spawn(node, [file], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [first] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  child.kill(signal)
  return { first, ...(await ended(child)) }
}

test('an older Node hands over to the Node 26 that npm installed, with all arguments', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(
    directory.path,
    'const words: string[] = process.argv.slice(2)\nconsole.log(process.version, ...words)',
  )
  const { code, stdout, stderr } = await run(olderNode ?? '', [file, 'suite', 'list', '--json'])
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.match(stdout, /^v26\.\d+\.\d+ suite list --json\n$/)
})

test('Node 26 runs the command itself', async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(directory.path, 'console.log(process.pid, process.argv.length)')
  const child = spawn(process.execPath, [file, 'x'], { stdio: ['ignore', 'pipe', 'pipe'] })
  assert.equal((await ended(child)).stdout, `${child.pid} 3\n`)
})

test('an installed package runs dist', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(directory.path, 'console.log("built")', { place: 'dist/main.js' })
  assert.equal((await run(olderNode ?? '', [file])).stdout, 'built\n')
})

test('the exit status is passed on', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(directory.path, 'process.exit(7)')
  assert.equal((await run(olderNode ?? '', [file])).code, 7)
})

test('a signal reaches the command, which may end well', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(
    directory.path,
    `process.on('SIGINT', () => { console.log('asked'); process.exit(0) })\nsetInterval(() => {}, 1000)\nconsole.log('ready')`,
  )
  const { code, signal, stdout } = await signalled(olderNode ?? '', file, 'SIGINT')
  assert.deepEqual({ code, signal, stdout }, { code: 0, signal: null, stdout: 'asked\n' })
})

test('a command that dies of a signal makes the launcher die of it too', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(directory.path, `setInterval(() => {}, 1000)\nconsole.log('ready')`)
  const { code, signal } = await signalled(olderNode ?? '', file, 'SIGTERM')
  assert.deepEqual({ code, signal }, { code: null, signal: 'SIGTERM' })
})

test('a launcher that is killed leaves no command behind', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(
    directory.path,
    `import { endWithLauncher } from ${JSON.stringify(launched.href)}\nendWithLauncher()\n` +
      `setInterval(() => {}, 1000)\nconsole.log(process.pid)`,
  )
  // `close` waits for the end of the output, which the command holds open for as long as it lives.
  const { first, signal } = await signalled(olderNode ?? '', file, 'SIGKILL')
  assert.match(first, /^\d+$/)
  assert.equal(signal, 'SIGKILL')
})

test('a signal to `npm start` reaches the server', async () => {
  await using directory = await temporaryDirectory()
  await packageWith(
    directory.path,
    `process.on('SIGTERM', () => { console.log('asked'); process.exit(0) })\nsetTimeout(() => {}, 60_000)\nconsole.log('ready')`,
  )
  const { scripts } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    scripts: { start: string }
  }
  await writeFile(join(directory.path, 'package.json'), JSON.stringify({ type: 'module', scripts }))
  const child = spawn('npm', ['start', '--silent'], { cwd: directory.path, stdio: ['ignore', 'pipe', 'pipe'] })
  await once(createInterface({ input: child.stdout }), 'line')
  child.kill('SIGTERM')
  assert.match((await ended(child)).stdout, /^asked$/m)
})

test('without a Node 26 it says what is missing, and how to get it', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(directory.path, '', { modules: false })
  const { code, stdout, stderr } = await run(olderNode ?? '', [file])
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  assert.match(stderr, /^ashlar: Ashlar needs Node 26; this is Node \d+.* for linux-|darwin-/)
  assert.match(stderr, /Install Node 26/)
})

test('a Node 26 that lacks a library says which package has it', { skip }, async () => {
  await using directory = await temporaryDirectory()
  const file = await packageWith(directory.path, '', { modules: false })
  const place = join(directory.path, 'node_modules', `node-${process.platform}-${process.arch}`)
  await mkdir(join(place, 'bin'), { recursive: true })
  await writeFile(join(place, 'package.json'), '{}')
  // As the dynamic linker ends.
  await writeFile(join(place, 'bin/node'), '#!/bin/sh\nexit 127\n', { mode: 0o755 })
  const { code, stderr } = await run(olderNode ?? '', [file])
  assert.equal(code, 127)
  assert.match(stderr, /^ashlar: .* does not start: a library is missing\.\n.*apt install libatomic1\n$/)
})
