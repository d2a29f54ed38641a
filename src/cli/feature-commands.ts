import type { ArgumentFacts, CommandFacts, OptionFacts } from './command.ts'

/*
 * Commands over data and features: `data ...`, `features ...`, `impact`. Part of the table in
 * `commands.ts`, and as light as that: what a command does is imported when it is called.
 */

const folder: ArgumentFacts = {
  name: 'folder',
  required: false,
  help: 'the folder of the fleet (default: here)',
  files: true,
}
const source: ArgumentFacts = {
  name: 'source',
  required: true,
  help: 'a source: readings',
}
const limit: OptionFacts = {
  flags: '--limit <n>',
  help: 'at most so many (default: 40 on a terminal, else all)',
}

const data: readonly CommandFacts[] = [
  {
    name: 'data list',
    group: 'data',
    summary: 'List sources: how fresh they are, what came last, and whether it was taken',
    arguments: [],
    options: [limit],
    examples: [{ call: 'muster data list', does: 'every source of the fleet' }],
    asksServer: true,
    load: () => import('./commands/data-list.ts'),
  },
  {
    name: 'data history',
    group: 'data',
    summary: 'Show what came into a source, and what became of it, newest first',
    arguments: [source],
    options: [limit],
    examples: [{ call: 'muster data history readings', does: 'appends, deletions, rejections' }],
    asksServer: true,
    load: () => import('./commands/data-history.ts'),
  },
  {
    name: 'data append',
    group: 'data',
    summary: 'Append a file of rows to a source that takes rows',
    arguments: [
      source,
      { name: 'file', required: true, help: '.parquet, .csv or .jsonl', files: true },
    ],
    options: [
      { flags: '--backfill', help: 'the rows were known when they happened, not from now on' },
      { flags: '--format <format>', help: 'parquet, csv or jsonl (default: by the ending)' },
    ],
    examples: [
      { call: 'muster data append readings today.csv', does: 'known from now on' },
      {
        call: 'muster data append readings 2025.parquet --backfill',
        does: 'history: features of 2025 may read it',
      },
    ],
    notes: ['All rows are taken, or none. The same file sent again within a week changes nothing.'],
    asksServer: true,
    load: () => import('./commands/data-append.ts'),
  },
  {
    name: 'data delete',
    group: 'data',
    summary: 'Delete every row of an entity, from the past too, and predictions for it',
    arguments: [source],
    options: [
      {
        flags: '--entity <column=value...>',
        help: 'a row that has all of these values goes; in quotes if there are blanks',
      },
    ],
    examples: [
      { call: 'muster data delete readings --entity station=70', does: 'one station' },
      { call: 'muster data delete rides --entity user=8a1f city=oakland', does: 'both must hold' },
    ],
    notes: [
      'Cannot be undone. Models that learned from the rows stay until they are trained again.',
      'The files are written again; databases may hold the bytes until they reuse the space.',
    ],
    asksServer: true,
    load: () => import('./commands/data-delete.ts'),
  },
  {
    name: 'data compact',
    group: 'data',
    summary: 'Merge the small files of a source; no value changes',
    arguments: [source],
    options: [],
    examples: [{ call: 'muster data compact readings', does: 'one file a span of time' }],
    notes: ['Where more than eight small files gather it happens by itself.'],
    asksServer: true,
    load: () => import('./commands/data-compact.ts'),
  },
  {
    name: 'data diff',
    group: 'data',
    summary: 'Tell what two snapshots of a source do not have in common',
    arguments: [
      { name: 'from', required: true, help: 'c-12, flights, flights@2026-11-01, or a digest' },
      { name: 'to', required: true, help: 'another of the same source' },
    ],
    options: [],
    examples: [
      { call: 'muster data diff c-11 c-12', does: 'rows, entities, columns' },
      { call: 'muster data diff flights@2026-11-01 flights', does: 'what came since then' },
    ],
    asksServer: true,
    load: () => import('./commands/data-diff.ts'),
  },
  {
    name: 'data profile',
    group: 'data',
    summary: 'Show what the columns of a source hold',
    arguments: [source],
    options: [
      { flags: '--of <snapshot>', help: 'c-12, flights@2026-11-01 (default: the newest accepted)' },
    ],
    examples: [
      { call: 'muster data profile flights', does: 'nulls, range, median, frequent values' },
    ],
    asksServer: true,
    load: () => import('./commands/data-profile.ts'),
  },
  {
    name: 'data quarantine',
    group: 'data',
    summary: 'List rows that are set aside, and why; or bring them back',
    arguments: [source],
    options: [
      {
        flags: '--release <rows>',
        help: 'bring back: all, expectation=1, or numbers of rows: 17,40',
      },
      limit,
    ],
    examples: [
      { call: 'muster data quarantine readings', does: 'the rows themselves' },
      {
        call: 'muster data quarantine readings --release 17,40',
        does: 'these are right after all',
      },
    ],
    notes: ['A row that was released stays so until its file is written again.'],
    asksServer: true,
    load: () => import('./commands/data-quarantine.ts'),
  },
]

