/** A Valid-Until that is renewed in time by itself: the real server and the real apt, on a clock that is moved. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { aptMissing, aptRoot } from '../support/apt-root.ts'
import { makeDeb } from '../support/make-deb.ts'
import { findFaketime, movedClock } from '../support/moved-clock.ts'
import { type Server, serve } from '../support/serve.ts'
import { tamperingProxy } from '../support/tampering-proxy.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { publish } from '../support/upload.ts'
import { eventually } from '../cli/serving.ts'

const faketime = await findFaketime()
const missing = 'missing' in faketime ? faketime.missing : await aptMissing()

test(
  'a suite stays valid for as long as its server runs, and again once it runs again',
  { skip: missing ?? false },
  async () => {
    if (!('library' in faketime)) return
    await using home = await temporaryDirectory()
    const clock = await movedClock(faketime.library, join(home.path, 'clock'))
    await using server = await serve({ home: home.path, env: clock.env })
    await server.workspace.createSuite({ name: 'stable', validUntilDays: 1 })
    const { revision } = await publish(server, 'stable', {
      'one_1.0_all.deb': makeDeb({ name: 'one', version: '1.0' }),
    })
    const first = await inRelease(server)
    let old: Buffer | undefined
    await using proxy = await tamperingProxy(server.url, ({ path }) => (path.endsWith('/InRelease') ? old : undefined))
    await using apt = await aptRoot({ env: clock.env })
    await apt.source((await server.workspace.sources('stable')).replace(server.url, proxy.url))
    assert.equal((await apt.update()).code, 0)

    await clock.move(13)
    const second = await eventually(async () => renewed(await inRelease(server), first))
    assert.equal(validUntil(second) - dateOf(second), 24 * hour)
    assert.ok(validUntil(second) > Date.now() + 36 * hour, second)
    assert.equal(second.slice(second.indexOf('SHA256:'), second.indexOf('-----BEGIN PGP SIG')), digests(first))
    // What the server said at first holds no more for a client that did not come for long; what it says now does.
    await clock.move(26)
    await using guest = await aptRoot({ env: clock.env })
    await guest.source((await server.workspace.sources('stable')).replace(server.url, proxy.url))
    old = Buffer.from(first)
    const expired = await guest.update()
    assert.equal(expired.code, 100, expired.output)
    assert.match(expired.output, /expired/)
    old = undefined
    await eventually(async () => renewed(await inRelease(server), second))
    const late = await apt.update()
    assert.equal(late.code, 0, late.output)
    assert.deepEqual(await apt.available('one'), ['one 1.0'])

    await server.stop()
    await clock.move(30 * 24)
    await using again = await serve({ home: home.path, env: clock.env })
    await apt.source(await again.workspace.sources('stable'))
    const live = await apt.update()
    assert.equal(live.code, 0, live.output)
    await apt.source(await again.workspace.sources('stable', { at: `r${revision}` }))
    const snapshot = await apt.update()
    assert.equal(snapshot.code, 0, snapshot.output)
    assert.deepEqual(await apt.available('one'), ['one 1.0'])
  },
)

const hour = 3_600_000

async function inRelease(server: Server): Promise<string> {
  const ask = (): Promise<Response> => fetch(`${server.apt}dists/stable/InRelease`)
  // When the clock moves, a connection has been idle for too long, and the server closes it.
  return (await ask().catch(ask)).text()
}

function renewed(now: string, before: string): string | undefined {
  return now === before ? undefined : now
}

function digests(text: string): string {
  return text.slice(text.indexOf('SHA256:'), text.indexOf('-----BEGIN PGP SIG'))
}

function dateOf(text: string): number {
  return Date.parse(/^Date: (.*)$/m.exec(text)?.[1] ?? '')
}

function validUntil(text: string): number {
  return Date.parse(/^Valid-Until: (.*)$/m.exec(text)?.[1] ?? '')
}
