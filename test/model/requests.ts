/** What is asked of the archive: arbitrary numbers, read against the state of the moment so that most of it hits. */
import * as fc from 'fast-check'
import type {
  ChangeRequest,
  PackagePlacement,
  PackageSelector,
  StepRequest,
  SuiteSettingsInput,
} from '../../src/archive/archives.ts'
import { defaultSettings, withSettings } from '../../src/archive/settings.ts'
import { find, type NaiveState } from './naive-archive.ts'
import type { ModelPackage } from './universe.ts'

export interface Wish {
  readonly kind:
    | 'add'
    | 'remove'
    | 'edit'
    | 'copy'
    | 'rollback'
    | 'alias'
    | 'suite-update'
    | 'suite-create'
    | 'together'
    | 'batch'
  readonly numbers: readonly number[]
}

const kinds: { readonly arbitrary: fc.Arbitrary<Wish['kind']>; readonly weight: number }[] = [
  { arbitrary: fc.constant('add'), weight: 10 },
  { arbitrary: fc.constant('remove'), weight: 4 },
  { arbitrary: fc.constant('edit'), weight: 4 },
  { arbitrary: fc.constant('copy'), weight: 4 },
  { arbitrary: fc.constant('rollback'), weight: 2 },
  { arbitrary: fc.constant('alias'), weight: 2 },
  { arbitrary: fc.constant('suite-update'), weight: 2 },
  { arbitrary: fc.constant('suite-create'), weight: 1 },
  { arbitrary: fc.constant('together'), weight: 2 },
  { arbitrary: fc.constant('batch'), weight: 8 },
]

export const wishes: fc.Arbitrary<Wish[]> = fc.array(
  fc.record({
    kind: fc.oneof(...kinds),
    numbers: fc.array(fc.nat(9999), { minLength: 24, maxLength: 24 }),
  }),
  { minLength: 8, maxLength: 16 },
)

const names = ['stable', 'testing', 'stable/main', 'lts', 'next']

const settings: SuiteSettingsInput[] = [
  { versions: 'newest' },
  { versions: 'all' },
  { components: ['main', 'contrib'] },
  { components: ['contrib', 'extra', 'main'] },
  { components: ['main'] },
  { architectures: ['amd64'] },
  { architectures: ['s390x', 'arm64', 'amd64'] },
  { label: 'A label: with a colon', description: 'Words' },
  { validUntilDays: 7 },
  { validUntilDays: null },
  { frozen: true },
  { contents: true },
  { pdiffs: 2 },
  { pdiffs: 5 },
  { pdiffs: 0 },
  { contents: false },
  { architectureAll: 'separate' },
  { architectureAll: 'merged' },
  { debugSuite: 'testing' },
  { debugSuite: 'lts' },
  { debugSuite: null },
  { translations: true },
  { translations: false },
]

const stepKinds = ['add', 'remove', 'edit', 'copy', 'copy', 'rollback', 'alias', 'suite-update'] as const

/** Steps of a batch; every third batch first makes a suite, which the others then may mean. */
function stepsOf(wish: Wish, state: NaiveState, packages: readonly ModelPackage[], head: number): StepRequest[] {
  const steps: StepRequest[] = []
  const suites = new Map(state.suites)
  const [start = 0, count = 0, ...numbers] = wish.numbers
  const add = (kind: Wish['kind'], i: number): void => {
    const turned = [...numbers.slice(5 * i), ...numbers.slice(0, 5 * i)]
    for (const step of requestsOf({ kind, numbers: turned }, { ...state, suites }, packages, head)) {
      if (step.kind === 'batch') continue
      steps.push(step)
      if (step.kind !== 'suite-create' || suites.has(step.suite)) continue
      suites.set(step.suite, { settings: withSettings(defaultSettings(step.suite), step.settings), items: [] })
    }
  }
  if (start % 3 === 0) add('suite-create', 0)
  for (let i = 1; i <= 1 + (count % 4); i += 1) add(stepKinds[(numbers[i] ?? 0) % stepKinds.length] ?? 'add', i)
  return steps
}

