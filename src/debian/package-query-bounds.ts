/** What every package that a query means has in common, so that an index can be asked for it. */
import type { QueryTerm } from './package-query-term.ts'

/** Each null if it can be anything. */
export interface QueryBounds {
  readonly names: ReadonlySet<string> | null
  /** `source` for sources. */
  readonly architectures: ReadonlySet<string> | null
}

const unbounded: QueryBounds = { names: null, architectures: null }

/** @example boundsOf(parsePackageQuery('hello (>= 2) | Name (bye)').term).names // hello, bye */
export function boundsOf(term: QueryTerm): QueryBounds {
  switch (term.kind) {
    case 'any':
      return term.terms.map(boundsOf).reduce((one, other) => ({
        names: union(one.names, other.names),
        architectures: union(one.architectures, other.architectures),
      }))
    case 'all':
      return term.terms.map(boundsOf).reduce((one, other) => ({
        names: intersection(one.names, other.names),
        architectures: intersection(one.architectures, other.architectures),
      }))
    case 'not':
      return unbounded
    case 'package':
      return { names: new Set([term.name]), architectures: new Set([term.architecture]) }
    case 'name':
      return {
        // Without a condition it may be something else that provides the name.
        names: term.condition === null ? null : new Set([term.name]),
        architectures: term.architecture === null ? null : architecturesFor(term.architecture),
      }
    case 'field':
      return boundsOfField(term)
  }
}

function boundsOfField({ field, condition }: Extract<QueryTerm, { kind: 'field' }>): QueryBounds {
  if (condition?.operator !== '=') return unbounded
  if (field === 'Name') return { ...unbounded, names: new Set([condition.value]) }
  if (field === '$Architecture') return { ...unbounded, architectures: architecturesFor(condition.value) }
  if (field === '$PackageType' && condition.value === 'source') {
    return { ...unbounded, architectures: new Set(['source']) }
  }
  return unbounded
}

function architecturesFor(architecture: string): ReadonlySet<string> {
  return architecture === 'source' ? new Set(['source']) : new Set([architecture, 'all'])
}

function union<T>(one: ReadonlySet<T> | null, other: ReadonlySet<T> | null): ReadonlySet<T> | null {
  return one === null || other === null ? null : one.union(other)
}

function intersection<T>(one: ReadonlySet<T> | null, other: ReadonlySet<T> | null): ReadonlySet<T> | null {
  if (one === null || other === null) return one ?? other
  return one.intersection(other)
}
