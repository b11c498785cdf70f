/** What can be set of a suite: all that shapes its Release and what it takes in. Changes of it are part of history. */
import { AshlarError } from '../common/errors.ts'
import { isArchitecture, isComponentName, isSuiteName } from '../debian/names.ts'

export interface SuiteSettings {
  /** `Suite:` of the Release. */
  readonly suite: string
  /** `Codename:`. apt asks its user before it follows a change of this, the origin, the label or the pinning. */
  readonly codename: string
  readonly origin: string
  readonly label: string
  readonly description: string
  /** The first one takes packages that name none. */
  readonly components: readonly string[]
  /** Listed even while no package has them; others are listed as soon as one does. */
  readonly architectures: readonly string[]
  /**
   * `separate`: architecture-independent packages are listed in `binary-all` as well; those of an architecture keep
   * them, for clients that know no `binary-all`.
   */
  readonly architectureAll: 'merged' | 'separate'
  /** Whether a newer version takes the place of an older one of the same name and architecture. */
  readonly versions: 'all' | 'newest'
  readonly notAutomatic: boolean
  readonly butAutomaticUpgrades: boolean
  /** After how many days a client should distrust a Release that was not renewed; null: never. */
  readonly validUntilDays: number | null
  /** Nothing comes in or goes out until it is not frozen any more. */
  readonly frozen: boolean
  /** Whether it has Contents indexes, which tell the packages that have a file. */
  readonly contents: boolean
  /** Whether long descriptions are in an index of their own, Translation-en, and their short lines in Packages. */
  readonly translations: boolean
  /** The suite that takes the debug symbols (`-dbgsym`) of what is uploaded or copied to this one; null: they stay beside it. */
  readonly debugSuite: string | null
  /** The keyrings of the workspace whose keys count where an upload to it is signed. */
  readonly keyrings: readonly string[]
  /** Whether packages come in only by an upload that one of these keys has signed. */
  readonly signedUploads: boolean
  /** Whether who has signed an upload with one of these keys needs no token. */
  readonly signatureSuffices: boolean
  /** Whether a package is refused of which the suite has a higher version. */
  readonly refuseLowerVersions: boolean
  /** What happens to a change that makes a package uninstallable, or brings one that is: `flag` tells it only. */
  readonly installability: 'off' | 'flag' | 'refuse'
  /** Other suites, by name or alias, from which what packages need may come. */
  readonly installabilityWith: readonly string[]
  /** Of how many of its last changes an index has patches (`Packages.diff/`); 0: it has none. */
  readonly pdiffs: number
}

export type SuiteSettingsInput = Partial<SuiteSettings>

/** The index of patches is read by each client that is behind, so it must not grow without end. */
const MOST_PDIFFS = 500

/** The settings of a new suite. */
export function defaultSettings(suite: string): SuiteSettings {
  return {
    suite,
    codename: suite,
    origin: 'Ashlar',
    label: 'Ashlar',
    description: '',
    components: ['main'],
    architectures: ['amd64', 'arm64'],
    architectureAll: 'merged',
    versions: 'all',
    notAutomatic: false,
    butAutomaticUpgrades: false,
    validUntilDays: null,
    frozen: false,
    contents: false,
    translations: false,
    debugSuite: null,
    keyrings: [],
    signedUploads: false,
    signatureSuffices: false,
    refuseLowerVersions: false,
    installability: 'off',
    installabilityWith: [],
    pdiffs: 0,
  }
}

/** Settings as they are recorded; what did not exist when they were has its default. */
export function recordedSettings(suite: string, json: string): SuiteSettings {
  return { ...defaultSettings(suite), ...(JSON.parse(json) as SuiteSettingsInput) }
}

/** @throws AshlarError suite-setting-invalid, naming the setting. */
export function withSettings(base: SuiteSettings, input: SuiteSettingsInput): SuiteSettings {
  const settings = { ...base, ...input }
  for (const field of ['suite', 'codename', 'origin', 'label', 'description'] as const) {
    // A line break would let a value write fields of its own into the Release.
    if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(settings[field])) refuse(field, 'has a control character or line break')
    if (Buffer.byteLength(settings[field]) > 1000) refuse(field, 'is longer than 1000 bytes')
  }
  if (/\s/.test(settings.codename) || settings.codename === '') refuse('codename', 'has to be one word')
  if (/\s/.test(settings.suite) || settings.suite === '') refuse('suite', 'has to be one word')
  if (settings.components.length === 0) refuse('components', 'has to name at least one component')
  for (const component of settings.components) {
    if (!isComponentName(component)) refuse('components', `has '${component}', which cannot be a component`)
  }
  for (const architecture of settings.architectures) {
    if (!isArchitecture(architecture) || architecture === 'all') {
      refuse('architectures', `has '${architecture}', which cannot be the architecture of a machine`)
    }
  }
  if (new Set(settings.components).size < settings.components.length) refuse('components', 'names one twice')
  if (new Set(settings.architectures).size < settings.architectures.length) refuse('architectures', 'names one twice')
  if (settings.butAutomaticUpgrades && !settings.notAutomatic) {
    refuse('butAutomaticUpgrades', 'means something only together with notAutomatic')
  }
  if (settings.debugSuite !== null && !isSuiteName(settings.debugSuite)) {
    refuse('debugSuite', `is '${settings.debugSuite}', which cannot be the name of a suite`)
  }
  const days = settings.validUntilDays
  if (days !== null && (!Number.isInteger(days) || days < 1 || days > 3650)) {
    refuse('validUntilDays', 'has to be a whole number from 1 to 3650')
  }
  for (const keyring of settings.keyrings) {
    if (!isKeyringName(keyring)) refuse('keyrings', `has '${keyring}', which cannot be the name of a keyring`)
  }
  if (settings.keyrings.length === 0 && (settings.signedUploads || settings.signatureSuffices)) {
    refuse('keyrings', 'has to name a keyring where signatures count')
  }
  for (const other of settings.installabilityWith) {
    if (!isSuiteName(other)) refuse('installabilityWith', `has '${other}', which cannot be the name of a suite`)
  }
  if (!Number.isInteger(settings.pdiffs) || settings.pdiffs < 0 || settings.pdiffs > MOST_PDIFFS) {
    refuse('pdiffs', `has to be a whole number from 0 to ${MOST_PDIFFS}`)
  }
  return settings
}

/** Whether `text` can be the name of a keyring. */
export function isKeyringName(text: string): boolean {
  return /^[a-z0-9][a-z0-9.-]{0,62}$/.test(text)
}

function refuse(setting: string, reason: string): never {
  throw new AshlarError('suite-setting-invalid', `The setting ${setting} ${reason}.`)
}
