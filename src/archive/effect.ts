/** What one accepted change does to its suite. */
import type { Database } from '../database/database.ts'
import type { Archive } from './archive-table.ts'
import type { NewlyUninstallable, PackageLine, UnmetNeed } from './change-request.ts'
import type { HeldLease } from './held-lease.ts'
import { type ItemPlace, placeKey } from './suite-items.ts'
import type { Suite, Suites } from './suite-table.ts'

/** The state on top of which a change is planned. */
export interface PlanState {
  readonly database: Database
  readonly archive: Archive
  /** What is written while planning is written only as long as this is held; undefined while it is only a preview. */
  readonly lease: HeldLease | undefined
  /** Changes whose items count besides those of the head. */
  readonly sealing: readonly number[]
  /** The suites as the changes before make them. */
  readonly suites: Suites
  /** Whether an item has been ended or dropped by an earlier change of this plan. */
  has(itemId: number): boolean
}

/** The keys of a map whose entries come, go or change. */
export interface TouchedMap {
  readonly place: ItemPlace
  readonly keys: Set<string>
}

export class Effect {
  readonly changeId: number
  readonly suite: Suite
  /** Items that end with this change. */
  readonly removed = new Set<number>()
  /** Items that the change would have added without effect. */
  readonly dropped = new Set<number>()
  readonly touched = new Map<string, TouchedMap>()
  /** What was asked for and did not come, since a file of it was purged. */
  readonly leftOut: PackageLine[] = []
  /** What is needed of what came, and nothing has. */
  readonly unmet: UnmetNeed[] = []
  /** How many indexes the suite takes from its upstream that were others, or were not there, or are there no more. */
  takenIndexes = 0
  /** What became uninstallable, where suites want to be told. */
  readonly uninstallable: NewlyUninstallable[] = []

  constructor(changeId: number, suite: Suite) {
    this.changeId = changeId
    this.suite = suite
  }

  /** Items that count no more with this change. */
  get ending(): readonly number[] {
    return [...this.removed, ...this.dropped]
  }

  has(itemId: number): boolean {
    return this.removed.has(itemId) || this.dropped.has(itemId)
  }

  touch(place: ItemPlace, key: string): void {
    const name = placeKey(place)
    const map = this.touched.get(name) ?? { place, keys: new Set() }
    map.keys.add(key)
    this.touched.set(name, map)
  }
}
