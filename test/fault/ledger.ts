/**
 * What a server has acknowledged, kept by the one who asked: changes of every kind, asked for one after the other,
 * and after each crash the proof that all of them, and no half of the one under way, are there.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { SealedBatch, SealedChange } from '../../src/client/client.ts'
import { checkSuite } from '../support/check-archive.ts'
import { makeDeb, makeSource } from '../support/make-deb.ts'
import type { Server } from '../support/serve.ts'
import { publish } from '../support/upload.ts'

/** One change; the key makes that it happens once, however often it is asked for. */
interface Step {
  readonly ask: (server: Server, key: string) => Promise<SealedChange | SealedBatch>
  /** What the suite `stable` holds after it. */
  readonly after: ReadonlySet<string>
  readonly newSuite?: string
  /** What another suite holds after it, and holds nothing of before: both suites change, or none does. */
  readonly elsewhere?: { readonly suite: string; readonly holds: string }
  readonly key: string
}

export class Ledger {
  readonly #withBatches: boolean
  readonly #proven = new Set<string>()
  readonly #trials: string[] = []
  #holds: ReadonlySet<string> = new Set()
  #head = 0
  #checkedHead = 0
  #round = 0
  #underWay: Step | undefined

  /** @param options.withBatches whether each round has a change of two suites too */
  constructor(options: { readonly withBatches: boolean }) {
    this.#withBatches = options.withBatches
  }

  /** The suite that the rounds work on. */
  async begin(server: Server): Promise<void> {
    const { revision } = await server.workspace.createSuite({ name: 'stable' })
    this.#head = revision
  }

  /** Proves the state that a crash has left, and asks again for the change whose answer was lost. */
  async settle(server: Server): Promise<void> {
    const step = this.#underWay
    const allowed = step === undefined ? [this.#holds] : [this.#holds, step.after]
    const found = await this.#check(server)
    assert.ok(
      allowed.some((state) => same(state, found)),
      `after the crash there is ${[...found].join(', ')}; acknowledged was ${[...this.#holds].join(', ')}`,
    )
    if (step === undefined) return
    await this.#checkElsewhere(server, step, same(step.after, found))
    await this.#take(server, step)
  }

  /** All kinds of changes, each on what the one before has left. */
  async round(server: Server): Promise<void> {
    this.#round += 1
    const k = this.#round
    const deb = { [`deb${k}_1.0_all.deb`]: makeDeb({ name: `deb${k}`, version: '1.0' }) }
    const before = this.#holds
    const withDeb = new Set([...before, `deb${k} 1.0 all`])
    const withSource = new Set([...withDeb, `src${k} 1.0 source`])
    const withoutDeb = new Set([...withSource].filter((each) => each !== `deb${k} 1.0 all`))
    const withoutSource = new Set([...withoutDeb].filter((each) => each !== `src${k} 1.0 source`))
    let full = 0
    const steps: Omit<Step, 'key'>[] = [
      {
        ask: (to, key) => to.workspace.createSuite({ name: `trial${k}` }, { idempotencyKey: key }),
        after: before,
        newSuite: `trial${k}`,
      },
      { ask: (to, key) => publish(to, 'stable', deb, { key }), after: withDeb },
      {
        ask: (to, key) => publish(to, 'stable', makeSource({ name: `src${k}`, version: '1.0' }), { key }),
        after: withSource,
      },
      {
        ask: (to, key) => to.workspace.removePackages('stable', [{ name: `deb${k}` }], { idempotencyKey: key }),
        after: withoutDeb,
      },
      {
        ask: (to, key) =>
          to.workspace.changeSuites(
            [
              { kind: 'copy', suite: `trial${k}`, from: 'stable', packages: [{ name: `src${k}` }] },
              { kind: 'remove', suite: 'stable', packages: [{ name: `src${k}` }] },
            ],
            { idempotencyKey: key },
          ),
        after: withoutSource,
        elsewhere: { suite: `trial${k}`, holds: `src${k} 1.0` },
      },
      { ask: (to, key) => to.workspace.rollBack('stable', `r${full}`, { idempotencyKey: key }), after: withSource },
    ]
    for (const [index, step] of steps.entries()) {
      if (step.elsewhere !== undefined && !this.#withBatches) continue
      if (index === 3) full = this.#head
      await this.#take(server, { ...step, key: digestOf(`${k}-${index}`) })
    }
  }

  /** The suites, and revisions from all of the time, down to their packages. */
  async proveAll(server: Server): Promise<void> {
    assert.deepEqual(await this.#check(server), new Set([...this.#holds].toSorted()))
    for (const suite of this.#trials) await checkSuite(server.apt, suite)
    for (let number = 1; number <= this.#head; number += 3) {
      await checkSuite(`${server.apt}snapshot/r${number}/`, 'stable', { proven: this.#proven })
    }
  }

  async #take(server: Server, step: Step): Promise<void> {
    this.#underWay = step
    const change = await step.ask(server, step.key)
    // One after the other: no number is left out, none is used twice, and a repeated request seals nothing.
    assert.equal(change.revision, this.#head + 1)
    this.#head = change.revision
    this.#holds = step.after
    if (step.newSuite !== undefined) this.#trials.push(step.newSuite)
    this.#underWay = undefined
    await this.#checkElsewhere(server, step, true)
  }

  async #checkElsewhere(server: Server, { elsewhere }: Step, isDone: boolean): Promise<void> {
    if (elsewhere === undefined) return
    const { packages } = await server.workspace.packages(elsewhere.suite, { limit: 1000 })
    const held = packages.map((each) => `${each.name} ${each.version}`)
    assert.deepEqual(held, isDone ? [elsewhere.holds] : [], `${elsewhere.suite} and stable changed as one`)
  }

  /** The packages of the suite, from verified indexes that agree with the members; proves the revisions on the way. */
  async #check(server: Server): Promise<Set<string>> {
    for (;;) {
      const head = await this.#headOf(server)
      const { packages } = await checkSuite(server.apt, 'stable', { proven: this.#proven })
      const { packages: members } = await server.workspace.packages('stable', { limit: 1000 })
      // What waited when the crash came is sealed by itself some time after the start.
      if ((await this.#headOf(server)) !== head) continue
      const lines = members.map((each) => `${each.name} ${each.version} ${each.architecture}`)
      assert.deepEqual(lines.toSorted(), packages)
      await this.#checkRevisions(server, head)
      return new Set(packages)
    }
  }

  async #headOf(server: Server): Promise<number> {
    const suites = await server.workspace.suites()
    return Math.max(...suites.map((suite) => suite.revision))
  }

  async #checkRevisions(server: Server, head: number): Promise<void> {
    assert.ok(head === this.#head || (this.#underWay !== undefined && head === this.#head + 1), `r${head}`)
    for (let number = this.#checkedHead + 1; number <= head + 1; number += 1) {
      const answer = await fetch(`${server.apt}snapshot/r${number}/dists/stable/InRelease`)
      await answer.arrayBuffer()
      if (number <= head) assert.equal(answer.status, 200, `r${number} of r${head}`)
      else if ((await this.#headOf(server)) === head) assert.equal(answer.status, 404, `r${number} of r${head}`)
    }
    this.#checkedHead = head
  }
}

function same(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && one.isSubsetOf(other)
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
