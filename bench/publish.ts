/**
 * Publishing, beside aptly and reprepro on the same packages in one run. See bench/README.md.
 *
 *     npm run bench:publish                          all steps, 63,000 packages
 *     npm run bench:publish -- --only many           1,500 real small packages
 *     npm run bench:publish -- --only one --packages 10000 --no-peers
 *     npm run bench:publish -- --only growth         1,000 to 250,000 packages, without peers
 */
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { hash } from 'node:crypto'
import { serve, type Server } from '../test/support/serve.ts'
import { findPackagesList, readPackagesList } from './support/debian-packages.ts'
import { generatedPackage, generatedPackages } from './support/generated-packages.ts'
import {
  cost,
  cpuOf,
  kilobytes,
  megabytes,
  memoryOf,
  milliseconds,
  Probe,
  Report,
  seconds,
  sizeOf,
  spread,
} from './support/measure.ts'
import { aptly, missingPrograms, type Peer, reprepro, signingHome } from './support/peers.ts'
import { smallPackages } from './support/small-packages.ts'

const run = promisify(execFile)
const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'many,one,growth' },
    packages: { type: 'string', default: '63000' },
    growth: { type: 'string', default: '1000,10000,250000' },
    uploads: { type: 'string', default: '21' },
    work: { type: 'string', default: join(tmpdir(), 'ashlar-bench') },
    peers: { type: 'boolean', default: true },
    'reprepro-xz': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
  allowNegative: true,
})
const steps = new Set(options.only.split(','))
const uploads = Number(options.uploads)
const report = new Report(options.json)

const list = await findPackagesList()
const missing = await missingPrograms(['xz', ...(options.peers ? ['aptly', 'reprepro', 'gpg', 'time'] : [])])
if (missing.length > 0)
  fail(`This needs programs that are not installed: ${missing.join(' ')} (Debian has them under these names).`)
if (list === undefined)
  fail('This needs a Packages list of Debian main in /var/lib/apt/lists: run apt-get update first.')
await mkdir(options.work, { recursive: true })
const real = await readPackagesList(list)
const env = options.peers ? await signingHome(options.work) : {}

if (steps.has('many')) await many()
if (steps.has('one')) await one(Number(options.packages), options.peers)
if (steps.has('growth')) for (const count of options.growth.split(',')) await one(Number(count), false)
report.end()

/** 1,500 real small packages, from nothing to published. */
async function many(): Promise<void> {
  const directory = await smallPackages(options.work, real, 1500, tell)
  for (const peer of await peers()) {
    const { wallSeconds, cpuSeconds } = await peer.first(directory)
    report.add(
      'many',
      `${peer.name}: add 1,500 real small packages, publish`,
      `${seconds(wallSeconds)} (CPU ${seconds(cpuSeconds)})`,
    )
  }
  {
    const home = await freshHome()
    const startedAt = performance.now()
    await using server = await serve({ home, words: [directory] })
    const wall = (performance.now() - startedAt) / 1000
    report.add(
      'many',
      'ashlar serve DIR: from the start of the process to ready',
      `${seconds(wall)} (CPU ${seconds(await cpuOf(server.pid))})`,
    )
  }
  await using server = await serve({ home: await freshHome() })
  await server.workspace.createSuite({ name: 'stable' })
  const before = await cpuOf(server.pid)
  const probe = new Probe(`${server.url}/healthz`)
  const files = (await run('find', [directory, '-name', '*.deb'])).stdout.trim().split('\n')
  const words = ['upload', '--suite', 'stable', '--server', server.url, '--token', server.token, ...files]
  const { wallSeconds, cpuSeconds } = await cost(process.execPath, [
    join(import.meta.dirname, '../bin/ashlar.js'),
    ...words,
  ])
  const serverCpu = (await cpuOf(server.pid)) - before
  report.add(
    'many',
    'ashlar upload to a running server',
    `${seconds(wallSeconds)} (CPU ${seconds(cpuSeconds + serverCpu)})`,
  )
  report.add('many', 'ashlar: answers to other requests meanwhile', milliseconds(await probe.stop()))
}

