import type { ImportedDesk } from '../../src/api/index.ts'
import { digestOf } from '../../src/base/digest.ts'
import { MusterError } from '../../src/base/errors.ts'

/* Imported models in memory, for tests of `api/` and `cli/`. */

export function memoryImported(): ImportedDesk {
  const names = ['churn', 'fraud']
  return {
    importModel: async ({ as: name, body }) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of body) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      if (name === 'route-late') {
        throw new MusterError('E_NAME_TAKEN', '`route-late` is the name of a blueprint', {
          hint: 'import it under another name',
        })
      }
      return {
        name,
        version: 1,
        newest: name === 'older' ? 2 : 1,
        digest: digestOf(bytes),
        again: name === 'older',
        sizeBytes: bytes.length,
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
        outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
        leftOut: [{ name: 'output_probability', is: 'a sequence' }],
        probation: { runs: 2, firstMs: 12.5, slowestMs: 0.25 },
      }
    },
    list: async ({ limit, after }) =>
      names
        .map((name, i) => ({
          name,
          version: 1,
          digest: digestOf(name),
          sizeBytes: 1_024 * (i + 1),
          tier: 'on-demand' as const,
          state: i === 0 ? ('serving' as const) : ('quarantined' as const),
          because: i === 0 ? null : 'it ended its runner 3 times in ten minutes',
          purpose: '',
        }))
        .filter(row => `${row.name} ${row.version}` > (after?.id ?? ''))
        .slice(0, limit),
    set: async asked => ({
      items: asked.map(name => {
        const there = names.includes(name)
        return {
          name,
          versions: there ? 1 : 0,
          outcome: there ? ('done' as const) : ('refused' as const),
          because: there ? null : 'no imported model has this name',
        }
      }),
    }),
  }
}
