export type {
  Datatype,
  Tensor,
  TensorData,
  TensorShape,
  TensorSignature,
} from '../fleet/index.ts'
export { datatypeBytes } from '../fleet/index.ts'
