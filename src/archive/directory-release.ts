/**
 * The small Release file beside the packages of one component and architecture, as dak, reprepro and apt-ftparchive's
 * users write it (`main/binary-amd64/Release`, `main/source/Release`). apt has no use for it; debian-installer's tools
 * and some mirrors look for it.
 */
import type { SuiteLayout } from './index-paths.ts'
import type { SuiteSettings } from './settings.ts'

export interface DirectoryRelease {
  /** Below the suite's directory. */
  readonly path: string
  readonly text: string
}

/** One for each directory with packages or sources; they change with the settings only. */
export function directoryReleases(settings: SuiteSettings, layout: SuiteLayout): DirectoryRelease[] {
  return layout.indexes.flatMap(({ path, directory }) => {
    if (directory === undefined) return []
    const { component, architecture } = directory
    return [
      { path: `${path.slice(0, path.lastIndexOf('/'))}/Release`, text: render(settings, component, architecture) },
    ]
  })
}

/** In dak's order. */
function render(settings: SuiteSettings, component: string, architecture: string): string {
  const fields: [string, string | undefined][] = [
    ['Archive', settings.suite],
    ['Origin', settings.origin],
    ['Label', settings.label],
    ['NotAutomatic', settings.notAutomatic ? 'yes' : undefined],
    ['ButAutomaticUpgrades', settings.butAutomaticUpgrades ? 'yes' : undefined],
    ['Acquire-By-Hash', 'yes'],
    ['Component', component],
    ['Architecture', architecture],
  ]
  return fields
    .flatMap(([name, value]) => (value === undefined || value === '' ? [] : [`${name}: ${value}\n`]))
    .join('')
}
