/** What a mirrored suite says of itself: as upstream does. */
import type { SuiteSettingsInput } from '../archive/archives.ts'
import type { UpstreamRelease } from '../debian/upstream-release.ts'
import type { WantedIndexes } from './wanted-indexes.ts'

/**
 * The settings that a Release decides. The name in the `Suite` field stays upstream's where the suite here goes by its
 * suite or codename, so that pins go on holding; else it is the suite's own, or apt would warn of another distribution.
 * Its Valid-Until is upstream's promise, not ours.
 */
export function settingsFrom(
  release: UpstreamRelease,
  { components, architectures }: Pick<WantedIndexes, 'components' | 'architectures'>,
  suite: string,
): SuiteSettingsInput {
  const isNamedSo = [release.suite, release.codename].includes(suite)
  return {
    suite: isNamedSo && release.suite !== '' ? release.suite : suite,
    codename: release.codename === '' ? suite : release.codename,
    origin: release.origin,
    label: release.label,
    description: release.description,
    components,
    architectures,
    versions: 'all',
    notAutomatic: release.notAutomatic,
    butAutomaticUpgrades: release.notAutomatic && release.butAutomaticUpgrades,
  }
}
