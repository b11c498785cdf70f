/**
 * A vacuum over very many files: with nothing to do, deleting, and moving to another disk, beside what the same costs
 * without Ashlar. See bench/README.md.
 *
 *     npm run bench:vacuum -- [--files 1000000] [--some 20000] [--json]
 */
import { createHash } from 'node:crypto'
import { link, mkdir, open, readdir, rm, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import pLimit from 'p-limit'
import { serve, type Server } from '../test/support/serve.ts'
import { contentOf, filesPerArtifact, makeManyFiles } from './support/many-files.ts'
import { cpuOf, megabytes, memoryOf, milliseconds, Probe, Report, seconds } from './support/measure.ts'

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '1000000' },
    some: { type: 'string', default: '20000' },
    work: { type: 'string', default: join(tmpdir(), 'ashlar-bench') },
    json: { type: 'boolean', default: false },
  },
})
const count = Number(options.files)
const some = Number(options.some)
const report = new Report(options.json)
const home = join(options.work, 'vacuum-home')
const data = join(home, 'ashlar-data')

process.stderr.write(`Making ${count} files…\n`)
await makeManyFiles(data, count)

await measured('nothing', `nothing to do, ${count} files`, async (server) => vacuum(server))
expire(some)
await measured('condemn', `${some} files that nothing needs any more`, async (server) => vacuum(server))
age()
await measured('delete', 'the same files, a day later', async (server) => vacuum(server))
report.add('delete', 'the same in a loop: unlink, sync of the directories', await deleteByHand(some))
await measured('move', `${some} files to another directory, by a soft maximum`, async (server) => {
  const directory = join(home, 'second')
  await server.ashlar('store', 'create', 'second', '--kind', 'local', '--directory', directory)
  await server.ashlar('store', 'policy', 'second', '--upload-priority', '50')
  const limit = String((count - some - some) * 200)
  await server.ashlar('store', 'set', 'local', '--soft-max', limit)
  return vacuum(server)
})
report.add('move', 'the same in a loop: copy, sync, link, sync, read back', await copyByHand(some))
report.end()
await rm(home, { recursive: true, force: true })

/** Runs a piece of work on a fresh server; says its time, its processor time and the peak of its memory. */
async function measured(step: string, what: string, work: (server: Server) => Promise<void>): Promise<void> {
  await using server = await serve({ home })
  const [cpu, probe] = [await cpuOf(server.pid), new Probe(`${server.url}/healthz`, 20)]
  const startedAt = performance.now()
  await work(server)
  const wall = (performance.now() - startedAt) / 1000
  const answers = await probe.stop()
  report.add(step, what, `${seconds(wall)}; ${seconds((await cpuOf(server.pid)) - cpu)} CPU`)
  report.add(step, 'peak memory of the server', megabytes(await memoryOf(server.pid, 'VmHWM')))
  report.add(step, 'answers to other requests meanwhile', milliseconds(answers))
  await server.stop()
}

async function vacuum(server: Server): Promise<void> {
  let [lines, failures] = [0, 0]
  for await (const event of server.client.vacuum({ dryRun: false })) {
    if (event.kind === 'line') lines += 1
    if (event.kind === 'failure') failures += 1
  }
  process.stderr.write(`  ${lines} lines, ${failures} failures\n`)
}

/** Takes the first artifacts away, as if they had been deleted. */
function expire(files: number): void {
  const db = new DatabaseSync(join(data, 'ashlar.db'))
  const last = files / filesPerArtifact
  db.exec(`delete from artifact_file where artifact_id <= ${last}; delete from artifact where id <= ${last}`)
  db.close()
}

/** Lets a day go by for what is condemned. */
function age(): void {
  const db = new DatabaseSync(join(data, 'ashlar.db'))
  db.exec(`update file_copy set state_at = state_at - 2 * 86400 * 1000000 where state = 'condemned'`)
  db.close()
}

/** The floor: files of the same size, in 256 directories, removed so that they stay removed. */
async function deleteByHand(files: number): Promise<string> {
  const directory = join(home, 'by-hand')
  await makeShards(directory)
  const paths = await writeMany(directory, files)
  const startedAt = performance.now()
  const limit = pLimit(16)
  await Promise.all(paths.map((path) => limit(() => unlink(path))))
  for (const shard of await readdir(directory)) await syncPath(join(directory, shard))
  return seconds((performance.now() - startedAt) / 1000)
}

async function copyByHand(files: number): Promise<string> {
  const [from, to] = [join(home, 'from'), join(home, 'to')]
  await makeShards(from)
  await makeShards(to)
  const paths = await writeMany(from, files)
  const startedAt = performance.now()
  const limit = pLimit(4)
  await Promise.all(paths.map((path) => limit(() => copyOne(path, path.replace(from, to)))))
  return seconds((performance.now() - startedAt) / 1000)
}

async function copyOne(from: string, to: string): Promise<void> {
  const source = await open(from, 'r')
  const bytes = await source.readFile()
  await source.close()
  const part = await open(`${to}.part`, 'wx')
  await part.writeFile(bytes)
  await part.sync()
  await part.close()
  await link(`${to}.part`, to)
  await unlink(`${to}.part`)
  await syncPath(join(to, '..'))
  const copy = await open(to, 'r')
  createHash('sha256').update(await copy.readFile())
  await copy.close()
}

async function makeShards(directory: string): Promise<void> {
  for (let shard = 0; shard < 256; shard += 1) {
    await mkdir(join(directory, shard.toString(16).padStart(2, '0')), { recursive: true })
  }
}

async function writeMany(directory: string, files: number): Promise<string[]> {
  const paths: string[] = []
  for (let index = 0; index < files; index += 1) {
    const digest = createHash('sha256').update(contentOf(index)).digest('hex')
    const path = join(directory, digest.slice(0, 2), digest)
    const handle = await open(path, 'w')
    await handle.writeFile(contentOf(index))
    await handle.close()
    paths.push(path)
  }
  return paths
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  await handle.sync()
  await handle.close()
}