/** One more upload into a suite of many packages. */
async function one(count: number, withPeers: boolean): Promise<void> {
  const step = count.toLocaleString('en')
  const directory = await generatedPackages(options.work, count, real, tell)
  const home = await freshHome()
  const startedAt = performance.now()
  await using server = await serve({ home, words: [directory] })
  report.add(
    step,
    `ashlar serve DIR: import of ${step} packages`,
    `${seconds((performance.now() - startedAt) / 1000)} (CPU ${seconds(await cpuOf(server.pid))})`,
  )
  report.add(step, 'ashlar: peak memory of the import', megabytes(await memoryOf(server.pid, 'VmHWM')))
  await indexSize(server, step)
  await uploadsTo(server, count, step)
  report.add(step, 'ashlar: peak memory after the uploads', megabytes(await memoryOf(server.pid, 'VmHWM')))
  await server.stop()
  if (!withPeers) return
  for (const peer of await peers()) {
    const first = await peer.first(directory)
    report.add(
      step,
      `${peer.name}: first import and publish`,
      `${seconds(first.wallSeconds)} (CPU ${seconds(first.cpuSeconds)}), ${megabytes(first.peakBytes)}`,
    )
    const costs = []
    for (let round = 0; round < 3; round += 1) costs.push(await peer.add(await newDeb(count, round)))
    report.add(
      step,
      `${peer.name}: one more package, published`,
      `${milliseconds(spread(costs.map((each) => each.wallSeconds * 1000)))} (CPU median ${seconds(spread(costs.map((each) => each.cpuSeconds)).median)}), ${megabytes(Math.max(...costs.map((each) => each.peakBytes)))}`,
    )
  }
}

/** New versions of packages all over the suite, one after the other, each answered when it is installable. */
async function uploadsTo(server: Server, count: number, step: string): Promise<void> {
  const sealed: number[] = []
  const whole: number[] = []
  const home = join(server.home, 'ashlar-data')
  let debBytes = 0
  const probe = new Probe(`${server.apt}dists/stable/InRelease`)
  const cpuBefore = await cpuOf(server.pid)
  // The database's own file grows in steps; what it costs is seen over all of them.
  const before = await sizeOf(home)
  for (let round = 0; round < uploads; round += 1) {
    const made = newPackage(count, round)
    debBytes += made.bytes.length
    const startedAt = performance.now()
    const [artifact] = await server.workspace.createArtifacts([
      {
        category: 'debian:binary-package',
        files: [{ path: made.fileName, size: made.bytes.length, sha256: hash('sha256', made.bytes) }],
      },
    ])
    const put = await server.request(
      `/api/v1/workspaces/local/main/artifacts/${artifact?.id}/files/${encodeURIComponent(made.fileName)}`,
      {
        method: 'PUT',
        body: made.bytes,
        headers: { 'content-type': 'application/octet-stream' },
      },
    )
    if (!put.ok) throw new Error(await put.text())
    await put.arrayBuffer()
    const addedAt = performance.now()
    await server.workspace.addPackages('stable', { artifacts: [artifact?.id ?? 0] })
    sealed.push(performance.now() - addedAt)
    whole.push(performance.now() - startedAt)
  }
  const grown = (await sizeOf(home)) - before - debBytes
  report.add(step, 'ashlar: one more package, from the wish to the sealed revision', milliseconds(spread(sealed)))
  report.add(step, 'ashlar: the same with the upload of its bytes', milliseconds(spread(whole)))
  report.add(step, 'ashlar: CPU of each', seconds(((await cpuOf(server.pid)) - cpuBefore) / uploads))
  report.add(step, 'ashlar: bytes that each revision costs, without the .deb', kilobytes(grown / uploads))
  report.add(step, 'ashlar: answers to other requests meanwhile', milliseconds(await probe.stop()))
}

/** The xz index beside one made in one piece. */
async function indexSize(server: Server, step: string): Promise<void> {
  const address = `${server.apt}dists/stable/main/binary-amd64/Packages`
  const ours = (await (await fetch(`${address}.xz`)).arrayBuffer()).byteLength
  const text = join(options.work, 'Packages.text')
  await writeFile(text, Buffer.from(await (await fetch(address)).arrayBuffer()))
  const { stdout } = await run('sh', ['-c', 'xz -6 -c "$1" | wc -c', 'sh', text])
  const whole = Number(stdout)
  report.add(
    step,
    'ashlar: Packages.xz beside xz -6 of the whole',
    `${megabytes(ours)}, ${(100 * (ours / whole - 1)).toFixed(1)} % larger`,
  )
}

function newPackage(count: number, round: number) {
  // All over the alphabet, in an order that has nothing to do with it.
  const index = Math.floor(count * ((round * 0.618_034) % 1))
  return generatedPackage(index, count, real, `+bench${round}`)
}

async function newDeb(count: number, round: number): Promise<string> {
  const made = newPackage(count, round)
  const file = join(options.work, made.fileName)
  await writeFile(file, made.bytes)
  return file
}

async function peers(): Promise<Peer[]> {
  if (!options.peers) return []
  const both = [await aptly(options.work, env), await reprepro(options.work, env, { xz: false })]
  return options['reprepro-xz'] ? [...both, await reprepro(options.work, env, { xz: true })] : both
}

/** An empty directory for a server and its data. */
async function freshHome(): Promise<string> {
  const home = join(options.work, 'home')
  await rm(home, { recursive: true, force: true })
  await mkdir(home)
  return home
}

function tell(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
}

function fail(sentence: string): never {
  tell(sentence)
  process.exit(1)
}
