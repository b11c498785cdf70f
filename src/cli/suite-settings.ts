import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import type { SuiteSettings } from '../client/client.ts'
import { endOf } from './duration.ts'
import { names } from './list-option.ts'

/** What commander makes of the options below. */
interface SettingOptions {
  readonly suiteField?: string
  readonly codename?: string
  readonly origin?: string
  readonly label?: string
  readonly description?: string
  readonly component?: string[]
  readonly architecture?: string[]
  readonly architectureAll?: 'merged' | 'separate'
  readonly versions?: 'all' | 'newest'
  readonly notAutomatic?: boolean
  readonly butAutomaticUpgrades?: boolean
  readonly validUntilDays?: number | 'never'
  readonly contents?: boolean
  readonly translations?: boolean
  readonly debugSuite?: string
  readonly installability?: 'off' | 'flag' | 'refuse'
  readonly installabilityWith?: string[]
  readonly keyring?: string[]
  readonly signedUploads?: boolean
  readonly signatureSuffices?: boolean
  readonly refuseLowerVersions?: boolean
  readonly pdiffs?: number
}

/** Gives a command the options that shape a suite and its Release. */
export function withSettingOptions(command: Command): Command {
  return command
    .option('--suite-field <name>', 'the Suite field of its Release (default: the name)')
    .option('--codename <name>', 'the Codename field of its Release (default: the name)')
    .option('--origin <text>', 'the Origin field of its Release')
    .option('--label <text>', 'the Label field of its Release')
    .option('--description <text>', 'the Description field of its Release')
    .option('--component <names>', 'its components, such as main,contrib; the first takes what names none', names)
    .option('--architecture <names>', 'architectures to list even while no package has them', names)
    .addOption(
      new Option('--architecture-all <how>', 'separate: list packages for all architectures in binary-all too').choices(
        ['merged', 'separate'],
      ),
    )
    .addOption(new Option('--versions <which>', 'the versions of a package it keeps').choices(['all', 'newest']))
    .option('--not-automatic', 'apt installs from it only when asked to')
    .option('--no-not-automatic', 'apt installs from it as from any other')
    .option('--but-automatic-upgrades', 'with --not-automatic: apt upgrades what was installed from it')
    .option('--no-but-automatic-upgrades', 'apt does not upgrade from it by itself')
    .option(
      '--valid-until-days <days>',
      'after how many days apt distrusts a Release not renewed, or never',
      daysOrNever,
    )
    .option('--contents', 'it has Contents indexes, from which apt-file tells the package of a file')
    .option('--no-contents', 'it has none')
    .option('--translations', 'it has the long descriptions in Translation-en, apart from Packages')
    .option('--no-translations', 'it has them in Packages')
    .option(
      '--debug-suite <suite>',
      'where debug symbols (-dbgsym) uploaded or copied to it go, or none: beside its packages',
    )
    .addOption(
      new Option('--installability <what>', 'what happens to a change that leaves a package uninstallable').choices([
        'off',
        'flag',
        'refuse',
      ]),
    )
    .option('--installability-with <suites>', 'suites from which what packages need may come', names)
    .option('--keyring <names>', 'keyrings of the workspace whose keys may sign uploads to it', names)
    .option('--signed-uploads', 'packages come in only by uploads that such a key has signed')
    .option('--no-signed-uploads', 'packages come in with a token, signed or not')
    .option('--signature-suffices', 'who signs an upload with such a key needs no token')
    .option('--no-signature-suffices', 'an upload needs a token')
    .option('--refuse-lower-versions', 'refuse packages of which the suite has a higher version')
    .option('--no-refuse-lower-versions', 'take packages whatever their version')
    .option(
      '--pdiffs <number>',
      'of how many last changes apt may fetch patches instead of an index (0: none)',
      wholeNumber,
    )
}

export function settingsFrom(options: SettingOptions): SuiteSettings {
  const { suiteField, codename, origin, label, description, component, architecture } = options
  const { architectureAll, versions, notAutomatic, butAutomaticUpgrades, validUntilDays, contents, pdiffs } = options
  const { translations, debugSuite, keyring, signedUploads, signatureSuffices, refuseLowerVersions } = options
  return Object.fromEntries(
    Object.entries({
      suite: suiteField,
      codename,
      origin,
      label,
      description,
      components: component,
      architectures: architecture,
      architectureAll,
      versions,
      notAutomatic,
      butAutomaticUpgrades,
      validUntilDays: validUntilDays === undefined ? undefined : endOf(validUntilDays),
      contents,
      translations,
      debugSuite: debugSuite === 'none' ? null : debugSuite,
      keyrings: keyring,
      signedUploads,
      signatureSuffices,
      refuseLowerVersions,
      pdiffs,
      installability: options.installability,
      installabilityWith: options.installabilityWith,
    }).filter(([, value]) => value !== undefined),
  )
}

/** The options that were given, as they are typed: `--component, --no-contents`. */
export function optionsGiven(command: Command): string {
  return command.options
    .filter((option) => {
      const name = option.attributeName()
      const isNo = command.getOptionValue(name) === false
      return command.getOptionValueSource(name) === 'cli' && option.negate === isNo
    })
    .map(({ long }) => long)
    .join(', ')
}

/** The settings as people read them. */
export function settingLines(settings: SuiteSettings): [string, string][] {
  const pinning = settings.butAutomaticUpgrades === true ? 'not automatic, but automatic upgrades' : 'not automatic'
  return [
    ['Codename', settings.codename ?? ''],
    ['Origin', settings.origin ?? ''],
    ['Label', settings.label ?? ''],
    ['Description', settings.description ?? ''],
    ['For all', settings.architectureAll === 'separate' ? 'also in binary-all' : ''],
    ['Versions', settings.versions ?? ''],
    ['Pinning', settings.notAutomatic === true ? pinning : ''],
    ['Frozen', settings.frozen === true ? 'yes: nothing comes in or goes out' : ''],
    ['Keyrings', (settings.keyrings ?? []).join(', ')],
    ['Uploads', uploadText(settings)],
    ['Lower versions', settings.refuseLowerVersions === true ? 'refused' : ''],
    ['Valid for', typeof settings.validUntilDays === 'number' ? `${settings.validUntilDays} days` : ''],
    ['Contents', settings.contents === true ? 'yes' : ''],
    ['Debug symbols', settings.debugSuite ?? ''],
    ['Translations', settings.translations === true ? 'long descriptions apart' : ''],
    ['Installability', installabilityText(settings)],
    ['Patches', settings.pdiffs === undefined || settings.pdiffs === 0 ? '' : `of the last ${settings.pdiffs} changes`],
  ]
}

function installabilityText({ installability = 'off', installabilityWith = [] }: SuiteSettings): string {
  if (installability === 'off') return ''
  const others = installabilityWith.length === 0 ? '' : `, together with ${installabilityWith.join(', ')}`
  return `${installability === 'refuse' ? 'what breaks it is refused' : 'what breaks it is flagged'}${others}`
}

function uploadText({ signedUploads, signatureSuffices }: SuiteSettings): string {
  const signed = signedUploads === true ? 'must be signed' : ''
  return [signed, signatureSuffices === true ? 'need no token if they are signed' : ''].filter(Boolean).join('; ')
}

function daysOrNever(text: string): number | 'never' {
  return text === 'never' ? text : wholeNumber(text)
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.')
  return Number(text)
}
