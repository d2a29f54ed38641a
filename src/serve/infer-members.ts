/**
 * Members of an `infer` body that are read. `model_name` stands in none of the protocol's requests;
 * KServe's client repeats there what the path says, and the rim holds it against the path.
 */
export const bodyMembers: ReadonlySet<string> = new Set([
  'id',
  'parameters',
  'inputs',
  'outputs',
  'model_name',
])
