/** An import that is killed at any of its requests goes on when it is run again, and nothing comes twice. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request as forward, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { newAptly, type OldProgram, programMissing, writeDebs } from '../support/old-programs.ts'
import { serve, type Server } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { listedIn } from './listed-in.ts'

const options = { skip: (await programMissing('aptly')) ?? false }
const launcher = new URL('../../bin/ashlar.js', import.meta.url).pathname

async function twoSnapshots(folder: string): Promise<OldProgram> {
  const aptly = await newAptly(folder)
  const [one = '', two = '', three = ''] = await writeDebs(folder, [
    { name: 'alpha', version: '1' },
    { name: 'alpha', version: '2' },
    { name: 'beta', version: '1' },
  ])
  await aptly('repo', 'create', 'prod')
  await aptly('repo', 'add', 'prod', one)
  await aptly('snapshot', 'create', 'first', 'from', 'repo', 'prod')
  await aptly('repo', 'add', 'prod', two)
  await aptly('snapshot', 'create', 'second', 'from', 'repo', 'prod')
  await aptly('publish', 'snapshot', '-skip-signing', '-distribution=stable', '-architectures=amd64', 'second')
  await aptly('repo', 'add', 'prod', three)
  return aptly
}

/** Passes everything on, and calls `killer` when the answer to the `deadly`th request that changes something is there. */
async function proxy(target: string, deadly: number, killer: () => void): Promise<HttpServer> {
  const { port } = new URL(target)
  let count = 0
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming
    const passed = forward({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      if (method !== 'GET') count += 1
      if (method !== 'GET' && count === deadly) {
        // What was asked is done; who asked will not hear of it.
        answer.resume()
        killer()
        return
      }
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return server
}

/** One import that is killed at a request. @returns whether it came to its end before */
async function importUntil(server: Server, root: string, deadly: number): Promise<boolean> {
  let child: ChildProcess | undefined
  await using between = await proxy(server.url, deadly, () => child?.kill('SIGKILL'))
  const { port } = between.address() as AddressInfo
  const words = ['import', 'aptly', root, '--server', `http://127.0.0.1:${port}/`, '--token', server.token]
  child = spawn(process.execPath, [launcher, ...words], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  between.closeAllConnections()
  assert.ok(code === 0 || signal === 'SIGKILL', `it ended with ${code}`)
  return code === 0
}

test('an import that is killed at any request goes on when it is run again', options, async () => {
  await using home = await temporaryDirectory()
  const aptly = await twoSnapshots(home.path)
  await using server = await serve({ home: home.path })
  let kills = 0
  // Announcing the packages is the first request of each run. The second is the first that has not been done yet.
  for (let deadly = 1; !(await importUntil(server, aptly.root, deadly)); deadly = 2) kills += 1
  assert.ok(kills >= 6, `it was killed ${kills} times only`)

  const { workspace } = server
  assert.equal((await workspace.artifacts()).artifacts.length, 3)
  const revisions = async (suite: string): Promise<number[]> => {
    return (await workspace.history(suite)).history.map(({ revision }) => revision)
  }
  assert.deepEqual(await revisions('stable'), [3, 2, 1])
  assert.deepEqual(await revisions('repo/prod'), [4, 3, 2, 1])
  assert.deepEqual(await listedIn(workspace, 'stable', 'r2'), ['alpha_1_all'])
  assert.deepEqual(await listedIn(workspace, 'stable'), ['alpha_1_all', 'alpha_2_all'])
  assert.deepEqual(await listedIn(workspace, 'repo/prod'), ['alpha_1_all', 'alpha_2_all', 'beta_1_all'])
})
