/** Whether packages can be installed, as the server says it. */

export interface PackageReference {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

/** A package, and what it needs, which the next step is about. */
export interface ReasonStep {
  readonly package: PackageReference
  readonly needs: string
}

/** A package, and who needs it; empty for the one that was looked at. */
export interface NeededPackage {
  readonly package: PackageReference
  readonly chain: readonly ReasonStep[]
}

export type InstallReason =
  | (NeededPackage & { readonly kind: 'missing'; readonly needs: string })
  | (NeededPackage & { readonly kind: 'unreadable'; readonly detail: string })
  | {
      readonly kind: 'conflict'
      /** The one that does not stand the other. */
      readonly first: NeededPackage
      readonly second: NeededPackage
      /** Null for two packages of one name. */
      readonly relation: string | null
    }

export interface UninstallablePackage extends PackageReference {
  /** Undecided: the search was given up at its bound, which says nothing. */
  readonly verdict: 'broken' | 'undecided'
  readonly reasons: readonly InstallReason[]
}

export interface ArchitectureCheck {
  readonly architecture: string
  readonly checked: number
  readonly broken: number
  readonly undecided: number
  /** As many as were asked for. */
  readonly packages: readonly UninstallablePackage[]
}

export interface SuiteCheck {
  readonly architectures: readonly ArchitectureCheck[]
}

/** A package of a suite that a change made uninstallable on machines of an architecture. */
export interface NewlyUninstallable extends PackageReference {
  readonly suite: string
  readonly machine: string
  readonly reasons: readonly InstallReason[]
}
