import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { faultsFrom, noFaults } from './faults.ts'

test('without a specification every point passes', async () => {
  assert.equal(faultsFrom(undefined), noFaults)
  assert.equal(faultsFrom(''), noFaults)
  await noFaults.reach('seal.pack')
})

test('a fault strikes the named time its point is reached, once', async () => {
  const faults = faultsFrom('spool.write:enospc:2')
  await faults.reach('spool.write')
  await faults.reach('store.move')
  await assert.rejects(faults.reach('spool.write'), { code: 'ENOSPC' })
  await faults.reach('spool.write')
})

test('a fault with + strikes every later time too', async () => {
  const faults = faultsFrom('store.move:eio:2+')
  await faults.reach('store.move')
  await assert.rejects(faults.reach('store.move'), { code: 'EIO' })
  await assert.rejects(faults.reach('store.move'), { code: 'EIO' })
})

test('several faults are separated by commas', async () => {
  const faults = faultsFrom('store.move:eio:1,seal.sign:enospc:1')
  await assert.rejects(faults.reach('seal.sign'), { code: 'ENOSPC' })
  await assert.rejects(faults.reach('store.move'), { code: 'EIO' })
})

test('kill ends the process by SIGKILL before anything else happens', () => {
  const script = `
    import { faultsFrom } from ${JSON.stringify(new URL('faults.ts', import.meta.url).href)}
    const faults = faultsFrom('seal.pack:kill:1')
    await faults.reach('seal.pack')
    console.log('survived')`
  const result = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  assert.equal(result.signal, 'SIGKILL')
  assert.equal(result.stdout, '')
})

for (const wrong of ['seal.pack', 'seal.pakc:kill:1', 'seal.pack:stop:1', 'seal.pack:kill:0', 'seal.pack:kill:1,']) {
  test(`a specification that would inject nothing is refused: ${wrong}`, () => {
    assert.throws(() => faultsFrom(wrong), /ASHLAR_FAULT/)
  })
}
