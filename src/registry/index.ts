export { type BlobFolder, openBlobs } from './blobs.ts'
export { makeFolder, syncFolder } from './durable-file.ts'
export type { FsckReport } from './fsck.ts'
export { type Pack, readPack, versionDigest, writePack } from './pack.ts'
