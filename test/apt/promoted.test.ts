/** The real apt installs what was promoted: from suite to suite, and from a workspace whose own copy is gone since. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import { age } from '../support/archive-past.ts'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { makeDeb } from '../support/make-deb.ts'
import { openServer } from '../support/open-server.ts'
import { noWait } from '../support/storage-world.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const options = { skip: (await aptMissing()) ?? false }

test(
  'apt installs what a batch and a copy have brought, also when the original was deleted and vacuumed',
  options,
  async (t) => {
    await using home = await temporaryDirectory()
    const { call, rooms, token } = await openServer(t)
    const { access, archives, artifacts, database, storage } = rooms
    const admin = await access.callerOf(token)
    const main = await access.workspace(admin, 'local', 'main', 'suite:manage')
    await call('POST', '/scopes', { json: { name: 'team' } })
    const apps = await access.createWorkspace(admin, 'team', { name: 'apps', public: true })
    const disk = { name: 'team-disk', scope: 'team', local: { directory: join(home.path, 'disk') } }
    assert.equal((await call('POST', '/stores', { json: { ...disk, policy: { uploadPriority: 300 } } })).status, 201)
    assert.equal((await call('PUT', '/stores/local/policies/team', { json: { writeOnly: true } })).status, 200)

    const app = makeDeb({ name: 'app', version: '1.0', extraControl: 'Depends: app-data (>= 1.0)\n' })
    const data = makeDeb({ name: 'app-data', version: '1.0', files: { 'usr/share/app/data': 'x'.repeat(50_000) } })
    const packages: { packageId: number }[] = []
    for (const bytes of [app, data]) {
      const writer = await storage.spool.create()
      await writer.append([bytes])
      const { packageId } = await artifacts.ingestBinary(main, await writer.finish(), 'x.deb', { userId: null })
      packages.push({ packageId })
    }
    const settings = {}
    await archives.submitBatch(
      main,
      [
        { kind: 'suite-create', suite: 'unstable', settings },
        { kind: 'suite-create', suite: 'testing', settings },
        { kind: 'add', suite: 'unstable', packages },
        { kind: 'copy', suite: 'testing', from: { suite: 'unstable' }, filter: 'Name (app)', withDeps: true },
      ],
      { userId: null },
    )
    const steps = [
      { kind: 'suite-create', suite: 'stable' },
      { kind: 'copy', suite: 'stable', fromWorkspace: 'local/main', from: 'testing' },
    ]
    const copied = await call('POST', '/workspaces/team/apps/changes', { json: { steps } })
    assert.deepEqual([copied.status, copied.body.addedCount], [200, 2], JSON.stringify(copied.body))

    const installs = async (stanza: string): Promise<void> => {
      await using apt = await aptRoot()
      await apt.source(stanza)
      const { code, output } = await apt.update()
      assert.equal(code, 0, output)
      const { code: installable, output: plan } = await apt.get('install', '--download-only', 'app')
      assert.equal(installable, 0, plan)
      const expected = new Map([
        ['app_1.0_all.deb', app],
        ['app-data_1.0_all.deb', data],
      ])
      assert.deepEqual(await apt.download('download', 'app', 'app-data'), expected)
    }
    await installs(await archives.sources(main, { suite: 'testing' }))

    const remove = (suite: string) =>
      ({ kind: 'remove', suite, packages: [{ name: 'app' }, { name: 'app-data' }] }) as const
    await archives.submitBatch(main, [remove('unstable'), remove('testing')], { userId: null })
    await access.changeSettings(main, { keepRevisionsSeconds: 0 })
    await age({ db: database }, 30 * 86_400)
    await using maintenance = new Maintenance({ database, storage, archives, ages: noWait })
    const vacuum = async (): Promise<void> => {
      for await (const event of maintenance.vacuum()) assert.notEqual(event.kind, 'failure', JSON.stringify(event))
    }
    await vacuum()
    for (const { id } of (await artifacts.list(main, {})).items) await artifacts.delete(main, id)
    await vacuum()
    await vacuum()
    assert.deepEqual((await artifacts.list(main, {})).items, [])
    await installs(await archives.sources(apps, { suite: 'stable' }))
  },
)
