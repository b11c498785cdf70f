/**
 * The commands in README.md and docs/ are run as they are written, and show what the pages say.
 *
 * A block of `sh` after `<!-- run -->` is run, all of a page in one bash that stops at the first failure, in a place that
 * looks like a checkout. After `<!-- run: server -->` it is left running once the server is ready. A block of `text`
 * after `<!-- shows -->` has lines of the output of the block before it, in this order, where `…` stands for anything.
 * `npm ci` is left out, and the usual port is replaced by a free one. What readers have already is set up without their
 * seeing it, by `<!-- server: COMMAND -->` and `<!-- setup: COMMAND -->`; a page with `<!-- needs: PROGRAM -->` is not run
 * where there is no such program. Links between pages have to lead somewhere.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { temporaryDirectory } from './support/temporary-directory.ts'

const root = dirname(import.meta.dirname)
const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })].toSorted()

interface Block {
  readonly kind: 'run' | 'serve' | 'shows' | 'needs'
  readonly text: string
}

const hidden = /^<!-- (?<set>server|setup|needs): (?<command>.*) -->$/
const visible = /^<!-- (?<mark>run|run: server|shows) -->\n+```(?:sh|text)\n(?<text>[^]*?)^```$/
const pattern = new RegExp(`${hidden.source}|${visible.source}`, 'gm')

function blocksOf(page: string): Block[] {
  return [...page.matchAll(pattern)].map(({ groups }): Block => {
    const { set, command, mark, text } = groups ?? {}
    if (mark === 'shows') return { kind: 'shows', text: text ?? '' }
    if (set === 'needs') return { kind: 'needs', text: command ?? '' }
    return { kind: (set ?? mark)?.endsWith('server') === true ? 'serve' : 'run', text: text ?? command ?? '' }
  })
}

/** A directory with what a user has after `git clone` and `npm ci`, whose examples may be changed, and the command. */
async function checkout(directory: string): Promise<void> {
  for (const name of ['bin', 'src', 'node_modules', 'package.json', '.npmrc']) {
    await symlink(join(root, name), join(directory, name))
  }
  await mkdir(join(directory, '.installed'))
  await symlink(join(root, 'bin/ashlar.js'), join(directory, '.installed/ashlar'))
  await cp(join(root, 'examples'), join(directory, 'examples'), { recursive: true })
}

/** One page as a reader follows it: bash in one terminal, servers in others. */
class Reader {
  readonly #directory: string
  readonly #bash: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #servers: ChildProcess[] = []
  #address = '127.0.0.1:8080'

  constructor(directory: string) {
    this.#directory = directory
    this.#bash = this.#start('exec 2>&1 bash -e -o pipefail -s')
    if (this.#bash.stdout === null) throw new Error('the output is not piped')
    this.#lines = createInterface({ input: this.#bash.stdout })[Symbol.asyncIterator]()
  }

  /** The output of a block. Fails if a command of it does. */
  async run(text: string): Promise<string> {
    const mark = `-- the end of block ${Math.random()}`
    // Commands read nothing: bash reads the next block from there.
    this.#bash.stdin?.write(`{\n${this.translated(text)}\n} </dev/null\necho; echo '${mark}'\n`)
    const output: string[] = []
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done === true) assert.fail(`It stopped with a failure in\n${text}\nand said\n${output.join('\n')}`)
      if (value === mark) return output.join('\n')
      output.push(value)
    }
  }

  /** Starts a server, and gives what it prints until it is ready, and what follows at once. */
  async serve(text: string): Promise<string> {
    const child = this.#start(`${text.trim().replace('npm ci && ', '')} --listen 127.0.0.1:0`)
    this.#servers.push(child)
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (output += part))
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (output += part))
    const ended = once(child, 'close').then(() => assert.fail(`The server ended, and said ${output}`))
    ended.catch(() => {})
    while (!/^ -----END PGP|^# There is nothing/m.test(output)) {
      if (child.stdout !== null) await Promise.race([once(child.stdout, 'data'), ended])
    }
    this.#address = /ready on https?:\/\/(?<address>[^/]+)/.exec(output)?.groups?.['address'] ?? this.#address
    return output
  }

  /** The text with the port that the server really has. */
  translated(text: string): string {
    return text.replaceAll('127.0.0.1:8080', this.#address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.#bash, ...this.#servers]) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue
      const closed = once(child, 'close')
      process.kill(-child.pid, 'SIGTERM')
      await closed
    }
  }

  #start(command: string): ChildProcess {
    const { ASHLAR_SERVER: _server, ASHLAR_TOKEN: _token, ...env } = process.env
    return spawn('bash', ['-c', command], {
      cwd: this.#directory,
      // Its own group, so that npm and what it starts end together.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...env,
        PATH: `${join(this.#directory, '.installed')}:${env['PATH']}`,
        XDG_CONFIG_HOME: '/nonexistent',
        npm_config_update_notifier: 'false',
        LC_ALL: 'C.UTF-8',
      },
    })
  }
}

