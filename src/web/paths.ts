/** Where the page of a workspace's repository is, perhaps for one suite, perhaps as of a revision. */
export function repositoryPath(
  workspace: { readonly scope: string; readonly name: string },
  query: { readonly suite?: string; readonly at?: string } = {},
): string {
  const path = `/apt/${encodeURIComponent(workspace.scope)}/${encodeURIComponent(workspace.name)}/`
  const parameters = new URLSearchParams(query).toString()
  return parameters === '' ? path : `${path}?${parameters}`
}

/** Where the page of a workspace's uploads is, or of one of them. */
export function uploadPath(workspace: { readonly scope: string; readonly name: string }, id?: number): string {
  const path = `/upload/${encodeURIComponent(workspace.scope)}/${encodeURIComponent(workspace.name)}/`
  return id === undefined ? path : `${path}${id}`
}

/** Where the page of a workspace's mirrors is. */
export function mirrorsPath(workspace: { readonly scope: string; readonly name: string }): string {
  return `/mirrors/${encodeURIComponent(workspace.scope)}/${encodeURIComponent(workspace.name)}/`
}

/** Where the page is that tells what can be installed from a suite. */
export function checkPath(workspace: { readonly scope: string; readonly name: string }, suite: string): string {
  const query = new URLSearchParams({ suite }).toString()
  return `/check/${encodeURIComponent(workspace.scope)}/${encodeURIComponent(workspace.name)}/?${query}`
}

/** Where it is found out anew. */
export function checkNowPath(workspace: { readonly scope: string; readonly name: string }, suite: string): string {
  return checkPath(workspace, suite).replace('/?', '/now?')
}
