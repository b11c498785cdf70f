import type { WorkspaceClient } from '../../src/client/client.ts'

/** What a suite has or had, as `name_version_architecture`, sorted. */
export async function listedIn(workspace: WorkspaceClient, suite: string, at?: string): Promise<string[]> {
  const { packages } = await workspace.packages(suite, { at, limit: 1000 })
  return packages.map(({ name, version, architecture }) => `${name}_${version}_${architecture}`).toSorted()
}
