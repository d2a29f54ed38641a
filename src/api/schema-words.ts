/*
 * What a schema found wrong with a request, in words of ours: those of the library name its own
 * types, and quote expressions nobody wrote for a reader.
 */

/** One fault as the schema library gives it. */
export interface SchemaFault {
  readonly keyword: string
  readonly instancePath: string
  readonly message?: string | undefined
  readonly params: Readonly<Record<string, unknown>>
}

export interface FaultInWords {
  readonly detail: string
  /** `files.0.text`; empty for the whole. */
  readonly field: string
}

const types: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'a JSON object',
}

/** `whole`: what the fault is in when it is in no field of it: `the body`, `the query`. */
export function inWords(fault: SchemaFault, whole: string): FaultInWords {
  const { keyword, params } = fault
  const field = fault.instancePath.replace(/^\//, '').replaceAll('/', '.')
  const named = field ? `\`${field}\`` : whole
  if (keyword === 'unrecognized_keys') return unknownNames(params.keys as string[], field)
  return { field, detail: detailOf(fault, named) }
}

function detailOf({ keyword, message, params }: SchemaFault, named: string): string {
  switch (keyword) {
    case 'invalid_value':
      return `${named} is one of ${(params.values as readonly unknown[]).join(', ')}`
    case 'invalid_type':
      if (message?.endsWith('received undefined')) return `${named} is missing`
      return `${named} is not ${types[String(params.expected)] ?? 'of the expected type'}`
    case 'too_small':
      return `${named} ${bound(params.origin, params.minimum)} or more`
    case 'too_big':
      return `${named} ${bound(params.origin, params.maximum)} or less`
    default:
      // A form that has a message in `contract/` has it in our words already.
      if (message && !/^(?:Invalid|Unrecognized|Too)\b/.test(message)) return message
      return `${named} is not of the expected form`
  }
}

function bound(origin: unknown, limit: unknown): string {
  const unit = origin === 'array' ? 'item' : 'character'
  if (origin !== 'array' && origin !== 'string') return `is ${limit}`
  return `has ${limit} ${unit}${limit === 1 ? '' : 's'}`
}

function unknownNames(keys: readonly string[], within: string): FaultInWords {
  const names = keys.map(key => [within, key].filter(Boolean).join('.'))
  const listed = names.map(name => `\`${name}\``).join(', ')
  const are = names.length === 1 ? 'is not a name that is' : 'are not names that are'
  return { field: names[0]!, detail: `${listed} ${are} read here` }
}