const features: readonly CommandFacts[] = [
  {
    name: 'features',
    group: 'data',
    summary: 'List or search sources, groups, views and features, and who reads them',
    arguments: [
      { name: 'word...', required: false, help: 'all must stand in name, owner or description' },
    ],
    options: [
      { flags: '--kind <kind>', help: 'source, group, view or feature' },
      { flags: '--owner <name>', help: 'what is owned by this name' },
      limit,
    ],
    examples: [
      { call: 'muster features', does: 'everything that the fleet shares' },
      { call: 'muster features origin delay', does: 'what has both words' },
      { call: 'muster features --kind view --owner network-ops', does: 'views of one owner' },
    ],
    asksServer: true,
    load: () => import('./commands/features.ts'),
  },
  {
    name: 'features show',
    group: 'data',
    summary: 'Show a source, group, view or feature: what it is, how fresh, who reads it',
    arguments: [{ name: 'name', required: true, help: 'flights, departures.origin_mean_delay' }],
    options: [],
    examples: [
      { call: 'muster features show departures.origin_mean_delay', does: 'one feature' },
      {
        call: 'muster features show two-hours-before@1',
        does: 'a view, and when it was published',
      },
    ],
    asksServer: true,
    load: () => import('./commands/features-show.ts'),
  },
  {
    name: 'features diff',
    group: 'data',
    summary: 'Tell how two versions of a view differ',
    arguments: [
      { name: 'from', required: true, help: 'a view as it was published: two-hours-before@1' },
      { name: 'to', required: true, help: 'another, or a folder: as its file has it now' },
    ],
    options: [],
    examples: [
      { call: 'muster features diff day-ahead@1 day-ahead@2', does: 'added, removed, changed' },
      { call: 'muster features diff day-ahead@1 .', does: 'published against the file here' },
    ],
    asksServer: true,
    load: () => import('./commands/features-diff.ts'),
  },
  {
    name: 'features next',
    group: 'data',
    summary: 'Write what was edited as the next version of a view; the published one is restored',
    arguments: [{ name: 'view', required: true, help: 'the edited view: day-ahead@1' }, folder],
    options: [
      { flags: '--move', help: 'let the blueprints that read it read the next version' },
      { flags: '--dry-run', help: 'print what would be written; write nothing' },
    ],
    examples: [
      { call: 'muster features next day-ahead@1', does: 'day-ahead@2 is the edited one' },
      { call: 'muster features next day-ahead@1 --dry-run', does: 'only look' },
    ],
    asksServer: true,
    load: () => import('./commands/features-next.ts'),
  },
]

const online: readonly CommandFacts[] = [
  {
    name: 'features materialise',
    group: 'data',
    summary: 'Bring the online store to what the sources hold, now; the server does it by itself',
    arguments: [{ name: 'group...', required: false, help: 'these groups only (default: all)' }],
    options: [{ flags: '--full', help: 'build anew what is there already, too' }],
    examples: [
      { call: 'muster features materialise', does: 'every group that is kept online' },
      { call: 'muster features materialise weather --full', does: 'one group, from nothing' },
    ],
    notes: ['Values are read throughout; a group that is built anew is switched at once.'],
    asksServer: true,
    load: () => import('./commands/features-materialise.ts'),
  },
  {
    name: 'features verify',
    group: 'data',
    summary: 'Compare online values with those recomputed from snapshots, as of their time',
    arguments: [{ name: 'group...', required: false, help: 'these groups only (default: all)' }],
    options: [{ flags: '--sample <n>', help: 'entities of each kind (default: 100)' }],
    examples: [
      { call: 'muster features verify', does: 'exit 1 when any value differs' },
      { call: 'muster features verify weather --sample 1000', does: 'one group, more entities' },
    ],
    asksServer: true,
    load: () => import('./commands/features-verify.ts'),
  },
]

const impact: CommandFacts = {
  name: 'impact',
  group: 'data',
  summary: 'Tell what a change would touch: views, blueprints, models, routes',
  arguments: [
    {
      name: 'name',
      required: true,
      help: 'a source, source.column, group, group.feature, view or view@version',
    },
  ],
  options: [limit],
  examples: [
    { call: 'muster impact flights.delay', does: 'who reads this column' },
    { call: 'muster impact two-hours-before@1', does: 'who reads this view' },
  ],
  asksServer: true,
  load: () => import('./commands/impact.ts'),
}

export const featureCommands: readonly CommandFacts[] = [...data, ...features, ...online, impact]
