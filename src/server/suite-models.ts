/** The models of suites, their packages and their history. */
import { type TSchema, Type } from 'typebox'
import { Count, Id, Name, Time, closed, open, refTo } from './model-parts.ts'

const settings = {
  suite: Type.Optional(Type.String()),
  codename: Type.Optional(Type.String()),
  origin: Type.Optional(Type.String()),
  label: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  components: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  architectures: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  architectureAll: Type.Optional(
    Type.Union([Type.Literal('merged'), Type.Literal('separate')], {
      description: 'separate: architecture-independent packages are listed in binary-all as well',
    }),
  ),
  versions: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('newest')])),
  notAutomatic: Type.Optional(Type.Boolean()),
  butAutomaticUpgrades: Type.Optional(Type.Boolean()),
  validUntilDays: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
  translations: Type.Optional(
    Type.Boolean({ description: 'Long descriptions in Translation-en, and their short lines in Packages' }),
  ),
  debugSuite: Type.Optional(
    Type.Union([Type.String(), Type.Null()], {
      description: 'The suite that takes the debug symbols of what is uploaded or copied to this one; null: none',
    }),
  ),
  frozen: Type.Optional(Type.Boolean({ description: 'Nothing comes in or goes out until it is not frozen any more' })),
  installability: Type.Optional(
    Type.Union([Type.Literal('off'), Type.Literal('flag'), Type.Literal('refuse')], {
      description: 'What happens to a change that makes a package uninstallable, or brings one that is',
    }),
  ),
  installabilityWith: Type.Optional(
    Type.Array(Type.String(), { maxItems: 20, description: 'Suites from which what packages need may come' }),
  ),
  contents: Type.Optional(Type.Boolean({ description: 'It has Contents indexes' })),
  keyrings: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
  signedUploads: Type.Optional(Type.Boolean()),
  signatureSuffices: Type.Optional(Type.Boolean()),
  refuseLowerVersions: Type.Optional(Type.Boolean()),
  pdiffs: Type.Optional(Type.Integer({ minimum: 0 })),
}
export const SuiteWish = closed('SuiteWish', {
  name: Name,
  aliases: Type.Optional(Type.Array(Name, { maxItems: 100 })),
  ...settings,
})
export const SuiteSettingsWish = closed('SuiteSettingsWish', settings)
export const SuiteSettings = open('SuiteSettings', settings)
export const Suite = open('Suite', {
  name: Type.String(),
  aliases: Type.Array(Type.String()),
  settings: refTo(SuiteSettings),
  revision: Type.Integer({ description: 'The newest revision that changed it' }),
  sealedAt: Time,
  packages: Type.Integer({ minimum: 0, description: 'Sources and binaries, each version and architecture counted' }),
  sources: Count,
  components: Type.Array(Type.String()),
  architectures: Type.Array(Type.String()),
})
export const SuiteList = open('SuiteList', { suites: Type.Array(refTo(Suite)) })
export const PackageLine = open('PackageLine', {
  name: Type.String(),
  version: Type.String(),
  architecture: Type.String(),
  component: Type.String(),
})
export const SuitePackage = open('SuitePackage', {
  name: Type.String(),
  version: Type.String(),
  architecture: Type.String(),
  component: Type.String(),
  kind: Type.String({ description: '`packages`, `udeb`, `debug` or `sources`' }),
  section: Type.Union([Type.String(), Type.Null()]),
  priority: Type.Union([Type.String(), Type.Null()]),
  source: Type.String(),
  sourceVersion: Type.String(),
  sha256: Type.String(),
  size: Count,
  directory: Type.String({ description: 'Below the address of the repository' }),
})
export const PackagePage = open('PackagePage', {
  packages: Type.Array(refTo(SuitePackage)),
  next: Type.Optional(Type.String({ description: 'Give it as `after` for what follows' })),
})
export const Signer = open('Signer', {
  fingerprint: Type.String(),
  userId: Type.Union([Type.String(), Type.Null()], { description: 'What the key calls itself' }),
})
export const HistoryChange = open('HistoryChange', {
  id: Type.Integer(),
  kind: Type.String(),
  user: Type.Union([Type.String(), Type.Null()]),
  batch: Type.Union([Type.Integer(), Type.Null()], { description: 'The change of several steps that it is a part of' }),
  upload: Type.Union([Type.Object({ id: Id, signer: Type.Union([refTo(Signer), Type.Null()]) }), Type.Null()], {
    description: 'The upload that asked for it, if it came with a .changes',
  }),
  addedCount: Count,
  removedCount: Count,
  uninstallable: Type.Integer({ minimum: 0, description: 'How many packages it made uninstallable, as far as told' }),
  takenIndexes: Type.Integer({
    minimum: 0,
    description: 'Of a mirror: how many indexes of upstream beside those of packages came, changed or went',
  }),
})
export const HistoryEntry = open('HistoryEntry', {
  revision: Type.Integer(),
  sealedAt: Time,
  state: Type.String({ enum: ['sealed', 'expired'], description: '`sealed`: it is installable' }),
  addedCount: Count,
  removedCount: Count,
  changes: Type.Array(refTo(HistoryChange)),
  snapshot: Type.Optional(Type.String({ description: 'URL of the archive as it was, until the revision expires' })),
})
export const HistoryPage = open('HistoryPage', {
  history: Type.Array(refTo(HistoryEntry)),
  next: Type.Optional(Type.Integer({ description: 'Give it as `before` for older ones' })),
})
export const ChangedPackage = open('ChangedPackage', {
  name: Type.String(),
  architecture: Type.String(),
  component: Type.String(),
  from: Type.String(),
  to: Type.String(),
})
export const SuiteDifference = open('SuiteDifference', {
  added: Type.Array(refTo(PackageLine)),
  removed: Type.Array(refTo(PackageLine)),
  changed: Type.Array(refTo(ChangedPackage)),
})

export const suiteModels: readonly TSchema[] = [
  SuiteWish,
  SuiteSettingsWish,
  SuiteSettings,
  Suite,
  SuiteList,
  PackageLine,
  SuitePackage,
  PackagePage,
  Signer,
  HistoryChange,
  HistoryEntry,
  HistoryPage,
  ChangedPackage,
  SuiteDifference,
]
