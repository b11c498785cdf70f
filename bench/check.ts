/**
 * Installability of Debian main, beside dose-debcheck on the same index. See bench/README.md.
 *
 *     npm run bench:check                       the index alone, and a suite on a server
 *     npm run bench:check -- --only index       without a server
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { makeDeb } from '../test/support/make-deb.ts'
import { serve, type Server } from '../test/support/serve.ts'
import { makeUpstream } from '../test/support/upstream.ts'
import { findPackagesList } from './support/debian-packages.ts'
import { cost, cpuOf, megabytes, memoryOf, Probe, milliseconds, Report, seconds } from './support/measure.ts'
import { missingPrograms } from './support/peers.ts'

const run = promisify(execFile)
const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'index,server' },
    json: { type: 'boolean', default: false },
  },
})
const steps = new Set(options.only.split(','))
const report = new Report(options.json)
const checkIndex = join(import.meta.dirname, 'support/check-index.ts')

const list = await findPackagesList()
const missing = await missingPrograms(['dose-debcheck', 'gpg', 'apt-ftparchive', 'time'])
if (missing.length > 0) fail(`This needs programs that are not installed: ${missing.join(' ')}.`)
if (list === undefined)
  fail('This needs a Packages list of Debian main in /var/lib/apt/lists: run apt-get update first.')
const work = await mkdtemp(join(tmpdir(), 'ashlar-bench-check-'))
try {
  const { stdout: whole } = await run('/usr/lib/apt/apt-helper', ['cat-file', list], { maxBuffer: 2 ** 29 })
  if (steps.has('index')) {
    await index('as it is', whole)
    await index('without 5 % of it', mutilated(whole))
  }
  if (steps.has('server')) await onServer(whole)
  report.end()
} finally {
  await rm(work, { recursive: true, force: true })
}

/** Both read the index as a file, and list what is broken. */
async function index(what: string, text: string): Promise<void> {
  const file = join(work, 'Packages')
  await writeFile(file, text)
  const count = text.match(/^Package: /gm)?.length ?? 0
  const step = 'index'
  // It ends with 1 where something is broken.
  const dose = ['-c', 'dose-debcheck --deb-native-arch=amd64 --failures "$0" >/dev/null; test $? -le 1', file]
  for (const [name, command, words] of [
    ['dose-debcheck', 'sh', dose],
    ['Ashlar', process.execPath, [checkIndex, file]],
  ] as const) {
    const { wallSeconds, cpuSeconds, peakBytes } = await cost(command, words)
    const figures = `${seconds(wallSeconds)} (CPU ${seconds(cpuSeconds)}), ${megabytes(peakBytes)}`
    report.add(step, `${name}: ${count.toLocaleString('en')} packages, ${what}`, figures)
  }
  const [theirs, ours] = [await doseBroken(file), await ourBroken(file)]
  const differ = theirs.symmetricDifference(ours).size
  report.add(step, `broken, and verdicts that differ`, `${theirs.size}, ${differ}`)
}

async function doseBroken(file: string): Promise<Set<string>> {
  const words = ['-c', 'dose-debcheck --deb-native-arch=amd64 --failures "$0"; test $? -le 1', file]
  const { stdout } = await run('sh', words, { maxBuffer: 2 ** 29 })
  const entry =
    /^ {2}package: (.*)\n {2}version: (.*)\n {2}architecture: (.*)\n(?: {2}essential: true\n)? {2}status: broken$/gm
  return new Set(Array.from(stdout.matchAll(entry), (found) => found.slice(1, 4).join(' ')))
}

async function ourBroken(file: string): Promise<Set<string>> {
  const { stdout } = await run(process.execPath, [checkIndex, file], { maxBuffer: 2 ** 29 })
  const lines = stdout.split('\n').filter((line) => line.endsWith(' broken'))
  return new Set(lines.map((line) => line.replace(/ broken$/, '')))
}

/** The same packages lost in each run; none without which nothing at all could be installed. */
function mutilated(text: string): string {
  let count = 0
  return text
    .split('\n\n')
    .filter((entry) => {
      count += 1
      return (
        /^(?:Priority: (?:required|important|standard)|Essential: yes|Section: libs)$/m.test(entry) || count % 20 !== 0
      )
    })
    .join('\n\n')
}

/** A lazy mirror of main, whose packages are known and whose files are not. */
async function onServer(text: string): Promise<void> {
  const step = 'server'
  await using upstream = await makeUpstream()
  await upstream.deb({ name: 'placeholder', version: '1', architecture: 'amd64' })
  await upstream.publish({ forms: ['gz'] })
  const path = join(upstream.directory, 'dists/test/main/binary-amd64')
  await writeFile(join(path, 'Packages'), text)
  await writeFile(join(path, 'Packages.gz'), gzipSync(text, { level: 1 }))
  await upstream.resign()
  const home = join(work, 'home')
  await mkdir(home)
  const keyring = join(work, 'upstream.asc')
  await writeFile(keyring, upstream.key.publicKey)
  await using server = await serve({ home })
  const create = ['mirror', 'create', 'debian', upstream.url, 'test', '--keyring', keyring, '--lazy']
  await done(server, ...create, '--into', 'debian', '--index', 'none')
  await timed(server, step, 'the lazy mirror of main', () => done(server, 'mirror', 'update', 'debian'))
  for (const what of ['the first check of the suite', 'a second check']) {
    const probe = new Probe(`${server.url}/healthz`)
    await timed(server, step, what, () => server.ashlar('suite', 'check', 'debian', '--quiet'))
    report.add(step, 'answers to other requests meanwhile', milliseconds(await probe.stop()))
  }
  await gate(server, step)
}

/** What the gate adds to an upload into a small suite whose packages come from main. */
async function gate(server: Server, step: string): Promise<void> {
  await done(server, 'suite', 'create', 'own')
  const upload = async (version: string): Promise<void> => {
    const file = join(work, `own_${version}_amd64.deb`)
    await writeFile(file, makeDeb({ name: 'own', version, architecture: 'amd64', depends: 'libc6, python3' }))
    await done(server, 'upload', '--suite', 'own', file)
  }
  await timed(server, step, 'an upload without a gate', () => upload('1'))
  await done(server, 'suite', 'set', 'own', '--installability', 'refuse', '--installability-with', 'debian')
  for (const version of ['2', '3']) {
    await timed(server, step, 'an upload with a gate, checked with main', () => upload(version))
  }
}

async function timed(server: Server, step: string, what: string, work: () => Promise<unknown>): Promise<void> {
  const [before, startedAt] = [await cpuOf(server.pid), performance.now()]
  await work()
  const [wall, cpu] = [(performance.now() - startedAt) / 1000, (await cpuOf(server.pid)) - before]
  const memory = `${megabytes(await memoryOf(server.pid, 'VmRSS'))}, peak ${megabytes(await memoryOf(server.pid, 'VmHWM'))}`
  report.add(step, what, `${seconds(wall)} (CPU ${seconds(cpu)}), ${memory}`)
}

async function done(server: Server, ...words: string[]): Promise<void> {
  const { code, stderr } = await server.ashlar(...words)
  if (code !== 0) throw new Error(`ashlar ${words.join(' ')} ended with ${code}: ${stderr}`)
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`)
  process.exit(1)
}
