/**
 * `npm test`: every test, with one real PostgreSQL, and one real S3 server where a file needs it, for all of them.
 *
 *     npm test                                     everything
 *     npm test -- src/debian test/cli              folders
 *     npm test -- src/debian/ar.test.ts            files, or globs
 *     npm test -- --name 'SIGTERM' test/cli        tests by name, as a regular expression
 *
 * A test that cannot run here is named with the reason; with CI=true that is a failure, as it always is that no test
 * ran or that a file has none. The closing lines are the count.
 */
import { glob, readFile, stat } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { run } from 'node:test'
import type { TestEvent } from 'node:test/reporters'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { startPostgres } from './support/postgres.ts'
import { startRadosgw } from './support/radosgw.ts'

const root = dirname(import.meta.dirname)
/** The long ones first, so that none is left running alone at the end. */
const folders = ['test/fault', 'test', 'src', 'bench']

const { values, positionals } = parseArgs({ options: { name: { type: 'string' } }, allowPositionals: true })
const files = await testFiles(positionals)
const inCi = process.env['CI'] === 'true'
// Each file is a process of its own, and loads much the same as the others.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'ashlar-test-compile-cache')

await using _servers = await sharedServers()
const counted = await runAll(files, values.name)
report(counted)

interface Counted {
  tests: number
  passed: number
  /** Failed or cancelled. */
  failed: number
  /** Tests, or whole suites, with the reason. */
  readonly notRun: string[]
  readonly filesWithoutTest: string[]
  seconds: number
}

/** The files below the given folders, those that globs match, and the given files; all of them if none is given. */
async function testFiles(places: readonly string[]): Promise<string[]> {
  const patterns = await Promise.all(
    (places.length === 0 ? folders.map((folder) => join(root, folder)) : places).map(async (place) => {
      const found = await stat(place).catch(() => undefined)
      return found?.isDirectory() === true ? join(place, '**/*.test.ts') : place
    }),
  )
  const found = new Set<string>()
  for (const pattern of patterns) {
    for (const file of (await Array.fromAsync(glob(pattern))).toSorted()) found.add(resolve(file))
  }
  return [...found]
}

async function sharedServers(): Promise<AsyncDisposable> {
  const servers = new AsyncDisposableStack()
  for (const start of [sharedPostgres, sharedS3]) {
    const stop = await start()
    if (stop !== undefined) servers.defer(stop)
  }
  return servers
}

/** Set ASHLAR_TEST_POSTGRES to use a server that runs already. */
async function sharedPostgres(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['ASHLAR_TEST_POSTGRES'] !== undefined || files.length === 0) return undefined
  try {
    const server = await startPostgres()
    process.env['ASHLAR_TEST_POSTGRES'] = server.url
    return () => server.stop()
  } catch {
    // Each file that needs it tries again, and says why it could not.
    return undefined
  }
}

/** Set ASHLAR_TEST_S3 to use a server that runs already; test/support/buckets.ts says how. */
async function sharedS3(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['ASHLAR_TEST_S3'] !== undefined || !(await needS3())) return undefined
  try {
    const { stop, ...server } = await startRadosgw()
    process.env['ASHLAR_TEST_S3'] = JSON.stringify(server)
    return stop
  } catch {
    return undefined
  }
}

async function needS3(): Promise<boolean> {
  for (const file of files) {
    if ((await readFile(file, 'utf8')).includes('support/buckets.ts')) return true
  }
  return false
}

async function runAll(paths: string[], name: string | undefined): Promise<Counted> {
  const total: Counted = { tests: 0, passed: 0, failed: 0, notRun: [], filesWithoutTest: [], seconds: 0 }
  if (paths.length === 0) return total
  const events = run({
    files: paths,
    // One more than processors: tests wait too, for disks, leases and processes that end.
    concurrency: availableParallelism() + 1,
    ...(name !== undefined && { testNamePatterns: [new RegExp(name)] }),
  })
  const shown = new spec()
  shown.pipe(process.stdout, { end: false })
  for await (const event of events as AsyncIterable<TestEvent>) {
    count(event, total)
    if (!isClosingLine(event) && !isFileWithoutTest(event) && !shown.write(event)) await drained(shown)
  }
  const ended = new Promise((done) => shown.once('end', done))
  shown.end()
  await ended
  return total
}

function count(event: TestEvent, total: Counted): void {
  if (event.type === 'test:summary' && event.data.file === undefined) total.seconds = event.data.duration_ms / 1000
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return
  const { name, file, skip, todo, details } = event.data
  const reason = skip ?? todo
  if (isFileWithoutTest(event)) {
    total.filesWithoutTest.push(placeOf(file))
  } else if (reason !== undefined && reason !== false) {
    total.tests += 1
    total.notRun.push(`${name} (${placeOf(file)}): ${typeof reason === 'string' ? reason : 'no reason is given'}`)
  } else if (details.type !== 'suite') {
    total.tests += 1
    total[event.type === 'test:pass' ? 'passed' : 'failed'] += 1
  }
}

/** Node reports a file in which no test was defined, or matched, as a test that passed. */
function isFileWithoutTest(event: TestEvent): boolean {
  return event.type === 'test:pass' && event.data.nesting === 0 && event.data.name === event.data.file
}

function isClosingLine(event: TestEvent): boolean {
  return event.type === 'test:diagnostic' && event.data.file === undefined
}

function drained(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((done) => stream.once('drain', done))
}

function placeOf(file: string | undefined): string {
  return file === undefined ? 'unknown file' : relative(root, file)
}

function report({ tests, passed, failed, notRun, filesWithoutTest, seconds }: Counted): void {
  const faults = [
    ...(tests === 0 ? ['no test ran'] : []),
    ...(values.name === undefined ? filesWithoutTest.map((file) => `${file} has no test`) : []),
  ]
  const lines = [
    '',
    ...notRun.map((each) => `could not run: ${each}`),
    ...(inCi && notRun.length > 0 ? ['With CI=true every test has to run.'] : []),
    ...faults.map((each) => `failed: ${each}`),
    `ℹ tests ${tests}`,
    `ℹ pass ${passed}`,
    `ℹ fail ${failed + faults.length}`,
    `ℹ skipped ${notRun.length}`,
    `ℹ duration ${seconds.toFixed(1)} s`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  const good = failed === 0 && faults.length === 0 && !(inCi && notRun.length > 0)
  process.exitCode = good ? 0 : 1
}
