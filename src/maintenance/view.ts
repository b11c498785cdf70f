import type { Workspace } from '../access/access.ts'

/** How much is told: of one workspace what belongs to it and nothing else, or of the instance everything. */
export type View =
  | { readonly kind: 'workspace'; readonly workspace: Pick<Workspace, 'id' | 'scopeId' | 'scope' | 'name'> }
  | { readonly kind: 'instance' }
