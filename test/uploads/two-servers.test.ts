/** Files of one upload reach different servers, as behind a load balancer. */
import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { it } from 'node:test'
import { forEachDialect } from '../support/databases.ts'
import { buildToolMissing, buildUpload } from '../support/debian-build.ts'
import { GpgHome } from '../support/gpg.ts'
import { serve } from '../support/serve.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { put } from '../support/upload-client.ts'

const skip = buildToolMissing() ?? false

forEachDialect((dialect, _open, createEmpty) => {
  if (dialect === 'sqlite') return
  it(
    'an upload may reach several servers, each file another, and the .changes all of them at once',
    { skip },
    async (t) => {
      const gpg = new GpgHome()
      t.after(() => gpg.close())
      const key = gpg.key('Developer')
      await using home = await temporaryDirectory()
      const built = await buildUpload(join(home.path, 'build'), {
        name: 'hello',
        version: '1.0',
        signer: { home: gpg, key },
      })
      const { url: database } = await createEmpty()
      await using one = await serve({ home: home.path, database })
      await writeFile(join(home.path, 'developers.asc'), gpg.armored(key))
      await one.ashlar('keyring', 'add', 'developers', 'developers.asc')
      await one.workspace.createSuite({ name: 'unstable', keyrings: ['developers'], signedUploads: true })
      await using other = await serve({ home: await beside(home.path), database })
      const servers = [one, other]
      const to = (index: number, name: string): string =>
        `${servers[index % 2]?.url ?? ''}/upload/local/main/unstable/${name}`
      for (const [index, name] of built.files.entries()) {
        const answer = await put(to(index, name), await readFile(join(built.directory, name)), one.token)
        assert.equal(answer.status, 201, answer.text)
      }
      const name = basename(built.changes)
      const bytes = await readFile(built.changes)
      const answers = await Promise.all([0, 1, 2, 3].map((index) => put(to(index, name), bytes, one.token)))
      assert.deepEqual(
        answers.map((answer) => answer.status),
        [200, 200, 200, 200],
        JSON.stringify(answers),
      )
      for (const server of servers) {
        const { uploads } = await server.workspace.uploads()
        assert.deepEqual(
          uploads.map((upload) => upload.state),
          ['accepted'],
        )
        const { packages } = await server.workspace.packages('unstable')
        assert.deepEqual(
          packages.map((each) => `${each.name} ${each.architecture}`),
          ['hello all', 'hello source'],
        )
        assert.deepEqual(await server.workspace.incoming(), [])
      }
      // What is signed counts once, wherever it comes.
      const text = bytes.toString().replace('Hash: ', 'Hash: SHA1, ')
      const replays = await Promise.all([0, 1].map((index) => put(to(index, name), text, one.token)))
      for (const replay of replays) assert.match(replay.reason, /accepted before, as upload 1/)
    },
  )
})

/** The same data, and a place of its own for client.toml: beside one another, as on two machines that share a disk. */
async function beside(home: string): Promise<string> {
  const second = join(home, 'second')
  const data = join(second, 'ashlar-data')
  await mkdir(data, { recursive: true, mode: 0o700 })
  for (const name of ['store', 'spool']) await symlink(join(home, 'ashlar-data', name), join(data, name))
  return second
}