/** Fails unless the lines of `expected` are lines of `output`, in this order. */
function assertShows(output: string, expected: string): void {
  const lines = output.split('\n').map((line) => line.trimEnd())
  let from = 0
  for (const line of expected.split('\n').map((each) => each.trimEnd())) {
    if (line === '' || line === '…') continue
    const pattern = new RegExp(
      `^${line
        .split('…')
        .map((part) => RegExp.escape(part))
        .join('.*')}$`,
    )
    const at = lines.findIndex((each, index) => index >= from && pattern.test(each))
    assert.notEqual(at, -1, `“${line}” is not shown there, but\n${output}`)
    from = at + 1
  }
}

const isInstalled = (program: string): boolean => spawnSync(program, ['--version']).error === undefined

for (const page of pages) {
  const text = readFileSync(join(root, page), 'utf8')
  const blocks = blocksOf(text)
  describe(page, () => {
    it('has links that lead somewhere', () => {
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)(?<target>[^)\s]+)\)/g)) {
        const [file = '', anchor] = target.split('#')
        const place = file === '' ? join(root, page) : join(root, dirname(page), file)
        assert.ok(existsSync(place), `${target} does not exist`)
        if (anchor !== undefined) {
          const titles = [...readFileSync(place, 'utf8').matchAll(/^#+ (?<title>.*)$/gm)].map(({ groups }) =>
            (groups?.['title'] ?? '')
              .toLowerCase()
              .replace(/[^\p{L}\p{N} _-]/gu, '')
              .replaceAll(' ', '-'),
          )
          assert.ok(titles.includes(anchor), `${target} has no such heading`)
        }
      }
    })
    it('has a marker on a block each', () => {
      assert.equal(blocks.length, text.match(/^<!-- (?!Generated).* -->$/gm)?.length ?? 0)
    })
    if (blocks.some(({ kind }) => kind !== 'shows')) {
      const needed = ['apt-get', ...blocks.filter(({ kind }) => kind === 'needs').map(({ text: program }) => program)]
      const lacking = needed.find((program) => !isInstalled(program))
      const skip = lacking === undefined ? false : `${lacking} is not installed`
      it('has commands that work, and show what it says', { skip }, async () => {
        await using home = await temporaryDirectory()
        await checkout(home.path)
        await using reader = new Reader(home.path)
        let output = ''
        for (const block of blocks) {
          if (block.kind === 'run') output = await reader.run(block.text)
          else if (block.kind === 'serve') output = await reader.serve(block.text)
          else if (block.kind === 'shows') assertShows(output, reader.translated(block.text))
        }
      })
    }
  })
}

it('the pages for newcomers have commands that are run', () => {
  for (const page of ['README.md', 'docs/getting-started.md']) {
    assert.match(readFileSync(join(root, page), 'utf8'), /^<!-- run: server -->$/m)
  }
})
