import { Command, InvalidArgumentError } from 'commander'
import type { Policy, PolicyWish, StoreInfo } from '../client/client.ts'
import { AshlarError } from '../common/errors.ts'
import type { Outcome } from './outcome.ts'
import { inSession, type Session } from './session.ts'
import { type OrNone, orNull, sizeOrNone } from './size.ts'
import { policyText } from './store-text.ts'
import { listing } from './table.ts'

/** What commander makes of the options of a policy. */
export interface PolicyOptions {
  readonly uploadPriority?: OrNone
  readonly downloadPriority?: OrNone
  readonly populate?: boolean
  readonly drain?: boolean
  readonly drainTo?: string
  readonly readOnly?: boolean
  readonly writeOnly?: boolean
}

interface PolicyCommandOptions extends PolicyOptions {
  readonly scope?: string
  readonly softMax?: OrNone
  readonly unset?: true
}

export function withPolicyOptions(command: Command): Command {
  return command
    .option(
      '--upload-priority <n>',
      'uploads go to the store with the highest one that has room; none: none go there',
      priority,
    )
    .option('--download-priority <n>', 'downloads come from the store with the highest one that has the file', priority)
    .option('--populate', 'keep a copy of everything there')
    .option('--no-populate', 'keep no copies there for their own sake')
    .option('--drain', 'move everything out')
    .option('--no-drain', 'leave what is there')
    .option('--drain-to <store>', 'move everything out, to this store rather than to where uploads go')
    .option('--read-only', 'put nothing there')
    .option('--no-read-only', 'files may be put there')
    .option('--write-only', 'never read from there')
    .option('--no-write-only', 'read from there too')
}

/** The parts of a policy that are named. */
export function policyWish(options: PolicyOptions): PolicyWish {
  const { uploadPriority, downloadPriority, populate, drain, drainTo, readOnly, writeOnly } = options
  if (drainTo !== undefined && drain === false) {
    throw new AshlarError('usage', '--drain-to and --no-drain contradict each other.')
  }
  const drained = drainTo !== undefined ? { drain: true, drainTo } : drain === undefined ? {} : { drain, drainTo: null }
  const members = { populate, readOnly, writeOnly }
  return {
    ...drained,
    ...orNull({ uploadPriority, downloadPriority }),
    ...Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)),
  }
}

/** `ashlar store policy`: how scopes use a store. */
export function policyCommand(): Command {
  return withPolicyOptions(
    new Command('policy').description('say how scopes use a store; without options, show it').argument('<store>'),
  )
    .option('--soft-max <size>', 'a vacuum moves files of the scope out above this size; or none', sizeOrNone)
    .option('--scope <scope>', 'for this scope only (default: every scope without a policy of its own)')
    .option('--unset', 'take the policy back')
    .action(async (name: string, options: PolicyCommandOptions, command: Command) =>
      inSession(command, async (session) => await performPolicy(session, name, options)),
    )
}

async function performPolicy({ client }: Session, name: string, options: PolicyCommandOptions): Promise<Outcome> {
  const scope = options.scope ?? null
  const wish = { ...policyWish(options), ...orNull({ softMaxBytes: options.softMax }) }
  const isNamed = Object.keys(wish).length > 0
  if (options.unset === true) {
    if (isNamed) throw new AshlarError('usage', '--unset takes the whole policy back; name nothing else.')
    await client.stores.unsetPolicy(name, scope)
    return { document: { store: name, scope, unset: true }, text: `${whose(scope)} for ${name} is taken back.` }
  }
  const store = await client.stores.show(name)
  if (!isNamed) return shown(store, options.scope)
  const policy = await client.stores.setPolicy(name, scope, { ...currentOf(store, scope), ...wish })
  return { document: { store: name, ...policy }, text: `${whose(scope)} for ${name}: ${policyText(policy)}.` }
}

/** What holds for the scope now, without the name of whom it was set for. */
function currentOf(store: StoreInfo, scope: string | null): PolicyWish {
  const found = policyFor(store, scope) ?? policyFor(store, null)
  if (found === undefined) return {}
  const { scope: _scope, ...policy } = found
  return policy
}

function policyFor(store: StoreInfo, scope: string | null): Policy | undefined {
  return store.policies.find((policy) => policy.scope === scope)
}

function shown(store: StoreInfo, scope: string | undefined): Outcome {
  const policies = scope === undefined ? store.policies : store.policies.filter((policy) => policy.scope === scope)
  const nothing =
    scope === undefined
      ? `Nothing is said of ${store.name}, so nothing is put there.`
      : `The scope ${scope} has no policy of its own for ${store.name}.`
  const lines = policies.map((policy): [string, string] => [policy.scope ?? 'every scope', policyText(policy)])
  return { document: { store: store.name, policies }, text: lines.length === 0 ? nothing : listing(lines) }
}

function whose(scope: string | null): string {
  return scope === null ? 'The policy of every scope' : `The policy of the scope ${scope}`
}

function priority(text: string): OrNone {
  if (text === 'none') return text
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number, or none.')
  return Number(text)
}
