import { MusterError } from '../base/errors.ts'
import { importedName, readFilter } from '../contract/index.ts'
import { receiveFile } from '../registry/index.ts'
import { indexMax, type ModelRepository, type RepositoryEntry } from '../serve/index.ts'
import { hasImported, listImported } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { importedDesk } from './imported.ts'
import { knownModel, modelsPage } from './models.ts'

/** The model repository extension: families as they are recorded, imported models as they are. */
export function modelRepository(parts: DeskParts): ModelRepository {
  const { importModel, set } = importedDesk(parts)
  return {
    async index({ readyOnly }) {
      const imported = (await listImported(parts.store, undefined, indexMax + 1)).map(
        ({ name, version, state, because }): RepositoryEntry => ({
          name,
          version: String(version),
          state: state === 'serving' ? 'READY' : 'UNAVAILABLE',
          reason: state === 'serving' ? '' : (because ?? state),
        }),
      )
      const entries = [...imported, ...(await familyEntries(parts, readyOnly))]
      const shown = readyOnly ? entries.filter(({ state }) => state === 'READY') : entries
      return { entries: shown.slice(0, indexMax), hasMore: shown.length > indexMax }
    },
    receive: (body, bytesMax) => receiveFile(body, parts.blobs.scratch, bytesMax),
    async load(name, model) {
      if (model !== undefined) {
        if (!importedName.safeParse(name).success) {
          throw new MusterError('E_NAME', 'an imported model cannot have this name', {
            field: 'model',
            hint: 'letters, digits, - and _, at most 63',
          })
        }
        await importModel({ as: name, body: model, smokeBytes: 0 })
        return
      }
      if (await hasImported(parts.store, name)) await set([name], 'serving')
      // A family's model is loaded by what is declared: it is there, or says why it is not.
      else await knownModel(parts.store, name)
    },
    async unload(name) {
      if (await hasImported(parts.store, name)) {
        await set([name], 'unloaded')
        return
      }
      await knownModel(parts.store, name)
      throw new MusterError('E_USAGE', `${name} is of a family, which serves as it is declared`, {
        field: 'model',
        hint: 'change its blueprint, and apply it: muster apply',
      })
    },
  }
}

async function familyEntries(parts: DeskParts, readyOnly: boolean): Promise<RepositoryEntry[]> {
  const filter = readFilter(readyOnly ? 'state:serving' : '')
  const ask = { filter, sort: 'name', limit: indexMax + 1, after: undefined } as const
  const rows = await modelsPage(parts, ask)
  return rows.map(({ name, state }) => ({
    name,
    version: '',
    state: state === 'serving' ? 'READY' : 'UNAVAILABLE',
    reason: state === 'serving' ? '' : state,
  }))
}
