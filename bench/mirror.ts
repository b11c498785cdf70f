/**
 * Mirroring a whole suite lazily: the real list of Debian main that this machine's apt has, in an upstream made for it
 * (signed by gpg, indexes only). See bench/README.md.
 *
 *     npm run bench:mirror
 */
import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { serve } from '../test/support/serve.ts'
import { makeUpstream } from '../test/support/upstream.ts'
import { findPackagesList } from './support/debian-packages.ts'
import { cpuOf, megabytes, memoryOf, milliseconds, Probe, Report, seconds } from './support/measure.ts'
import { missingPrograms } from './support/peers.ts'

const run = promisify(execFile)
const { values: options } = parseArgs({
  options: { work: { type: 'string', default: join(tmpdir(), 'ashlar-bench-mirror') }, json: { type: 'boolean' } },
})
const list = await findPackagesList()
const missing = await missingPrograms(['apt-ftparchive', 'gpg', 'xz'])
if (list === undefined || missing.length > 0) {
  const what =
    missing.length > 0 ? `the programs ${missing.join(' ')}` : 'a Packages list of Debian main: apt-get update'
  process.stderr.write(`This needs ${what}.\n`)
  process.exit(1)
}
const report = new Report(options.json === true)
await rm(options.work, { recursive: true, force: true })
await mkdir(options.work, { recursive: true })

await using upstream = await makeUpstream()
const directory = join(upstream.directory, 'dists/test/main/binary-amd64')
await mkdir(directory, { recursive: true })
await mkdir(join(upstream.directory, 'pool/main'), { recursive: true })
const { stdout: text } = await run('/usr/lib/apt/apt-helper', ['cat-file', list], { maxBuffer: 2 ** 30 })
await writeFile(join(directory, 'Packages'), text)
await run('xz', ['-k', '-T0', '-3', join(directory, 'Packages')])
await upstream.resign()

await using server = await serve({ home: options.work })
await server.workspace.mirrors.create({
  name: 'debian',
  url: upstream.url,
  suite: 'test',
  lazy: true,
  keyring: upstream.key.publicKey,
})
const idle = await memoryOf(server.pid, 'VmRSS')
const probe = new Probe(server.url)
await update('first update, lazy')
report.add('mirror', 'other requests meanwhile', milliseconds(await probe.stop()))
report.add('mirror', 'memory of the idle server', megabytes(idle))
report.add('mirror', 'peak memory of the server', `${megabytes(await memoryOf(server.pid, 'VmHWM'))}; goal 300 MB`)
await update('update with nothing new')
// One package is replaced, in an index of the same size.
const changed = (await readFile(join(directory, 'Packages'), 'utf8')).replace(
  /^Maintainer: .*$/m,
  'Maintainer: Another',
)
await writeFile(join(directory, 'Packages'), changed)
await run('xz', ['-k', '-f', '-T0', '-3', join(directory, 'Packages')])
await upstream.resign()
await update('update with one package changed')
report.end()

async function update(what: string): Promise<void> {
  const [startedAt, cpu] = [performance.now(), await cpuOf(server.pid)]
  let came = 0
  for await (const event of server.workspace.mirrors.update('debian')) {
    if (event.kind === 'end' && event.work === 'update') came = event.added
  }
  const wall = (performance.now() - startedAt) / 1000
  const used = (await cpuOf(server.pid)) - cpu
  report.add('mirror', what, `${seconds(wall)}; CPU ${seconds(used)}; ${came} packages came`)
}
