import type { FastifyInstance } from 'fastify'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { planRoutes, validateRoute } from './acts.ts'
import { catalogueRoutes } from './catalogue.ts'
import type { ControlDesk } from './desk.ts'
import { documents, hidden } from './documents.ts'
import { EventStreams } from './event-stream.ts'
import { tableRoutes } from './frame.ts'
import { type BeforeInfer, graphRoutes } from './graphs.ts'
import { importedRoutes } from './imported.ts'
import { onlineRoutes } from './online.ts'
import { predictionRoutes } from './predictions.ts'
import { pushRoute } from './push.ts'
import { quarantineRoutes } from './quarantine.ts'
import { fleetReads, modelReads, runReads } from './reads.ts'
import { answerRefusal, answerUnknownPath } from './refusal.ts'
import { scoreRoutes } from './scores.ts'
import { snapshotRoutes } from './snapshots.ts'
import { sourceActs, sourceReads } from './sources.ts'
import { triggerRoutes } from './triggers.ts'

export interface ApiOptions {
  readonly desk: ControlDesk
  /** Of Muster, for the OpenAPI document. */
  readonly version: string
  /** Of graphs, which are inferences too. */
  readonly beforeInfer?: BeforeInfer | undefined
}

/**
 * The control API under /api, in a scope of its own: its validators, errors and documents touch no
 * other route. Event streams are ended before the app closes, so that `app.close()` never waits for
 * a reader.
 */
export async function apiRoutes(app: FastifyInstance, options: ApiOptions): Promise<void> {
  const { desk, version, beforeInfer } = options
  await app.register(
    async scope => {
      const streams = new EventStreams()
      scope.setValidatorCompiler(validatorCompiler)
      scope.setSerializerCompiler(serializerCompiler)
      scope.setErrorHandler(answerRefusal)
      scope.setNotFoundHandler(answerUnknownPath)
      scope.removeContentTypeParser('text/plain')
      scope.addHook('preClose', async () => streams.close())
      await documents(scope, version)
      await scope.register(
        async plain => {
          const api = plain.withTypeProvider<ZodTypeProvider>()
          fleetReads(api, desk)
          modelReads(api, desk)
          runReads(api, desk, streams)
          planRoutes(api, desk)
          validateRoute(api, desk)
          catalogueRoutes(api, desk.catalogue)
          importedRoutes(api, desk.imported)
          onlineRoutes(api, desk.online)
          graphRoutes(api, desk.graphs, beforeInfer)
          sourceReads(api, desk.sources)
          snapshotRoutes(api, desk.snapshots)
          sourceActs(api, desk.sources)
          pushRoute(api, desk.sources)
          tableRoutes(api, desk.features)
          predictionRoutes(api, desk.predictions)
          scoreRoutes(api, desk.scores)
          triggerRoutes(api, desk.triggers)
          quarantineRoutes(api, desk.quarantine)
          api.get('/openapi.json', hidden, () => scope.swagger())
        },
        { prefix: '/v1' },
      )
    },
    { prefix: '/api' },
  )
}
