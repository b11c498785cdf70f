/** Updates by themselves: when they are due, by a clock that the test moves; also when upstream fails. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forEachDialect } from '../support/databases.ts'
import { mirrorWorld, type MirrorWorld } from '../support/mirror-world.ts'
import { upstreamMissing } from '../support/upstream.ts'

const skip = (await upstreamMissing()) ?? false
const minute = 60_000_000

interface Scheduled {
  readonly given: MirrorWorld
  readonly errors: unknown[]
  /** Lets time pass, and does what is due then. */
  readonly pass: (minutes: number) => Promise<void>
  /** In how many minutes the next update is due. */
  readonly due: () => Promise<number>
}

forEachDialect((_dialect, openFresh) => {
  async function scheduled(): Promise<Scheduled> {
    let now = Date.UTC(2026, 0, 1) * 1000
    const errors: unknown[] = []
    const given = await mirrorWorld(openFresh, { now: async () => now, onError: (error) => errors.push(error) })
    await given.upstream.deb({ name: 'hello', version: '1.0' })
    await given.upstream.publish()
    await given.mirror({ everySeconds: 3600 })
    return {
      given,
      errors,
      async pass(minutes) {
        now += minutes * minute
        await given.mirrors.runDue()
      },
      async due() {
        const { mirror } = await given.mirrors.show(given.world.workspace, 'up')
        return ((mirror.nextAt ?? 0) - now) / minute
      },
    }
  }

  it('a mirror is updated when it is due, and not before', { skip }, async () => {
    const { given, pass, due } = await scheduled()
    await using _given = given
    await pass(59)
    assert.equal(await given.head(), 0)
    await pass(1)
    assert.deepEqual(await given.packages(), ['hello 1.0'])
    assert.equal(await due(), 60)
    await given.upstream.deb({ name: 'hello', version: '2.0' })
    await given.upstream.publish()
    await pass(30)
    assert.equal(await given.head(), 1)
    await pass(30)
    assert.deepEqual(await given.packages(), ['hello 1.0', 'hello 2.0'])
    await given.mirrors.set(given.world.workspace, 'up', { settings: { everySeconds: 600 } }, null)
    assert.equal(await due(), 10)
  })

  it(
    'one that fails is shown, tried again less and less soon, and goes on when upstream is well',
    { skip },
    async () => {
      const { given, errors, pass, due } = await scheduled()
      await using _given = given
      await pass(60)
      await given.upstream.deb({ name: 'hello', version: '2.0' })
      await given.upstream.publish({ key: await given.upstream.newKey() })
      const waits: number[] = []
      for (let wait = 60; waits.length < 5; wait = waits.at(-1) ?? 0) {
        await pass(wait)
        waits.push(await due())
      }
      assert.deepEqual(waits, [10, 20, 40, 60, 60])
      assert.equal(errors.length, 5)
      const work = (await given.mirrors.show(given.world.workspace, 'up')).mirror.work
      assert.ok(work?.state === 'failed')
      assert.deepEqual([work.code, work.failures], ['signature-invalid', 5])
      assert.match(work.detail, /InRelease is signed by the key/)
      assert.deepEqual(await given.packages(), ['hello 1.0'])
      await given.upstream.publish()
      await pass(60)
      assert.deepEqual(await given.packages(), ['hello 1.0', 'hello 2.0'])
      assert.equal(await due(), 60)
      assert.equal((await given.mirrors.show(given.world.workspace, 'up')).mirror.work?.state, 'done')
      await given.upstream.publish({ key: await given.upstream.newKey() })
      await pass(60)
      assert.equal(await due(), 10)
    },
  )
})
