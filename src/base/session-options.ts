/**
 * How ONNX Runtime opens a session, in the gateway as in runners. One thread: callers batch. No
 * arena and no memory pattern: else memory does not come back after a large batch.
 */
export const sessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableCpuMemArena: false,
  enableMemPattern: false,
  logSeverityLevel: 3,
} as const
