/** Brings the states of an old repository into suites: each of them as one change of all suites that it is about. */
import type { BatchStep, SealedBatch, WorkspaceClient } from '../client/client.ts'
import type { OldGroup, OldPackage, OldState } from '../import/old-repository.ts'
import { type Content, contentOf, type Difference, differenceOf, type Held, isNothing } from './import-content.ts'

/** How the packages of an old repository are known here. */
export interface Brought {
  readonly packages: readonly OldPackage[]
  /** SHA-256 of the .deb or .dsc of each. */
  readonly digests: readonly string[]
  /** Artifact of each. */
  readonly artifacts: readonly number[]
  /** Whom each is recorded for; undefined for who asks. */
  readonly recordedFor: (index: number) => string | undefined
}

/** The suites as they are while states are brought. */
export class SuitesOnTheWay {
  readonly #workspace: WorkspaceClient
  readonly #brought: Brought
  readonly #held: Map<string, Content>
  readonly #onLoss: (sentence: string) => void

  constructor(
    workspace: WorkspaceClient,
    brought: Brought,
    /** What each suite holds. */
    held: ReadonlyMap<string, Content>,
    onLoss: (sentence: string) => void,
  ) {
    this.#workspace = workspace
    this.#brought = brought
    this.#held = new Map(held)
    this.#onLoss = onLoss
  }

  /** Whether a state is what the suites hold already. */
  holds(suites: OldState['suites']): boolean {
    return this.#differences(suites).every(({ difference }) => isNothing(difference))
  }

  /** Makes the suites what they held in a state. Also if they hold that already: then the key tells that it is done. */
  async bring(suites: OldState['suites'], idempotencyKey: string): Promise<SealedBatch> {
    const differences = this.#differences(suites)
    const steps = differences.flatMap(({ suite, difference }) => this.#stepsFor(suite, difference))
    const recordedFor = this.#onlyUploader(differences.flatMap(({ difference }) => difference.add))
    const sealed = await this.#workspace.changeSuites(steps, { idempotencyKey, recordedFor })
    for (const { suite, wanted } of differences) this.#held.set(suite, withOwnPlaces(wanted, this.#held.get(suite)))
    return sealed
  }

  #differences(suites: OldState['suites']) {
    return [...suites].map(([suite, groups]) => {
      const wanted = this.#contentOf(suite, groups)
      return { suite, wanted, difference: differenceOf(this.#held.get(suite) ?? new Map<string, Held>(), wanted) }
    })
  }

  #contentOf(suite: string, groups: readonly OldGroup[]) {
    const { packages, digests } = this.#brought
    return contentOf(packages, groups, digests, (sentence) => this.#onLoss(`${suite}: ${sentence}`))
  }

  /** A step that changes nothing is a record of the state all the same. */
  #stepsFor(suite: string, { remove, add }: Difference): BatchStep[] {
    const removal: BatchStep[] = remove.length === 0 ? [] : [{ kind: 'remove', suite, packages: remove }]
    const additions = add.map(({ packages, ...place }) => ({
      ...place,
      artifacts: packages.map((index) => this.#brought.artifacts[index] ?? 0),
    }))
    return [...removal, { kind: 'edit', suite, add: additions, onPoolConflict: 'second-path' }]
  }

  /** Of a state whose packages all were brought by one, it is said to be theirs. */
  #onlyUploader(added: Difference['add']): string | undefined {
    const users = new Set(added.flatMap(({ packages }) => packages.map((index) => this.#brought.recordedFor(index))))
    const [user] = users
    return users.size === 1 ? user : undefined
  }
}

/** What no group says of section and priority is what the suite says. */
function withOwnPlaces(wanted: Content, before: Content | undefined): Content {
  const content = new Map<string, Held>()
  for (const [digest, held] of wanted) {
    const own = before?.get(digest)
    content.set(digest, { ...held, section: held.section ?? own?.section, priority: held.priority ?? own?.priority })
  }
  return content
}
