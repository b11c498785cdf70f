/**
 * A real S3 server for tests: a Ceph of one node (a monitor, an OSD that keeps everything in memory, and radosgw) on
 * 127.0.0.1, from the system's packages radosgw, ceph-mon, ceph-osd and ceph-common.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A port found free may be taken before the server binds it. */
const maxPortAttempts = 3
const memoryBytes = 2 * 2 ** 30

/**
 * Outlives a test process that is killed: when its standard input ends, for whatever reason, it ends the daemon and
 * removes the directory. Nothing in it is worth an orderly end.
 */
const guardian =
  '"$0" "$@" <&- & daemon=$!; read -r _; kill -KILL $daemon; wait $daemon; rm -rf "$ASHLAR_TEST_DIRECTORY"'

export interface S3Server {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface Radosgw extends S3Server {
  readonly stop: () => Promise<void>
}

/** Starts a server, with its few files in a temporary directory. It takes some two seconds. */
export async function startRadosgw(): Promise<Radosgw> {
  for (let attempt = 1; ; attempt += 1) {
    const directory = await mkdtemp(join(tmpdir(), 'ashlar-radosgw-'))
    const cluster = new Cluster(directory, await freePorts(3))
    try {
      await cluster.start()
      const { endpoint } = cluster
      const key = { accessKeyId: 'test', secretAccessKey: 'testtest' }
      await cluster.createUser(key)
      return { endpoint, region: 'us-east-1', ...key, stop: () => cluster.stop() }
    } catch (error) {
      const log = await cluster.log()
      await cluster.stop()
      if (attempt === maxPortAttempts || !/in use|unable to bind|EADDRINUSE/.test(log)) {
        const reason = error instanceof Error ? error.message : String(error)
        throw new Error(`${reason} ${log}`.trim(), { cause: error })
      }
    }
  }
}

class Cluster {
  readonly #directory: string
  readonly #daemons: ChildProcess[] = []
  readonly #fsid = randomUUID()
  readonly #ports: readonly number[]

  constructor(directory: string, ports: readonly number[]) {
    this.#directory = directory
    this.#ports = ports
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#ports[2]}/`
  }

  async start(): Promise<void> {
    for (const name of ['mon', 'osd', 'rgw', 'log']) await mkdir(join(this.#directory, name))
    await writeFile(this.#conf, this.#settings())
    await this.#startMonitor()
    await this.#startOsd()
    const gateway = this.#spawn('radosgw', ['-f', '-n', 'client.admin'])
    await this.#until(gateway, async () => (await fetch(this.endpoint)).ok)
  }

  async createUser(key: { readonly accessKeyId: string; readonly secretAccessKey: string }): Promise<void> {
    const keys = [`--access-key=${key.accessKeyId}`, `--secret-key=${key.secretAccessKey}`]
    await this.#run('radosgw-admin', ['user', 'create', '--uid=test', '--display-name=test', ...keys])
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#daemons.map(async (daemon) => {
        const ended = daemon.exitCode !== null || new Promise((resolve) => daemon.once('exit', resolve))
        daemon.stdin?.end()
        await ended
      }),
    )
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** The last words of the daemons. */
  async log(): Promise<string> {
    const texts = await Promise.all(
      ['mon', 'osd', 'rgw'].map((name) => readFile(this.#in(`log/${name}.log`), 'utf8').catch(() => '')),
    )
    return texts.map((text) => text.slice(-2000)).join('\n')
  }

  async #startMonitor(): Promise<void> {
    const keyring = this.#in('keyring')
    const [v2, v1] = this.#ports
    const caps = ['--cap', 'mon', 'allow *']
    await run('ceph-authtool', ['--create-keyring', keyring, '--gen-key', '-n', 'mon.', ...caps])
    const all = [...caps, '--cap', 'osd', 'allow *', '--cap', 'mgr', 'allow *']
    await run('ceph-authtool', [keyring, '--gen-key', '-n', 'client.admin', ...all])
    const map = this.#in('monmap')
    const addresses = `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`
    await run('monmaptool', ['--create', '--addv', 'a', addresses, '--fsid', this.#fsid, map])
    await this.#run('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring])
    const monitor = this.#spawn('ceph-mon', ['-f', '-i', 'a'])
    await this.#until(monitor, async () => {
      await this.#run('ceph', ['--connect-timeout', '5', 'mon', 'stat'])
      return true
    })
  }

  async #startOsd(): Promise<void> {
    const id = randomUUID()
    await this.#run('ceph', ['osd', 'new', id])
    const caps = ['mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *']
    const { stdout } = await this.#run('ceph', ['auth', 'get-or-create', 'osd.0', ...caps])
    await appendFile(this.#in('keyring'), stdout)
    await this.#run('ceph-osd', ['-i', '0', '--mkfs', '--osd-uuid', id])
    this.#spawn('ceph-osd', ['-f', '-i', '0'])
  }

  #spawn(program: string, words: readonly string[]): ChildProcess {
    const daemon = spawn('/bin/sh', ['-c', guardian, program, '-c', this.#conf, ...words], {
      cwd: '/',
      // Its own session, so that an interrupt at the terminal reaches the tests first.
      detached: true,
      env: { ...process.env, ASHLAR_TEST_DIRECTORY: this.#directory },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#daemons.push(daemon)
    return daemon
  }

  /** Waits for what a daemon makes possible. */
  async #until(daemon: ChildProcess, isSo: () => Promise<boolean>): Promise<void> {
    const until = Date.now() + 60_000
    while (!(await isSo().catch(() => false))) {
      if (daemon.exitCode !== null || Date.now() > until) throw new Error('It has ended, or does not answer.')
      await sleep(25)
    }
  }

  async #run(program: string, words: readonly string[]): Promise<{ readonly stdout: string }> {
    return await run(program, ['-c', this.#conf, ...words])
  }

  get #conf(): string {
    return this.#in('ceph.conf')
  }

  #in(name: string): string {
    return join(this.#directory, name)
  }

  #settings(): string {
    const [v2, v1, gateway] = this.#ports
    return `[global]
fsid = ${this.#fsid}
mon host = [v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
# Without it radosgw waits 300 seconds for a key.
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = ${this.#in('keyring')}
run dir = ${this.#directory}
admin socket =
pid file =
mon data = ${this.#in('mon')}
osd data = ${this.#in('osd')}
rgw data = ${this.#in('rgw')}
log to stderr = false
debug default = 0
debug rgw = 0
# Each of the pools that radosgw makes waits for the monitor to agree with itself, else for a second.
paxos propose interval = 0.01
paxos min wait = 0.005
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd crush chooseleaf type = 0
osd objectstore = memstore
memstore device bytes = ${memoryBytes}
# Without nodelay every answer with a body takes 40 ms.
rgw frontends = beast endpoint=127.0.0.1:${gateway} tcp_nodelay=1
rgw run sync thread = false
rgw enable usage log = false
rgw dns name = localhost
[mon]
log file = ${this.#in('log/mon.log')}
[osd]
log file = ${this.#in('log/osd.log')}
[client]
log file = ${this.#in('log/rgw.log')}
`
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('No free port.')
    return address.port
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
