import type { DeclaredAt } from '../spec/index.ts'

/*
 * A row feature is read from the very row that is to be predicted, so it must not read what is
 * known only afterwards, and neither must that by which an entity is looked up. Two declarations
 * tell what that is: the known-at time of a group over the same source, where it depends on more
 * than the event time (`date + to_minutes(delay)`: the delay is not known at `date`), and a label.
 */

export interface LateColumns {
  readonly group: string
  readonly source: string
  /** Columns that the known-at time reads and the event time does not. */
  readonly columns: readonly string[]
}

/** Columns that something declared of a view reads from the row that is to be predicted. */
export interface RowRead {
  readonly at: DeclaredAt
  readonly columns: readonly string[]
}

export interface Leak {
  readonly at: DeclaredAt
  readonly detail: string
  readonly hint: string
}

/** Every way in which a feature reads of its row what was not known yet. Pure. */
export function leaksOf(view: {
  readonly read: readonly RowRead[]
  /** Of groups over the source of the view's rows. */
  readonly late: readonly LateColumns[]
  /** Columns that the label of each blueprint on the view reads. */
  readonly labels: ReadonlyMap<string, readonly string[]>
  /** Columns of the key and of the event time, which are known by their nature. */
  readonly spared: ReadonlySet<string>
}): readonly Leak[] {
  const leaks: Leak[] = []
  for (const { at, columns } of view.read) {
    for (const column of columns) {
      if (view.spared.has(column)) continue
      const group = view.late.find(l => l.columns.includes(column))
      const label = [...view.labels].find(([, read]) => read.includes(column))
      if (group !== undefined) {
        leaks.push({
          at,
          detail: `it reads \`${column}\`, known only later by group ${group.group}`,
          hint: `use a window of ${group.group} over \`${column}\`, which keeps to what was known`,
        })
      } else if (label !== undefined) {
        leaks.push({
          at,
          detail: `it reads \`${column}\`, which is what ${label[0]} predicts`,
          hint: `use a window of a feature group over \`${column}\`, or leave the feature out`,
        })
      }
    }
  }
  return leaks
}
