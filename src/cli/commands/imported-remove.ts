import { setImported } from '../set-imported.ts'

export const act = setImported('remove')
