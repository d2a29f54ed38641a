import { z } from 'zod'
import { name, riskClass } from '../words.ts'

/** The root document of a fleet: what every other document shares. The one without a `kind`. */
export const fleetDocument = z.strictObject({
  apiVersion: z.literal('muster/v1').describe('The version of the declaration language.'),
  fleet: name.describe('Name of the fleet.'),
  defaults: z
    .strictObject({
      owner: z.string().min(1).max(200).optional(),
      riskClass: riskClass.optional(),
    })
    .default({})
    .describe('What a document inherits when it does not say otherwise.'),
  environments: z
    .array(name)
    .min(1)
    .default(['prod'])
    .describe('Environments that need no document of their own.'),
})
