import { z } from 'zod'
import { name } from '../words.ts'

/** Where routes point: each environment has its own route for every model. */
export const environment = z.strictObject({
  kind: z.literal('Environment'),
  name: name.describe('Name of the environment: dev, test, prod.'),
  description: z.string().max(1_000).optional(),
})
