/** What a seal and a request ask of SQLite is answered through indexes, however long the history and large the suite. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { archiveWorld, openRooms } from '../../test/support/archive-world.ts'
import { type DialectName, forEachDialect } from '../../test/support/databases.ts'
import { plansOf, recording } from '../../test/support/recorded-statements.ts'
import { translationEntries } from './long-descriptions.ts'
import { itemsAt } from './suite-items.ts'

/** Tables that grow with each revision; of these, a suite's rows of all time are never read. */
const growing = /^(?:SEARCH|SCAN) (?:suite_map|release_index|current|earlier|past) /

function faultsOf(plan: readonly string[]): string[] {
  const isSorted = plan.some((step) => step.startsWith('USE TEMP B-TREE'))
  return plan.filter((step) => {
    // Stores and policies are few, and remembered.
    if (/^SCAN (?:file_store|store_policy)\b/.test(step)) return false
    if (step.startsWith('SCAN ') && step !== 'SCAN CONSTANT ROW') return true
    if (growing.test(step) && step.endsWith('(suite_id=?)')) return true
    // Sorting is for what was found by ids, by names, or by the changes that brought it.
    return (
      isSorted &&
      /^SEARCH (?:item|suite_item) USING INDEX .*\(suite_id=\?(?: AND (?:component|map_kind)=\?)*\)$/.test(step)
    )
  })
}

forEachDialect((dialect: DialectName, open) => {
  // PostgreSQL plans by what its tables hold; what these few rows would show says nothing.
  if (dialect !== 'sqlite') return

  void it('nothing that a change or a request asks reads all of a table, or the history of a suite', async () => {
    await using world = await archiveWorld(open)
    const { database, statements } = recording(world.db)
    await using rooms = await openRooms(database, world.dataDirectory)
    const { archives } = rooms
    const { workspace } = world
    statements.clear()

    const submit = (request: Parameters<typeof archives.submit>[1]) =>
      archives.submit(workspace, request, { userId: null })
    const gate = { installability: 'flag', installabilityWith: ['stable'] } as const
    await submit({ kind: 'suite-create', suite: 'stable', settings: {}, aliases: ['lts'] })
    await submit({
      kind: 'suite-create',
      suite: 'newest',
      settings: { versions: 'newest', translations: true, ...gate },
    })
    const packageId = await world.deb('hello', '1')
    for (const suite of ['stable', 'newest']) await submit({ kind: 'add', suite, packages: [{ packageId }] })
    await submit({
      kind: 'edit',
      suite: 'newest',
      add: [{ packageId: await world.deb('hello', '2') }],
      remove: [packageId],
    })
    await submit({ kind: 'remove', suite: 'stable', packages: [{ name: 'hello' }] })
    await submit({ kind: 'rollback', suite: 'stable', to: 'r3' })
    await submit({ kind: 'copy', suite: 'stable', from: { suite: 'newest' } })
    await submit({ kind: 'copy', suite: 'stable', from: { suite: 'newest', at: 'r4' }, packages: [{ name: 'hello' }] })
    await submit({ kind: 'suite-update', suite: 'stable', settings: { validUntilDays: 3, contents: true } })
    await submit({ kind: 'copy', suite: 'stable', from: { suite: 'newest', at: 'r5' } })
    await submit({ kind: 'alias', name: 'lts', suite: 'newest' })
    await archives.submitBatch(
      workspace,
      [
        { kind: 'suite-create', suite: 'testing', settings: {} },
        { kind: 'add', suite: 'testing', packages: [{ packageId }] },
        { kind: 'copy', suite: 'testing', from: { suite: 'newest' }, packages: [{ name: 'hello' }] },
        { kind: 'copy', suite: 'testing', from: { suite: 'newest', at: 'r4' } },
      ],
      { userId: null, idempotencyKey: 'batch' },
    )
    const filter = { filter: 'Name (% h*)', withDeps: true }
    await archives.preview(workspace, [
      { kind: 'copy', suite: 'testing', from: { suite: 'newest' }, sources: [{ name: 'hello' }] },
      { kind: 'copy', suite: 'stable', from: { suite: 'testing' }, ...filter },
      { kind: 'rollback', suite: 'stable', to: 'r3' },
      { kind: 'add', suite: 'testing', packages: [{ packageId }] },
    ])
    await submit({ kind: 'suite-update', suite: 'newest', settings: { debugSuite: 'testing' } })
    const sources = [{ name: 'hello' }]
    for (const at of [{}, { at: 'r4' }]) {
      await submit({ kind: 'copy', suite: 'stable', from: { suite: 'newest', ...at }, sources })
      await submit({ kind: 'copy', suite: 'stable', from: { suite: 'newest', ...at }, sources, withDeps: true })
    }
    for (const at of [undefined, 'r4']) {
      const ref = { suite: 'stable', at }
      await archives.suites(workspace, at)
      await archives.sources(workspace, ref)
      const page = await archives.packages(workspace, ref, { limit: 1 })
      await archives.packages(workspace, ref, { limit: 1, after: page.next })
      await archives.packages(workspace, ref, { limit: 1, name: 'hello', after: page.next })
      await archives.packages(workspace, ref, { limit: 1, filter: 'Section (misc), $Architecture (amd64)' })
      await archives.checkInstallability(workspace, ref, { with: ['newest'], limit: 1 })
      await archives.diff(workspace, ref, { suite: 'stable', at: 'r3' })
    }
    await archives.history(workspace, 'stable', { limit: 5, before: 9 })
    await archives.snapshots(workspace, 5)
    for (const path of ['dists/lts/InRelease', 'dists/stable/main/binary-amd64/Packages.xz', 'archive-key.asc']) {
      for (const below of ['', 'snapshot/r4/']) await archives.resolve(workspace, below + path)
    }
    await archives.resolve(workspace, 'pool/main/h/hello/hello_1_all.deb')
    // As a repair reads them.
    const { id: suiteId } = await world.db.read
      .selectFrom('suite')
      .select('id')
      .where('name', '=', 'newest')
      .executeTakeFirstOrThrow()
    const view = { items: () => itemsAt(database.read, 4), without: new Set<number>() }
    const past = { suiteId, settings: { translations: true }, view }
    const range = { from: 'h', to: 'i' }
    assert.equal((await Array.fromAsync(translationEntries(past, 'main', range))).length, 1)

    assert.ok(statements.size > 60)
    const wrong: Record<string, string[]> = {}
    // Of an insertion the plan shows its own values and the references that are checked.
    const asked = [...statements].filter((one) => !one.startsWith('insert '))
    for (const [statement, plan] of plansOf(world.databaseUrl, asked)) {
      if (faultsOf(plan).length > 0) wrong[statement] = plan
    }
    assert.deepEqual(wrong, {})
  })
})