/** One request, or several to be made at the same time. */
export function requestsOf(
  wish: Wish,
  state: NaiveState,
  packages: readonly ModelPackage[],
  head: number,
): ChangeRequest[] {
  let next = 0
  const number = (): number => wish.numbers[next++ % wish.numbers.length] ?? 0
  const pick = <T>(from: readonly T[]): T | undefined => from[number() % Math.max(from.length, 1)]
  const isOneIn = (n: number): boolean => number() % n === 0

  const known = [...state.suites.keys(), ...state.aliases.keys()]
  const suiteName = (): string => (isOneIn(40) ? 'unknown' : (pick(known) ?? 'unknown'))
  const at = (): string => `r${isOneIn(30) ? head + 1 : number() % (head + 1)}`
  const placement = (pkg: ModelPackage | undefined): PackagePlacement => ({
    packageId: pkg?.id ?? 0,
    ...(isOneIn(5) ? { component: pick(['main', 'contrib', 'extra']) ?? 'main' } : {}),
    ...(isOneIn(6) ? { section: pick(['net', 'contrib/admin']) ?? 'net' } : {}),
    ...(isOneIn(6) ? { priority: pick(['required', 'extra']) ?? 'extra' } : {}),
  })
  const several = (): PackagePlacement[] => Array.from({ length: 1 + (number() % 5) }, () => placement(pick(packages)))
  const selectors = (suite: string): PackageSelector[] => {
    const items = state.suites.has(suite) || state.aliases.has(suite) ? find(state, suite).suite.items : []
    return Array.from({ length: 1 + (number() % 2) }, () => {
      const pkg = pick(items)?.pkg
      return {
        name: isOneIn(20) ? 'absent' : (pkg?.name ?? 'absent'),
        ...(isOneIn(3) && pkg !== undefined ? { version: pkg.version } : {}),
        ...(isOneIn(3) && pkg !== undefined ? { architecture: pkg.architecture } : {}),
      }
    })
  }
  const sources = (): { name: string; version?: string }[] => {
    const { source, sourceVersion } = pick(packages) ?? { source: 'absent', sourceVersion: '1' }
    return [{ name: source, ...(isOneIn(2) ? { version: sourceVersion } : {}) }]
  }
  const conflict = (): { onPoolConflict?: 'second-path' } => (isOneIn(2) ? { onPoolConflict: 'second-path' } : {})

  const suite = suiteName()
  /** A frozen suite does not stay so for long, or nothing more would happen to it. */
  const thawing = (): { frozen?: false } =>
    suite !== 'unknown' && find(state, suite).suite.settings.frozen && !isOneIn(4) ? { frozen: false } : {}
  switch (wish.kind) {
    case 'add':
      return [{ kind: 'add', suite, packages: several(), ...conflict() }]
    case 'remove':
      return [{ kind: 'remove', suite, packages: selectors(suite) }]
    case 'edit': {
      const items = suite === 'unknown' ? [] : find(state, suite).suite.items
      const remove = Array.from({ length: number() % 3 }, () => pick(items)?.pkg.id ?? 0)
      return [{ kind: 'edit', suite, add: isOneIn(4) ? [] : several(), remove, ...conflict() }]
    }
    case 'copy': {
      const from = { suite: suiteName(), ...(isOneIn(2) ? { at: at() } : {}) }
      const packages = isOneIn(3) ? {} : { packages: selectors(from.suite) }
      return [{ kind: 'copy', suite, from, ...packages, ...(isOneIn(3) ? { sources: sources() } : {}) }]
    }
    case 'rollback':
      return [{ kind: 'rollback', suite, to: at() }]
    case 'alias':
      return [{ kind: 'alias', name: pick(names) ?? 'lts', suite: isOneIn(5) ? null : suite }]
    case 'suite-update':
      return [{ kind: 'suite-update', suite, settings: { ...pick(settings), ...pick(settings), ...thawing() } }]
    case 'suite-create':
      return [
        {
          kind: 'suite-create',
          suite: pick(names) ?? 'stable',
          settings: pick(settings) ?? {},
          aliases: isOneIn(3) ? ['lts'] : [],
        },
      ]
    case 'batch':
      return [{ kind: 'batch', steps: stepsOf(wish, state, packages, head) }]
    case 'together':
      // Such as succeed in any order: none of them changes what another means.
      return Array.from({ length: 4 }, () => ({
        kind: 'add',
        suite: pick([...state.suites].filter(([, one]) => one.settings.versions === 'all'))?.[0] ?? 'unknown',
        packages: [
          { packageId: pick(packages.filter((one) => one.name.length <= 6 && one.name.includes('-')))?.id ?? 0 },
        ],
      }))
  }
}
