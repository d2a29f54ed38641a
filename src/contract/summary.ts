import { z } from 'zod'
import { runRow } from './runs.ts'
import { count, isoTime, role, seconds } from './words.ts'

/** Members of one level of one blueprint, by state. `total` leaves the retired out. */
export const levelStates = z.object({
  level: role,
  key: z.string().describe('Key columns of the level: "", origin, origin.destination.'),
  total: count,
  declared: count.describe('Declared, and not trained yet.'),
  serving: count,
  inherited: count.describe('Answered by an ancestor, because that is better or as good.'),
  refused: count,
  failed: count,
  retired: count,
})
export type LevelStates = z.infer<typeof levelStates>

export const blueprintSummary = z.object({
  name: z.string(),
  purpose: z.string(),
  owner: z.string(),
  riskClass: z.string(),
  view: z.string(),
  pipeline: z.string(),
  declaredAt: z.string().describe('File and line: muster.yaml:41.'),
  levels: z.array(levelStates),
})
export type BlueprintSummary = z.infer<typeof blueprintSummary>

/**
 * The whole fleet on one page. `fleet` is null, and lists are empty, before the first plan was
 * applied.
 */
export const fleetSummary = z.object({
  fleet: z.string().nullable(),
  environments: z.array(
    z.object({ name: z.string(), generation: count, changedAt: isoTime.nullable() }),
  ),
  blueprints: z.array(blueprintSummary),
  aside: z
    .object({ open: count, quarantined: count })
    .describe('Versions that are not asked, because they failed: for a moment, or until lifted.'),
  running: z.array(runRow).describe('Runs that wait or run.'),
  targetPlan: z.string().nullable().describe('The plan that the fleet is brought to.'),
  server: z.object({
    version: z.string(),
    startedAt: isoTime,
    uptimeSeconds: seconds,
    rssBytes: count.describe('Resident memory of the server process.'),
  }),
})
export type FleetSummary = z.infer<typeof fleetSummary>
