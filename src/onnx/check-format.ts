import { MusterError } from '../base/errors.ts'

/*
 * What a file is by its first bytes, whatever its name says. Formats that run code when they are
 * read (pickle and what contains it) are refused and never scanned: scanners have been passed by
 * (CVE-2025-1716, CVE-2025-10155).
 */

interface Format {
  readonly is: string
  readonly starts: readonly number[]
  /** Where those bytes stand. */
  readonly at?: number
  readonly hint: string
}

const bytesOf = (text: string): readonly number[] => [...Buffer.from(text, 'latin1')]
const fromTorch = 'export it from PyTorch: torch.onnx.export(model, example, "model.onnx")'
const fromPickle =
  'export it where it was made: skl2onnx for scikit-learn, onnxmltools for LightGBM and XGBoost, ' +
  'torch.onnx for PyTorch'

const formats: readonly Format[] = [
  { is: 'an ONNX Runtime .ort file', starts: bytesOf('ORTM'), at: 4, hint: 'send the .onnx file' },
  { is: 'a zip archive (.pt, .keras, .npz)', starts: bytesOf('PK\x03\x04'), hint: fromTorch },
  { is: 'an HDF5 file (.h5, .keras)', starts: bytesOf('\x89HDF'), hint: 'export it with tf2onnx' },
  { is: 'a gzip archive', starts: [0x1f, 0x8b], hint: 'send the .onnx file, not packed' },
  { is: 'a zlib stream (joblib)', starts: [0x78, 0x9c], hint: fromPickle },
  { is: 'a bzip2 archive', starts: bytesOf('BZh'), hint: 'send the .onnx file, not packed' },
  { is: 'a Zstandard archive', starts: [0x28, 0xb5, 0x2f, 0xfd], hint: 'send it, not packed' },
  { is: 'an xz archive', starts: [0xfd, 0x37, 0x7a, 0x58, 0x5a], hint: 'send it, not packed' },
  { is: 'a TensorFlow Lite file', starts: bytesOf('TFL3'), at: 4, hint: 'convert: tf2onnx' },
  { is: 'a GGUF file', starts: bytesOf('GGUF'), hint: 'language models are not served here' },
  { is: 'a NumPy array', starts: bytesOf('\x93NUMPY'), hint: fromPickle },
  { is: 'a LightGBM text model', starts: bytesOf('tree\n'), hint: fromPickle },
  { is: 'a JSON document', starts: bytesOf('{"'), hint: fromPickle },
  { is: 'a pointer of git LFS', starts: bytesOf('version https://git-lfs'), hint: 'git lfs pull' },
]
/** Protocols 2 to 5 begin with PROTO and the number; joblib writes the same. */
const pickleProtocols = [2, 3, 4, 5]

/** Throws E_MODEL_FORMAT, naming what it is, for a file that is another thing than ONNX. */
export function checkFormat(bytes: Uint8Array): void {
  const isPickle = bytes[0] === 0x80 && pickleProtocols.includes(bytes[1]!)
  if (isPickle || isOldPickle(bytes)) throw notOnnx('a Python pickle', fromPickle)
  for (const { is, starts, at = 0, hint } of formats) {
    if (starts.every((byte, i) => bytes[at + i] === byte)) throw notOnnx(is, hint)
  }
}

/** Protocols 0 and 1 have no mark: they end with a stop, and name what they build. */
function isOldPickle(bytes: Uint8Array): boolean {
  const opcodes = '(c]}'
  if (bytes.length < 4 || bytes.at(-1) !== 0x2e) return false
  if (!opcodes.includes(String.fromCharCode(bytes[0]!))) return false
  return /^[(\]}dlp0-9\n]*c[\w.]+\n\w+\n/.test(
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512)).toString('latin1'),
  )
}

function notOnnx(is: string, hint: string): MusterError {
  return new MusterError('E_MODEL_FORMAT', `the file is ${is}, not an ONNX model`, { hint })
}
