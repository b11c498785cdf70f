/** The npm package as users get it: packed, installed by the Node and npm of their system, and run. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { temporaryDirectory } from './support/temporary-directory.ts'

const root = dirname(import.meta.dirname)
const run = promisify(execFile)

/** Without the Node 26 of the checkout, which users do not have. */
const env = {
  ...process.env,
  PATH: (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => !directory.includes('node_modules'))
    .join(delimiter),
  npm_config_update_notifier: 'false',
}

describe('the npm package', () => {
  let directory = ''
  let files: string[] = []

  const cleanup = new AsyncDisposableStack()

  after(() => cleanup.disposeAsync())
  before(async () => {
    directory = cleanup.use(await temporaryDirectory()).path
    const packed = await run('npm', ['pack', '--json', '--pack-destination', directory], {
      cwd: root,
      env,
      maxBuffer: 2 ** 26,
    })
    // The output of the build comes before the document.
    const [document] = JSON.parse(packed.stdout.slice(packed.stdout.search(/^\[/m))) as {
      filename: string
      files: { path: string }[]
    }[]
    assert.ok(document !== undefined)
    files = document.files.map(({ path }) => path)
    const tarball = join(directory, document.filename)
    await run('npm', ['install', '--global', '--prefer-offline', '--prefix', directory, tarball], { env })
  })

  it('has the program, its documents and licences, and no tests', () => {
    for (const file of [
      'bin/ashlar.js',
      'dist/main.js',
      'dist/client/client.d.ts',
      'docs/getting-started.md',
      'docs/reference/errors.md',
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
      'NOTICE',
    ]) {
      assert.ok(files.includes(file), `${file} is missing`)
    }
    const unwanted = files.filter((file) => /\.test\.|^(?:src|test|bench|examples|\.ci)\//.test(file))
    assert.deepEqual(unwanted, [])
  })

  it('explains itself', async () => {
    const { stdout } = await run(join(directory, 'bin/ashlar'), ['--help'], { env })
    assert.match(stdout, /^Usage: ashlar .*^ {2}serve /ms)
  })

  it('publishes a folder', async () => {
    const words = ['serve', join(root, 'examples/debs'), '--data', join(directory, 'data'), '--listen', '127.0.0.1:0']
    const server = spawn(join(directory, 'bin/ashlar'), words, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = once(server, 'close')
    try {
      const [line] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
      const url = /^Ashlar is ready on (?<url>http:\S+)$/.exec(line)?.groups?.['url']
      const packages = await fetch(`${url}apt/local/main/dists/stable/main/binary-amd64/Packages`)
      assert.match(await packages.text(), /^Package: ashlar-greeting$.*^Package: ashlar-hello$/ms)
      const page = await (await fetch(`${url}`)).text()
      const stylesheet = /href="(?<path>\/static\/[^"]+\.css)"/.exec(page)?.groups?.['path']
      assert.equal((await fetch(new URL(stylesheet ?? '', url))).status, 200)
    } finally {
      server.kill()
      await closed
    }
  })

  it('is a client for other programs', async () => {
    const program = join(directory, 'lib/program.mjs')
    await writeFile(
      program,
      `import { AshlarClient } from 'ashlar'\nconsole.log(new AshlarClient({ url: 'http://127.0.0.1:1/' }).url)\n`,
    )
    assert.equal((await run(process.execPath, [program])).stdout, 'http://127.0.0.1:1/\n')
  })
})
