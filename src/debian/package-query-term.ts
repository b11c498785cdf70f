/** What a package query consists of, once it is read, and what it asks about. */
import type { VersionOperator } from './relation.ts'
import type { ShellPattern } from './shell-pattern.ts'

export type QueryCondition =
  | { readonly operator: VersionOperator; readonly value: string }
  | { readonly operator: '%'; readonly pattern: ShellPattern }
  | { readonly operator: '~'; readonly expression: { test(text: string): boolean } }

export type QueryTerm =
  | { readonly kind: 'any' | 'all'; readonly terms: readonly QueryTerm[] }
  | { readonly kind: 'not'; readonly term: QueryTerm }
  /** One package of this name, version and architecture. */
  | { readonly kind: 'package'; readonly name: string; readonly version: string; readonly architecture: string }
  /** As a dependency: the package itself or, without a condition, what provides it. */
  | {
      readonly kind: 'name'
      readonly name: string
      readonly condition: QueryCondition | null
      readonly architecture: string | null
    }
  /** Without a condition: whether the package has the field. */
  | { readonly kind: 'field'; readonly field: string; readonly condition: QueryCondition | null }

/** What a query asks about. */
export interface QuerySubject {
  readonly name: string
  readonly version: string
  /** `source` for a source package. */
  readonly architecture: string
  readonly type: 'deb' | 'udeb' | 'source'
  /** A field of its entry in an index, in any case; undefined or empty if it has none. */
  field(name: string): string | undefined
}
