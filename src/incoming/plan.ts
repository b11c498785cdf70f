/** What an upload that is good makes: artifacts, and packages in the suite. Kept with its record until it is done. */
import type { PackagePlacement } from '../archive/archives.ts'
import type { ArtifactWish } from '../artifact/artifacts.ts'
import type { Changes } from '../debian/changes-file.ts'
import type { ChangesFile } from '../debian/checksum-list.ts'
import { isPriority, isSection } from '../debian/names.ts'
import type { StoredFile } from '../storage/storage.ts'
import type { UploadedFile } from './find-files.ts'
import type { JudgedPackage } from './judge-packages.ts'
import type { Submission } from './submission.ts'

export type Placement = Omit<PackagePlacement, 'packageId'>

export interface PlannedPackage {
  readonly wish: ArtifactWish
  readonly placement: Placement
}

export interface Plan {
  readonly packages: readonly PlannedPackage[]
  /** The files of the whole upload, the .changes among them. */
  readonly upload: ArtifactWish['files']
  /** The debian:upload that has them, if it is there already. */
  readonly artifactId: number | null
  /** Every file that one of the artifacts needs. */
  readonly files: readonly StoredFile[]
  /** Rows of the files that waited. */
  readonly waitingIds: readonly number[]
}

export function planOf(
  submission: Submission,
  changes: Changes,
  found: ReadonlyMap<string, UploadedFile>,
  packages: readonly JudgedPackage[],
): Plan {
  const { name, changes: file, artifactId, suite } = submission
  const uploaded = new Map<string, StoredFile>([
    [name, file],
    ...[...found].map(([path, { file }]) => [path, file] as const),
  ])
  const all = new Map(
    [...uploaded.values(), ...packages.flatMap((each) => [...each.files.values()])].map((each) => [each.id, each]),
  )
  const lists = new Map(changes.files.map((each) => [each.name, each]))
  return {
    packages: packages.map((each) => ({
      wish: {
        category: each.kind === 'source' ? 'debian:source-package' : 'debian:binary-package',
        files: wished(each.files),
      },
      // A .deb says itself where it belongs, a .dsc does not.
      placement: each.kind === 'source' ? placementOf(lists.get(each.file), suite.settings.components) : {},
    })),
    upload: wished(uploaded),
    artifactId: artifactId ?? null,
    files: [...all.values()],
    waitingIds: [...found.values()].flatMap(({ waitingId }) => (waitingId === undefined ? [] : [waitingId])),
  }
}

function wished(files: ReadonlyMap<string, StoredFile>): ArtifactWish['files'] {
  return [...files].map(([path, { sizeBytes, sha256 }]) => ({ path, size: sizeBytes, sha256 }))
}

/** Section and priority as the .changes gives them; `-` says nothing. */
function placementOf(listed: ChangesFile | undefined, components: readonly string[]): Placement {
  if (listed === undefined) return {}
  const { section, priority } = listed
  const named = section.includes('/') ? section.slice(0, section.indexOf('/')) : undefined
  return {
    ...(section !== '-' && isSection(section) ? { section } : {}),
    ...(priority !== '-' && isPriority(priority) ? { priority } : {}),
    ...(named !== undefined && components.includes(named) ? { component: named } : {}),
  }
}
