/** Roles as people and machines live with them: an account for CI, its token, what that may do, and its end. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { forEachDialect } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { type Ended, ashlar, ashlarJson, eventually, startServing } from './serving.ts'

const hello = new URL('../../examples/debs/ashlar-hello_1.0_all.deb', import.meta.url).pathname
const greeting = new URL('../../examples/debs/ashlar-greeting_1.0_all.deb', import.meta.url).pathname
const skip = (await aptMissing()) ?? false

forEachDialect((dialect, _open, createEmpty) => {
  it(
    'CI publishes to its private workspace and nowhere else, apt reads it, and after revoke nothing goes',
    { skip },
    async () => {
      await using home = await temporaryDirectory()
      const { url, remove } = await createEmpty()
      try {
        await using server = await startServing(home.path, ['--database', url])
        // On PostgreSQL a second server, which learns of a role that is taken away on the first.
        await using other = dialect === 'postgres' ? await startServing(home.path, ['--database', url]) : undefined
        // A command finds the server that started last.
        const { token: key } = await ashlarJson(['token', 'create', 'admin'], server.beside)
        const admin = async (...words: string[]): Promise<Ended> =>
          ashlar(['--server', server.url, '--token', String(key), ...words])
        for (const workspace of ['local/apps', 'local/secrets', 'local/main']) {
          if (workspace !== 'local/main') await admin('workspace', 'create', workspace, '--private')
          assert.equal((await admin('suite', 'create', 'stable', '--workspace', workspace)).code, 0)
        }
        assert.equal((await admin('user', 'create', 'ci')).code, 0)
        const granted = await admin('user', 'grant', 'ci', '--role', 'contributor', '--workspace', 'local/apps')
        assert.deepEqual([granted.code, granted.stdout], [0, 'ci is contributor in local/apps now.\n'])
        const { stdout: token } = await admin('token', 'create', 'ci', '--user', 'ci', '--quiet')

        await using elsewhere = await temporaryDirectory()
        const ci = async (at: string, ...words: string[]): Promise<Ended> =>
          ashlar(words, { cwd: elsewhere.path, env: { ASHLAR_SERVER: at, ASHLAR_TOKEN: token.trim() } })
        const upload = async (at: string, workspace: string, file: string): Promise<Ended> =>
          ci(at, 'upload', '--suite', 'stable', '--workspace', workspace, file)
        assert.equal((await upload(server.url, 'local/apps', hello)).code, 0)
        const hidden = await upload(server.url, 'local/secrets', hello)
        assert.match(hidden.stderr, /There is no workspace local\/secrets, or you may not read it/)
        const forbidden = await upload(server.url, 'local/main', hello)
        assert.match(forbidden.stderr, /ci may read local\/main, but artifact:create takes the role contributor/)
        assert.match(forbidden.stderr, /ashlar user grant/)
        assert.equal((await ci(server.url, 'user', 'show', '--quiet')).stdout, 'ci\n')

        await using apt = await aptRoot()
        await apt.source((await ci(server.url, 'suite', 'sources', 'stable', '--workspace', 'local/apps')).stdout)
        await apt.authenticate(`machine ${server.url} login ci password ${token.trim()}\n`)
        const updated = await apt.update()
        assert.equal(updated.code, 0, updated.output)
        assert.doesNotMatch(updated.output, /401/)
        assert.deepEqual(await apt.available('ashlar-hello'), ['ashlar-hello 1.0'])

        const revoked = await admin('user', 'revoke', 'ci', '--workspace', 'local/apps')
        assert.deepEqual([revoked.code, revoked.stdout], [0, 'ci is not contributor in local/apps any more.\n'])
        assert.match(
          (await upload(server.url, 'local/apps', greeting)).stderr,
          /There is no workspace local\/apps, or you may not/,
        )
        if (other !== undefined) {
          await eventually(async () => {
            const { status } = await fetch(`${other.url}api/v1/workspaces/local/apps/suites`, {
              headers: { authorization: `Bearer ${token.trim()}` },
            })
            return status === 404 ? true : undefined
          })
        }
        assert.match((await apt.update()).output, /404 +Not Found/)
      } finally {
        await remove()
      }
    },
  )
})

it('roles are listed, shown and refused in words', async () => {
  await using home = await temporaryDirectory()
  await using server = await startServing(home.path)
  const run = async (...words: string[]): Promise<string> => {
    const { stdout, stderr } = await ashlar(words, server.beside)
    return (stdout + stderr).replaceAll(/ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, ' …')
  }
  for (const name of ['ci', 'jane']) await run('user', 'create', name)
  assert.equal(
    await run('user', 'grant', 'jane', '--role', 'owner', '--scope', 'local'),
    'jane is owner in the scope local now.\n',
  )
  assert.equal(await run('user', 'grant', 'jane', '--role', 'reader', '--instance'), 'jane is reader everywhere now.\n')
  assert.equal(await run('user', 'grant', 'ci', '--role', 'contributor'), 'ci is contributor in local/main now.\n')
  assert.equal(
    await run('user', 'roles'),
    `USER   ROLE         WHERE               SINCE
admin  admin        everywhere          …
ci     contributor  in local/main       …
jane   reader       everywhere          …
jane   owner        in the scope local  …
`,
  )
  assert.equal(
    await run('user', 'show', 'jane'),
    'User   jane\nSince  …\nRoles  reader everywhere\n       owner in the scope local\n',
  )
  assert.match(
    await run('user', 'list'),
    /^ci +… +contributor in local\/main\njane +… +reader everywhere, owner in the scope local$/m,
  )
  assert.equal(
    await run('user', 'revoke', 'jane'),
    'jane had no role in local/main.\njane still is reader everywhere, owner in the scope local.\n',
  )
  assert.match(
    await run('user', 'revoke', 'admin', '--instance'),
    /^ashlar: admin is the last admin of this instance\.\n +Give somebody else/,
  )
  assert.match(await run('user', 'grant', 'ci', '--role', 'admin'), /admin is a role on the whole .*--instance/)
  assert.match(await run('user', 'grant', 'nobody', '--role', 'reader'), /There is no user 'nobody'/)
  assert.match(await run('user', 'grant', 'ci'), /required option '--role <role>' not specified/)
  assert.match(
    await run('user', 'grant', 'ci', '--role', 'boss'),
    /Allowed choices are reader, contributor, owner, admin/,
  )
  assert.match(
    await run('user', 'grant', 'ci', '--role', 'reader', '--scope', 'local', '--workspace', 'local/main'),
    /Name one place: --workspace or --scope, not both/,
  )
})
