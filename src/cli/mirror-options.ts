import { type Command, InvalidArgumentError } from 'commander'
import type { MirrorChange } from '../client/client.ts'
import { duration } from './duration.ts'
import { names } from './list-option.ts'
import { parseSize } from './size.ts'
import { wholeNumber } from './suite-settings.ts'

const indexKinds = ['translations', 'contents', 'dep11', 'cnf'] as const
type Index = (typeof indexKinds)[number]

/** What commander makes of the options below; false is what `--no-…` gives. */
export interface MirrorOptions {
  readonly expect?: string | false
  readonly component?: readonly string[] | false
  readonly architecture?: readonly string[] | false
  readonly sources?: boolean
  readonly udebs?: boolean
  readonly filter?: string | false
  readonly withDeps?: boolean
  readonly lazy?: boolean
  readonly index?: readonly Index[]
  readonly language?: readonly string[]
  readonly ignoreValidUntil?: boolean
  readonly every?: number | false
  readonly maxIndex?: number
  readonly maxFile?: number
  readonly maxFetch?: number
  readonly maxPackages?: number
  readonly timeout?: number
}

/** Gives a command the options that say what a mirror takes; `set` can also take each back. */
export function withMirrorOptions(command: Command, purpose: 'create' | 'set'): Command {
  command
    .option('--component <names>', 'only these components, such as main,contrib', names)
    .option('--architecture <names>', 'only these architectures', names)
    .option('--sources', 'source packages too')
    .option('--udebs', 'packages of the Debian installer too')
    .option('--filter <query>', "only packages that match, such as 'Priority (required) | nginx'")
    .option('--with-deps', 'with a filter: what the matching packages depend on too')
    .option('--lazy', 'fetch a file only when it is first asked for')
    .option(
      '--index <kinds>',
      `what to take as it is beside the lists of packages: ${indexKinds.join(', ')}, or none (default: all)`,
      indexes,
    )
    .option('--language <codes>', 'of the translated descriptions (default: en)', names)
    .option('--ignore-valid-until', 'take a Release over that upstream does not renew any more')
    .option('--expect <name>', 'what its Release calls itself, if that is neither the suite nor the codename')
    .option('--every <duration>', 'update by itself, such as every 6h', duration)
    .option('--max-index <size>', 'refuse an update with a larger index (default: 1G)', parseSize)
    .option('--max-file <size>', 'pass over packages with a larger file (default: 20G)', parseSize)
    .option('--max-fetch <size>', 'refuse an update that would fetch more (default: 2T)', parseSize)
    .option('--max-packages <count>', 'refuse indexes with more entries (default: 2000000)', wholeNumber)
    .option('--timeout <duration>', 'end an update that takes longer (default: 1d)', duration)
  if (purpose === 'create') return command
  return command
    .option('--no-component', 'all components that upstream has')
    .option('--no-architecture', 'all architectures that upstream has')
    .option('--no-sources', 'no source packages')
    .option('--no-udebs', 'no packages of the Debian installer')
    .option('--no-filter', 'all packages')
    .option('--no-with-deps', 'only what the filter matches')
    .option('--no-lazy', 'fetch what is new with each update; `mirror fill` fetches the rest')
    .option('--no-ignore-valid-until', 'refuse a Release that upstream does not renew any more')
    .option('--no-expect', 'its Release calls itself by its suite or codename')
    .option('--no-every', 'update only when asked to')
}

/** The settings that are given. */
export function settingsIn(options: MirrorOptions): MirrorChange {
  const { expect, component, architecture, sources, udebs, filter, withDeps, lazy, index, language } = options
  const { ignoreValidUntil, every, maxIndex, maxFile, maxFetch, maxPackages, timeout } = options
  const settings = {
    expects: orNull(expect),
    components: orNull(component),
    architectures: orNull(architecture),
    sources,
    udebs,
    filter: orNull(filter),
    withDeps,
    lazy,
    indexes: index,
    languages: language,
    ignoreValidUntil,
    everySeconds: orNull(every),
    maxIndexBytes: maxIndex,
    maxFileBytes: maxFile,
    maxFetchBytes: maxFetch,
    maxPackages,
    timeoutSeconds: timeout,
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

function orNull<Value>(value: Value | false | undefined): Value | null | undefined {
  return value === false ? null : value
}

function indexes(text: string, before: readonly Index[] = []): Index[] {
  const words = names(text).filter((word) => word !== 'none')
  const kinds = indexKinds.filter((kind) => words.includes(kind))
  if (kinds.length < new Set(words).size) throw new InvalidArgumentError(`It is of ${indexKinds.join(', ')}; or none.`)
  return [...before, ...kinds]
}
