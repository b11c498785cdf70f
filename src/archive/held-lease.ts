/** The lease under which one process at a time works on an archive. */

export interface HeldLease {
  readonly name: string
  readonly holder: string
  /** Grows with each holder, so that a late one is noticed. */
  readonly fence: number
}

/** The name of the lease of an archive. */
export function sealLeaseName(archiveId: number): string {
  return `seal ${archiveId}`
}
