import type { Place } from '../spec/index.ts'

/** `muster.yaml:41`. */
export function placeText(place: Place | undefined): string {
  return place ? `${place.file}:${place.line}` : ''
}
