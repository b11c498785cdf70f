/**
 * Contents of a large suite: the first index, and one more package then. The packages are rows and lists of paths in the
 * database, without .debs. See bench/README.md.
 *
 *     npm run bench:contents -- [--packages 50000] [--paths 100] [--json]
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openAccess, type Workspace } from '../src/access/access.ts'
import { type Archives, openArchives } from '../src/archive/archives.ts'
import { AshlarError } from '../src/common/errors.ts'
import { type Database, openDatabase } from '../src/database/database.ts'
import { openStorage } from '../src/storage/storage.ts'
import { keepListed } from '../test/support/listed-packages.ts'
import { cpuOf, megabytes, memoryOf, milliseconds, Report, seconds, sizeOf, spread } from './support/measure.ts'

const { values: options } = parseArgs({
  options: {
    packages: { type: 'string', default: '50000' },
    paths: { type: 'string', default: '100' },
    work: { type: 'string', default: join(tmpdir(), 'ashlar-bench') },
    json: { type: 'boolean', default: false },
    /** Set for the processes in which one step is measured. */
    step: { type: 'string' },
  },
})
const [count, pathsEach] = [Number(options.packages), Number(options.paths)]
const data = join(options.work, 'contents-home')
const ONES = 10
/** Those of bin/ashlar.js. */
const serverFlags = ['--max-semi-space-size=8', '--heap-growing-percent=30', '--expose-gc']

if (options.step === undefined) await measureAll()
else await work(options.step)

/** Each step in a process of its own, as a server would be that has just been started. */
async function measureAll(): Promise<void> {
  const report = new Report(options.json)
  await rm(data, { recursive: true, force: true })
  await mkdir(data, { recursive: true })
  for (const step of ['fill', 'first', 'one', 'plain']) {
    const words = ['--packages', options.packages, '--paths', options.paths, '--work', options.work, '--step', step]
    const child = spawn(process.execPath, [...serverFlags, import.meta.filename, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number | null]
    if (code !== 0) throw new Error(`${step} ended with ${code}`)
    for (const [what, value] of JSON.parse(said) as [string, string][]) report.add(step, what, value)
  }
  report.end()
  await rm(data, { recursive: true, force: true })
}

async function work(step: string): Promise<void> {
  const database = await openDatabase(`sqlite:${join(data, 'ashlar.db')}`)
  const storage = await openStorage({ database, dataDirectory: data })
  const archives = await openArchives({ database, storage, publicUrl: () => 'http://127.0.0.1', soleProcess: true })
  const access = openAccess(database)
  await access.ensureFirstStart()
  const workspace = await access.workspace({ kind: 'anonymous' }, 'local', 'main', 'read')
  const facts = await measured({ database, archives, workspace }, step)
  await archives.close()
  await storage[Symbol.asyncDispose]()
  await database.close()
  process.stdout.write(JSON.stringify(facts))
}

interface Rooms {
  readonly database: Database
  readonly archives: Archives
  readonly workspace: Workspace
}

async function measured(rooms: Rooms, step: string): Promise<[string, string][]> {
  const { archives, workspace } = rooms
  const submit = async (request: Parameters<typeof archives.submit>[1]): Promise<void> => {
    const idempotencyKey = JSON.stringify(request)
    for (;;) {
      try {
        await archives.submit(workspace, request, { userId: null, idempotencyKey })
        return
      } catch (error) {
        // It takes longer than a request waits; it goes on, and the same request waits for it again.
        if (!(error instanceof AshlarError) || error.code !== 'busy') throw error
      }
    }
  }
  if (step === 'fill') {
    await submit({ kind: 'suite-create', suite: 'stable', settings: { architectures: ['amd64'] } })
    const packages = (await keepPackages(rooms.database, 0, count)).map((packageId) => ({ packageId }))
    await submit({ kind: 'add', suite: 'stable', packages })
    return []
  }
  const [memory, cpu, size] = [
    await memoryOf(process.pid, 'VmRSS'),
    await cpuOf(process.pid),
    await sizeOf(join(data, 'store')),
  ]
  const startedAt = performance.now()
  if (step === 'first') {
    await submit({ kind: 'suite-update', suite: 'stable', settings: { contents: true } })
    const [wall, peak] = [(performance.now() - startedAt) / 1000, await memoryOf(process.pid, 'VmHWM')]
    const lines = count * pathsEach
    return [
      [
        `Contents of ${lines} paths in ${count} packages`,
        `${seconds(wall)}; ${seconds((await cpuOf(process.pid)) - cpu)} CPU`,
      ],
      ['peak of memory beyond what there was', megabytes(peak - memory)],
      ['its pack', megabytes((await sizeOf(join(data, 'store'))) - size)],
    ]
  }
  if (step === 'plain') await submit({ kind: 'suite-update', suite: 'stable', settings: { contents: false } })
  const cpuBefore = await cpuOf(process.pid)
  const times: number[] = []
  let bytes = 0
  for (let i = 0; i < ONES; i += 1) {
    const [packageId = 0] = await keepPackages(rooms.database, count + i + (step === 'plain' ? ONES : 0), 1)
    const before = await sizeOf(join(data, 'store'))
    const since = performance.now()
    await submit({ kind: 'add', suite: 'stable', packages: [{ packageId }] })
    times.push(performance.now() - since)
    bytes += (await sizeOf(join(data, 'store'))) - before
  }
  const used = ((await cpuOf(process.pid)) - cpuBefore) / ONES
  const what = step === 'plain' ? 'one more package, without Contents' : 'one more package'
  return [
    [
      `${what} (of ${ONES}; the first has read nothing yet)`,
      `first ${(times[0] ?? 0).toFixed(0)} ms; then ${milliseconds(spread(times.slice(1)))}; ${seconds(used)} CPU each`,
    ],
    ['bytes that such a revision adds to the stores', megabytes(bytes / ONES)],
    ['peak of memory beyond what there was', megabytes((await memoryOf(process.pid, 'VmHWM')) - memory)],
  ]
}

function keepPackages(database: Database, first: number, number: number): Promise<number[]> {
  const numbers = Array.from({ length: number }, (_, i) => first + i)
  return keepListed(
    database,
    numbers.map((n) => ({ name: nameOf(n), paths: pathsOf(n) })),
  )
}

/** All over the alphabet, whatever comes first. */
function nameOf(number: number): string {
  return `${createHash('sha256').update(String(number)).digest('hex').slice(0, 6).replace(/^\d/, 'p')}-${number}`
}

/** As a distribution's packages have them: most below a directory of their own, some beside those of others. */
function pathsOf(number: number): string[] {
  const name = nameOf(number)
  return Array.from({ length: pathsEach }, (_, i) => {
    const part = createHash('sha256').update(`${number} ${i}`).digest('hex').slice(0, 10)
    if (i % 10 < 5) return `usr/share/${name}/modules/${part}/interface-definition-${i}.json`
    if (i % 10 < 8) return `usr/lib/python3/dist-packages/${name}/${part}/__init__-${i}.py`
    return i % 10 === 8 ? `usr/share/man/man${i % 8}/${part}-${name}.gz` : `usr/share/icons/hicolor/48x48/${part}.png`
  })
}
