/** Several servers on one archive: what they are given to do, and what they must agree on. */
import assert from 'node:assert/strict'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb } from '../support/make-deb.ts'
import type { Server } from '../support/serve.ts'
import { publish } from '../support/upload.ts'
import { isGone } from './kill-walk.ts'

/** Uploads `name-0`, `name-1` …; gives what was acknowledged, with the revision of each. */
export async function uploadSeries(
  server: Server,
  name: string,
  count: number,
  onAcknowledged: () => void = () => {},
): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>()
  for (let i = 0; i < count; i += 1) {
    const each = `${name}-${i}`
    try {
      const files = { [`${each}_1.0_all.deb`]: makeDeb({ name: each, version: '1.0' }) }
      const { revision } = await publish(server, 'stable', files, { key: each })
      acknowledged.set(each, revision)
      onAcknowledged()
    } catch (error) {
      if (!isGone(error)) throw error
      return acknowledged
    }
  }
  return acknowledged
}

/** Nothing that was acknowledged is missing, each server says the same, and each number is one state. */
export async function proveSame(
  uploaded: readonly ReadonlyMap<string, number>[],
  servers: readonly Server[],
): Promise<void> {
  const [first] = servers
  assert.ok(first !== undefined)
  const expected = uploaded.flatMap((map) => [...map])
  for (const server of servers) {
    const { packages } = await checkSuite(server.apt, 'stable')
    const missing = expected.filter(([name]) => !packages.includes(`${name} 1.0 all`))
    assert.deepEqual(missing, [])
    const page = await server.workspace.packages('stable', { limit: 1000 })
    assert.deepEqual(
      page.packages.map((each) => `${each.name} ${each.version} ${each.architecture}`).toSorted(),
      packages,
    )
  }
  const { revision: head } = await first.workspace.suite('stable')
  const releases = new Set<string>()
  for (let number = 1; number <= head; number += 1) {
    const texts = await Promise.all(servers.map(async (server) => releaseOf(server, number)))
    assert.ok(
      texts.every((text) => text === texts[0]),
      `r${number} differs from server to server`,
    )
    releases.add(texts[0] ?? '')
  }
  assert.equal(releases.size, head)
  for (const [name, revision] of expected.filter((_, i) => i % 7 === 0)) {
    const { packages } = await checkSuite(`${first.apt}snapshot/r${revision}/`, 'stable')
    assert.ok(packages.includes(`${name} 1.0 all`), `${name} was acknowledged in r${revision}`)
  }
}

async function releaseOf(server: Server, number: number): Promise<string> {
  const answer = await fetch(`${server.apt}snapshot/r${number}/dists/stable/InRelease`)
  assert.equal(answer.status, 200, `r${number}`)
  return answer.text()
}
