/** What people and programs are told of suites: information, listings, history, differences, sources. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, publicUrl, refused } from '../../test/support/archive-world.ts'
import { forEachDialect } from '../../test/support/databases.ts'

forEachDialect((_dialect, open) => {
  it('a suite tells what it holds, now and at each revision', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { architectures: ['amd64'] }, ['lts'])
    await stable.add('hello', '1', { architecture: 'riscv64' })
    await stable.addSource('hello', '1')
    await world.suite('testing')
    await stable.remove({ name: 'hello' })
    const info = async (at?: string) => {
      const { packages, sources, architectures, revision } = await world.archives.suite(world.workspace, 'lts', at)
      return { packages, sources, architectures, revision }
    }
    assert.deepEqual(await info('r1'), { packages: 0, sources: 0, architectures: ['amd64'], revision: 1 })
    assert.deepEqual(await info('r2'), { packages: 1, sources: 0, architectures: ['amd64', 'riscv64'], revision: 2 })
    assert.deepEqual(await info('r4'), { packages: 2, sources: 1, architectures: ['amd64', 'riscv64'], revision: 3 })
    assert.deepEqual(await info(), { packages: 0, sources: 0, architectures: ['amd64'], revision: 5 })
    const names = async (at?: string) => (await world.archives.suites(world.workspace, at)).map((suite) => suite.name)
    assert.deepEqual(await names('r3'), ['stable'])
    assert.deepEqual(await names(), ['stable', 'testing'])
    await assert.rejects(world.archives.suite(world.workspace, 'testing', 'r3'), refused('suite-unknown', /testing/))
  })

  it('a filter chooses packages as their index has them, in pages of any size, now and at a revision', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    const ids = [await world.source('hello', '1')]
    for (const version of ['1', '2']) {
      ids.push(await world.deb('hello', version, { architecture: 'amd64', extraControl: 'Provides: greeting (= 3)\n' }))
      ids.push(await world.deb('hello-doc', version, { source: 'hello', section: 'doc' }))
    }
    const other = await world.deb('other', '1', { architecture: 'arm64', depends: 'hello (>= 1)' })
    await stable.addPackages(...ids, { packageId: other, section: 'doc' })
    const chosen = async (filter: string, limit = 1000, at?: string): Promise<string[]> => {
      const found: string[] = []
      let after: string | undefined
      do {
        const page = await world.archives.packages(world.workspace, { suite: 'stable', at }, { filter, limit, after })
        assert.ok(page.items.length <= limit)
        found.push(...page.items.map((item) => `${item.name}_${item.version}_${item.architecture}`))
        after = page.next
      } while (after !== undefined)
      return found
    }
    assert.deepEqual(await chosen('hello (>> 1)'), ['hello_2_amd64'])
    assert.deepEqual(await chosen('greeting'), ['hello_1_amd64', 'hello_2_amd64'])
    assert.deepEqual(await chosen('Section (doc), $Version (<< 2)'), ['hello-doc_1_all', 'other_1_arm64'])
    assert.deepEqual(await chosen('Depends (~ hello) | hello_1_source'), ['other_1_arm64', 'hello_1_source'])
    assert.deepEqual(await chosen('hello_1_source | other (= 1)'), ['other_1_arm64', 'hello_1_source'])
    assert.deepEqual(await chosen('Name (nothing)'), [])
    await stable.remove({ name: 'hello' })
    for (const limit of [1, 2, 5]) {
      assert.equal((await chosen('$Source (hello)', limit)).length, 2)
      assert.equal((await chosen('$Source (hello)', limit, 'r2')).length, 4)
    }
    await assert.rejects(chosen('Section (doc'), refused('query-invalid', /character 13/))
  })

  it('a listing in pages of any size has each package once, in one order, now and at a revision', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { components: ['main', 'contrib'] })
    const ids: number[] = []
    for (const version of ['1', '2', '10']) {
      ids.push(await world.deb('hello', version), await world.deb('hello', version, { architecture: 'arm64' }))
      ids.push(await world.source('hello', version))
    }
    await stable.addPackages(...ids, { packageId: await world.deb('other', '1'), component: 'contrib' })
    const listed = async (limit: number, at?: string, name?: string): Promise<string[]> => {
      const found: string[] = []
      let after: string | undefined
      do {
        const page = await world.archives.packages(world.workspace, { suite: 'stable', at }, { after, limit, name })
        assert.ok(page.items.length <= limit)
        found.push(...page.items.map((item) => `${item.component} ${item.architecture} ${item.name} ${item.version}`))
        after = page.next
      } while (after !== undefined)
      return found
    }
    const all = await listed(1000)
    assert.equal(all.length, 10)
    assert.deepEqual(
      all.filter((line) => line.startsWith('main all')),
      ['main all hello 1', 'main all hello 2', 'main all hello 10'],
    )
    await stable.remove({ name: 'hello', version: '2' }, { name: 'other' })
    for (const limit of [1, 2, 3, 10]) {
      assert.deepEqual(await listed(limit, 'r2'), all)
      assert.deepEqual(await listed(limit, undefined, 'other'), [])
      assert.deepEqual(await listed(limit, 'r2', 'other'), ['contrib all other 1'])
      assert.equal((await listed(limit)).length, 6)
    }
  })

  it('a page that was never given is refused', async () => {
    await using world = await archiveWorld(open)
    await world.suite('stable')
    for (const after of [
      '',
      'x',
      '%%%',
      Buffer.from('[1,2,3]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ]) {
      const page = world.archives.packages(world.workspace, { suite: 'stable' }, { after, limit: 1 })
      await assert.rejects(page, refused('request-invalid', /after/), JSON.stringify(after))
    }
  })

  it('history has the revisions that changed a suite and who changed what, whatever its aliases mean now', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', {}, ['lts'])
    const testing = await world.suite('testing')
    const packageId = await world.deb('hello', '1')
    await world.submit({ kind: 'add', suite: 'lts', packages: [{ packageId }] })
    await stable.addPackages(packageId)
    await testing.add('other', '1')
    await world.submit({ kind: 'alias', name: 'lts', suite: 'testing' })
    await stable.set({ label: 'Ours' })
    await stable.remove({ name: 'hello' })
    const history = async (suite: string, before?: number, limit = 100) => {
      const page = before === undefined ? { limit } : { before, limit }
      const entries = await world.archives.history(world.workspace, suite, page)
      return entries.map(
        ({ revision, changes }) =>
          `r${revision} ${changes.map((one) => `${one.kind} +${one.added} -${one.removed}`).join()}`,
      )
    }
    const whole = ['r7 remove +0 -1', 'r6 suite-update +0 -0', 'r3 add +1 -0', 'r1 suite-create +0 -0']
    assert.deepEqual(await history('stable'), whole)
    assert.deepEqual(await history('lts'), ['r5 alias +0 -0', 'r4 add +1 -0', 'r2 suite-create +0 -0'])
    assert.deepEqual(await history('stable', undefined, 2), whole.slice(0, 2))
    assert.deepEqual(await history('stable', 6, 2), whole.slice(2))
  })

  it('a difference names what came, what went, and what changed its version', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    for (const name of ['changed', 'kept', 'removed']) await stable.add(name, '1')
    await stable.addSource('kept', '1')
    const before = { suite: 'stable', at: 'r5' }
    await stable.add('changed', '2', { architecture: 'all' })
    await stable.remove({ name: 'changed', version: '1' }, { name: 'removed' })
    await stable.add('added', '1')
    const line = (name: string, version: string) => ({ name, version, architecture: 'all', component: 'main' })
    const there = await world.archives.diff(world.workspace, before, { suite: 'stable' })
    assert.deepEqual(there, {
      added: [line('added', '1')],
      removed: [line('removed', '1')],
      changed: [{ name: 'changed', architecture: 'all', component: 'main', from: '1', to: '2' }],
    })
    const back = await world.archives.diff(world.workspace, { suite: 'stable' }, before)
    assert.deepEqual([back.added, back.removed], [there.removed, there.added])
    const none = await world.archives.diff(world.workspace, before, before)
    assert.deepEqual(none, { added: [], removed: [], changed: [] })
  })

  it('a difference of two suites reads only what they do not share', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable')
    await stable.add('hello', '1')
    const testing = await world.suite('testing')
    await world.submit({ kind: 'copy', from: { suite: 'stable' }, suite: 'testing' })
    await testing.add('new', '1')
    const { added, removed, changed } = await world.archives.diff(
      world.workspace,
      { suite: 'stable' },
      { suite: 'testing' },
    )
    assert.deepEqual([added.map((line) => line.name), removed, changed], [['new'], [], []])
  })

  it('the sources of a suite name its address, its components, and sources where it has them', async () => {
    await using world = await archiveWorld(open)
    const stable = await world.suite('stable', { components: ['main', 'contrib'] })
    const sources = async (at?: string) =>
      (await world.archives.sources(world.workspace, { suite: 'stable', at })).split('\n').slice(0, 5)
    const url = `${publicUrl}/apt/local/main`
    const rest = ['Suites: stable', 'Components: main contrib', 'Signed-By:']
    assert.deepEqual(await sources(), ['Types: deb', `URIs: ${url}/`, ...rest])
    await stable.addSource('hello', '1')
    assert.deepEqual(await sources(), ['Types: deb deb-src', `URIs: ${url}/`, ...rest])
    assert.deepEqual(await sources('r1'), ['Types: deb', `URIs: ${url}/snapshot/r1/`, ...rest])
  })
})
