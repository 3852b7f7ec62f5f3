/** `home_town` → `homeTown`, as protoc derives a field's JSON name. */
export function jsonName(name: string): string {
  let out = '';
  let upper = false;
  for (const char of name) {
    if (char === '_') upper = true;
    else {
      out += upper ? char.toUpperCase() : char;
      upper = false;
    }
  }
  return out;
}

/** `home_town` → `HomeTownEntry`, as protoc names the message of a map field's entries. */
export function mapEntryName(name: string): string {
  const camel = jsonName(`_${name}`);
  return `${camel}Entry`;
}

/** The package, message or service that a full name is in; '' at the top. */
export function parentName(fullName: string): string {
  const dot = fullName.lastIndexOf('.');
  return dot < 0 ? '' : fullName.slice(0, dot);
}
