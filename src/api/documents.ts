import swagger, { type SwaggerTransformObject } from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { problem } from '../contract/index.ts'

/* OpenAPI of the control API, and the page that shows it; both work without any network. */

export const hidden = { schema: { hide: true } } as const

/**
 * The page's own parts and nothing else. Without upgrade-insecure-requests, which the page's
 * library has by default: over plain http a browser would then ask for its parts over TLS.
 */
const contentPolicy = {
  'default-src': "'self'",
  'base-uri': "'self'",
  'font-src': ["'self'", 'data:'],
  'frame-ancestors': "'self'",
  'img-src': ["'self'", 'data:'],
  'object-src': "'none'",
  'script-src-attr': "'none'",
}

/** Puts `/docs/` and `/openapi.json` on a scope. To be called before its routes are made. */
export async function documents(scope: FastifyInstance, version: string): Promise<void> {
  await scope.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Muster control API',
        version,
        description:
          'Fleets of models as one thing. Refusals are application/problem+json (RFC 9457); lists give ' +
          '`items` and an opaque `nextCursor`; every decision carries its `because`.',
        license: { name: 'Apache-2.0' },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: document =>
      'openapiObject' in document ? withRefusals(document.openapiObject) : document.swaggerObject,
  })
  await scope.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { docExpansion: 'list', deepLinking: true },
    theme: { title: 'Muster control API' },
    staticCSP: contentPolicy,
    // Its links are right under the path that ends with a slash only.
    uiHooks: { onRequest: addSlash },
  })
  scope.get('/openapi.json', hidden, (_request, reply) =>
    reply.redirect(`${scope.prefix}/v1/openapi.json`),
  )
}

function addSlash(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const [path] = request.url.split('?')
  if (path?.endsWith('/docs')) reply.redirect(`${path}/`)
  else done()
}

type Document = Extract<
  Parameters<SwaggerTransformObject>[0],
  { openapiObject: unknown }
>['openapiObject']

/**
 * The same refusal for every operation, stated once: each may be refused, and the status of a code
 * is the business of the code.
 */
function withRefusals(document: Document): Document {
  // As what a reader may rely on: a problem may have more members than these.
  const { $schema, ...schema } = z.toJSONSchema(problem, { io: 'input' })
  const refusal = {
    description:
      'A refusal (RFC 9457): `code` for programs, `detail`, `field` and `hint` for people.',
    content: {
      'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
    },
  }
  const paths = Object.entries(document.paths ?? {}).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations as Record<string, { responses?: object }>).map(
        ([method, operation]) => [
          method,
          { ...operation, responses: { ...operation.responses, default: refusal } },
        ],
      ),
    ),
  ])
  const { components } = document
  const schemas = { ...components?.schemas, Problem: schema }
  return {
    ...document,
    paths: Object.fromEntries(paths),
    components: { ...components, schemas },
  } as Document
}
