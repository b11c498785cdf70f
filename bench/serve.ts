/**
 * Serving, beside nginx on the same bytes: wrk on one core, the server on the other. See bench/README.md.
 *
 *     npm run bench:serve -- [--packages 10000] [--seconds 5] [--json]
 */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { makeDeb } from '../test/support/make-deb.ts'
import { serve } from '../test/support/serve.ts'
import { findPackagesList, readPackagesList } from './support/debian-packages.ts'
import { generatedPackages } from './support/generated-packages.ts'
import { Report } from './support/measure.ts'
import { missingPrograms } from './support/peers.ts'

const run = promisify(execFile)
const { values: options } = parseArgs({
  options: {
    packages: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '5' },
    work: { type: 'string', default: join(tmpdir(), 'ashlar-bench') },
    json: { type: 'boolean', default: false },
  },
})
const report = new Report(options.json)
const list = await findPackagesList()
const missing = await missingPrograms(['nginx', 'wrk', 'taskset'])
if (missing.length > 0 || list === undefined) {
  process.stderr.write(
    `This needs nginx, wrk, taskset (util-linux) and a Packages list of apt; missing: ${missing.join(' ')}\n`,
  )
  process.exit(1)
}

const home = join(options.work, 'serve-home')
await rm(home, { recursive: true, force: true })
await mkdir(join(home, 'extra'), { recursive: true })
const packages = await generatedPackages(
  options.work,
  Number(options.packages),
  await readPackagesList(list),
  (sentence) => process.stderr.write(`${sentence}\n`),
)
const large = makeDeb({ name: 'large', version: '1', files: { 'usr/share/large': randomBytes(1_000_000) } })
await writeFile(join(home, 'extra/large_1_all.deb'), large)

await using server = await serve({ home, words: [packages] })
const uploaded = await server.ashlar('upload', '--suite', 'stable', join(home, 'extra/large_1_all.deb'))
if (uploaded.code !== 0) throw new Error(uploaded.stderr)
const release = await (await fetch(`${server.apt}dists/stable/InRelease`)).text()
const digest = /^ ([0-9a-f]{64}) +\d+ main\/binary-amd64\/Packages\.xz$/m.exec(release)?.[1] ?? ''
const paths = {
  InRelease: 'dists/stable/InRelease',
  'by-hash Packages.xz': `dists/stable/main/binary-amd64/by-hash/SHA256/${digest}`,
  'pool file of 1 MB': 'pool/main/l/large/large_1_all.deb',
}

await using nginx = await startNginx()
await run('taskset', ['-a', '-cp', '0', String(server.pid)])
for (const [what, path] of Object.entries(paths)) {
  const bytes = Buffer.from(await (await fetch(server.apt + path)).arrayBuffer())
  await nginx.hold(path, bytes)
  const rounds = [await both(path), await both(path)]
  const best = (pick: (round: { ours: number; theirs: number }) => number): number => Math.max(...rounds.map(pick))
  const [ours, theirs] = [best((round) => round.ours), best((round) => round.theirs)]
  const size = bytes.length > 1e6 ? `${(bytes.length / 1e6).toFixed(1)} MB` : `${(bytes.length / 1e3).toFixed(1)} kB`
  report.add(
    'serve',
    `${what} (${size})`,
    `${ours.toFixed(0)}/s, nginx ${theirs.toFixed(0)}/s: ${(ours / theirs).toFixed(2)}`,
  )
}
report.end()

async function both(path: string): Promise<{ ours: number; theirs: number }> {
  return { theirs: await wrk(nginx.url + path), ours: await wrk(server.apt + path) }
}

/** Requests a second, with 16 connections. */
async function wrk(url: string): Promise<number> {
  const { stdout } = await run('taskset', ['-c', '1', 'wrk', '-t1', '-c16', `-d${options.seconds}s`, url])
  if (/Non-2xx/.test(stdout)) throw new Error(`wrk: ${url} did not answer 200: ${stdout}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
}

/** One worker on core 0, files from a directory of its own. */
async function startNginx() {
  const root = join(home, 'nginx')
  await mkdir(join(root, 'files'), { recursive: true })
  const port = await freePort()
  await writeFile(
    join(root, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${root}/pid; error_log ${root}/error.log; user root;
    events { worker_connections 256; }
    http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path ${root}/body;
      proxy_temp_path ${root}/proxy; fastcgi_temp_path ${root}/fastcgi; uwsgi_temp_path ${root}/uwsgi; scgi_temp_path ${root}/scgi;
      server { listen 127.0.0.1:${port}; root ${root}/files; } }`,
  )
  const child = spawn('taskset', ['-c', '0', 'nginx', '-p', root, '-c', join(root, 'nginx.conf')], { stdio: 'inherit' })
  const url = `http://127.0.0.1:${port}/`
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url,
    async hold(path: string, bytes: Buffer): Promise<void> {
      const file = join(root, 'files', path)
      await mkdir(join(file, '..'), { recursive: true })
      await writeFile(file, bytes)
    },
    async [Symbol.asyncDispose](): Promise<void> {
      child.kill('SIGTERM')
      await new Promise((resolve) => child.once('close', resolve))
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const address = probe.address()
  probe.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
